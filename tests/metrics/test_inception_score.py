"""The Inception Score under every published convention, against its definition."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from aigc_bench.core import FeaturePair, Features
from aigc_bench.core.errors import MeasurementError, NotAvailableError
from aigc_bench.metrics import inception_score as family
from aigc_bench.metrics.inception_score import CONVENTIONS, Convention

TORCH_FIDELITY, IMPROVED_GAN, ADM, STUDIOGAN, WITH_BIAS = CONVENTIONS


def classified(num: int, seed: int = 0) -> Features:
    """Logits of ten classes, class by class as files often lie."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(num, 10, generator=generator)
    logits[torch.arange(num), torch.arange(num) * 10 // num] += 3
    return Features(torch.zeros(num, 1), logits)


BIAS = torch.linspace(-1, 1, 10)


def naive_score(logits: Tensor) -> float:
    """The exponential of the mean Kullback-Leibler divergence, in numpy."""
    z = logits.double().numpy()
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    return math.exp(float((p * (np.log(p) - np.log(p.mean(0)))).sum(1).mean()))


def naive(logits: Tensor, name: str) -> list[float]:
    """The scores of the splits, each convention written out."""
    num = len(logits)
    tenths = [slice(i * num // 10, (i + 1) * num // 10) for i in range(10)]
    if name == "inception_score":
        logits = logits[np.random.RandomState(2020).permutation(num)]
    if name in ("inception_score_studiogan", "inception_score_bias"):
        logits = logits.double() + BIAS.double()
    if name == "inception_score_adm":
        parts = [logits[start : start + 5000] for start in range(0, num, 5000)]
    elif name == "inception_score_studiogan":
        parts = [logits]
    else:
        parts = [logits[part] for part in tenths]
    return [naive_score(part) for part in parts]


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda convention: convention.name)
@pytest.mark.parametrize("num", [257, 12_001])
def test_it_equals_its_definition(convention: Convention, num: int) -> None:
    """Splits, order and bias; ADM's last chunk is short and counts like the others."""
    fake = classified(num)
    pair = FeaturePair(fake, fake, "made", "0", BIAS)
    assert fake.logits is not None
    expected = naive(fake.logits, convention.name)
    found = getattr(family, convention.name).compute(pair)
    assert found.value == pytest.approx(np.mean(expected), rel=1e-9)
    if len(expected) == 10:
        assert found.standard_error == pytest.approx(np.std(expected, ddof=1) / math.sqrt(10), rel=1e-9)


def test_conventions_differ_where_the_order_or_the_bias_counts() -> None:
    """Class by class, tenths without a shuffle hold one class each."""
    pair = FeaturePair(classified(2000), classified(2000), "made", "0", BIAS)
    values = {c.name: getattr(family, c.name).compute(pair).value for c in CONVENTIONS}
    assert values["inception_score_improved_gan"] < 0.8 * values["inception_score"]
    assert values["inception_score_bias"] != values["inception_score_improved_gan"]
    assert len(set(values.values())) == 5


def test_pieces_do_not_change_the_score(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums over small pieces merge to the same."""
    pair = FeaturePair(classified(700), classified(700), "made", "0", BIAS)
    whole = [getattr(family, c.name).compute(pair).value for c in CONVENTIONS]
    monkeypatch.setattr(family, "PIECE", 37)
    assert [getattr(family, c.name).compute(pair).value for c in CONVENTIONS] == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("split_size", [100, 5000])
def test_the_jackknife_leaves_out_blocks_of_every_split(split_size: int) -> None:
    """A replicate is the mean of the splits' scores, computed anew without that block's samples."""
    fake = classified(330)
    assert fake.logits is not None
    found = family.estimate(fake.logits, None, replace(ADM, split_size=split_size))
    gone = family.intervals.blocks(330)[4]
    keep = torch.ones(330, dtype=torch.bool)
    keep[gone] = False
    parts = [range(start, min(start + split_size, 330)) for start in range(0, 330, split_size)]
    anew = [naive_score(fake.logits[[i for i in part if keep[i]]]) for part in parts]
    assert len(found.replicates) == 20
    assert found.replicates[4] == pytest.approx(np.mean(anew), rel=1e-9)


@pytest.mark.parametrize(
    "convention", [ADM, STUDIOGAN, replace(ADM, split_size=170)], ids=["adm", "studiogan", "unequal"]
)
def test_error_bars_without_many_splits_are_true(convention: Convention) -> None:
    """One split, and splits of unlike size: stated against observed over 300 draws."""
    generator = torch.Generator().manual_seed(0)
    draws = [3 * torch.randn(400, 10, generator=generator) for _ in range(300)]
    found = [family.estimate(draw, BIAS if convention.bias else None, convention) for draw in draws]
    observed = np.std([estimate.value for estimate in found], ddof=1)
    stated = math.sqrt(np.mean([(estimate.standard_error or 0) ** 2 for estimate in found]))
    assert 0.85 < stated / observed < 1.2


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"logit_bias": None}, NotAvailableError, "does not tell the bias of its logits, and StudioGAN adds it"),
        ({"fake": Features(torch.zeros(99, 1))}, NotAvailableError, "has no classifier"),
        ({"fake": classified(30)}, MeasurementError, "at least 40 generated samples"),
    ],
)
def test_what_cannot_be_scored_says_why(change: dict[str, Any], error: type[Exception], message: str) -> None:
    """No bias, no classifier, too few samples for the error bar."""
    pair = FeaturePair(classified(99), classified(99), "made", "0", BIAS)
    with pytest.raises(error, match=message):
        family.inception_score_studiogan.compute(replace(pair, **change))


def test_ten_splits_need_ten_samples() -> None:
    """With whose convention that is."""
    with pytest.raises(MeasurementError, match="of improved-gan has 10 splits"):
        family.inception_score_improved_gan.compute(FeaturePair(classified(9), classified(9), "made", "0"))

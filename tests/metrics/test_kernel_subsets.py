"""KID as the published codes print it: the mean over 100 random subsets of 1000."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from aigc_bench.core import FeaturePair, Features
from aigc_bench.core.errors import NotAvailableError
from aigc_bench.metrics import kernel
from aigc_bench.metrics.kernel import kd, kd_subsets
from aigc_bench.metrics.kernel_sums import KernelSums, Subsets


def made(num_real: int, num_fake: int, width: int = 24, shift: float = 0.1, seed: int = 0) -> FeaturePair:
    """Rectified features, as a network's are."""
    generator = torch.Generator().manual_seed(seed)
    real = torch.randn(num_real, width, generator=generator).relu()
    fake = (torch.randn(num_fake, width, generator=generator) + shift).relu()
    return FeaturePair(Features(real), Features(fake), "made", "0")


def naive(pair: FeaturePair) -> list[float]:
    """The protocol in float64 numpy, subset by subset."""
    random = np.random.RandomState(2020)
    x, y = pair.real.pool.double().numpy(), pair.fake.pool.double().numpy()
    found = []
    for _ in range(100):
        a = y[random.choice(len(y), 1000, replace=False)]
        b = x[random.choice(len(x), 1000, replace=False)]
        aa, bb, ab = ((p @ q.T / x.shape[1] + 1) ** 3 for p, q in ((a, a), (b, b), (a, b)))
        own = (aa.sum() - np.trace(aa) + bb.sum() - np.trace(bb)) / (1000 * 999)
        found.append(float(own - 2 * ab.mean()))
    return found


@pytest.mark.parametrize(("width", "swept"), [(24, 1050), (24, 10_000)])
def test_it_equals_the_protocol(width: int, swept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Subset by subset: from the sweep over all pairs, and one subset after the other."""
    monkeypatch.setattr(kernel, "SWEPT", swept)
    pair = made(1300, 1100, width)
    assert kd_subsets.compute(pair).replicates == pytest.approx(naive(pair), rel=1e-6, abs=1e-8)


def test_it_equals_torch_fidelity(torch_fidelity: Any) -> None:
    """To 1e-6 on equal features; its first input is the generated side."""
    pair = made(1500, 1200, 256)
    theirs = torch_fidelity.metric_kid.kid_features_to_metric(
        pair.fake.pool, pair.real.pool, kid_subsets=100, kid_subset_size=1000, verbose=False, rng_seed=2020
    )
    found = kd_subsets.compute(pair)
    assert found.value == pytest.approx(theirs["kernel_inception_distance_mean"], abs=1e-6)
    assert np.std(found.replicates) == pytest.approx(theirs["kernel_inception_distance_std"], abs=1e-6)


def test_one_sweep_serves_both_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of wide features, whichever is asked for first; `kd` is as without."""
    alone = kd.compute(made(1100, 1050, 600))
    sweeps = []
    inner = KernelSums.of
    monkeypatch.setattr(KernelSums, "of", lambda *arguments: sweeps.append(1) or inner(*arguments))
    for first, second in ((kd, kd_subsets), (kd_subsets, kd)):
        pair = made(1100, 1050, 600)
        found = {metric.name: metric.compute(pair) for metric in (first, second)}
        assert found[kd.name] == alone
    assert len(sweeps) == 2


def test_the_error_bar_holds_both_drawings() -> None:
    """Of the samples and of the subsets: stated against observed over repeated draws of the generated set."""
    real = made(1000, 1000, 6).real
    generator = torch.Generator().manual_seed(5)
    fakes = [Features((torch.randn(1500, 6, generator=generator) + 0.1).relu()) for _ in range(60)]
    found = [kd_subsets.compute(FeaturePair(real, fake, "made", "0")) for fake in fakes]
    observed = np.std([estimate.value for estimate in found], ddof=1)
    stated = math.sqrt(np.mean([(estimate.standard_error or 0) ** 2 for estimate in found]))
    assert 0.75 < stated / observed < 1.35  # 60 draws know the spread to 9 %


def test_terms_from_a_part_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are too many pairs, the error bar comes from some of the samples and stays about the same."""
    pair = made(4000, 4000)
    whole = kd_subsets.compute(pair)
    monkeypatch.setattr(kernel, "SWEPT", 2000)
    part = kd_subsets.compute(made(4000, 4000))
    assert part.value == pytest.approx(whole.value, rel=1e-6)
    assert part.standard_error == pytest.approx(whole.standard_error, rel=0.15)


def test_with_1000_samples_a_side_every_subset_is_the_whole() -> None:
    """Equal to `kd`, value and error."""
    found, whole = kd_subsets.compute(made(1000, 1000)), kd.compute(made(1000, 1000))
    assert found.value == pytest.approx(whole.value, rel=1e-9)
    assert found.standard_error == pytest.approx(whole.standard_error, rel=1e-6)


def test_too_few_samples_are_told_the_way_out() -> None:
    """Not available, and no failure."""
    for num_real, num_fake in ((999, 1000), (1000, 999)):
        with pytest.raises(NotAvailableError, match=rf"got {num_real} real and {num_fake} generated; `kd` is the same"):
            kd_subsets.compute(made(num_real, num_fake))


def test_subsets_are_drawn_without_replacement() -> None:
    """A hundred of a thousand on each side."""
    drawn = Subsets.drawn(1200, 1700)
    for rows, num in ((drawn.fake, 1200), (drawn.real, 1700)):
        assert rows.shape == (100, 1000)
        assert all(len(set(row)) == 1000 for row in rows.tolist())
        assert int(rows.max()) < num

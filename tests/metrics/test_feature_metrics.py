"""KID, Inception Score, the manifold metrics and class balance against naive references."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics.image.kid import poly_mmd

from aigc_bench.core import FeaturePair, Features
from aigc_bench.errors import MeasurementError, NotAvailableError
from aigc_bench.metrics import manifold
from aigc_bench.metrics.class_balance import class_balance
from aigc_bench.metrics.inception_score import inception_score
from aigc_bench.metrics.kernel import KernelSums, kd
from aigc_bench.metrics.neighbours import nearest_neighbours
from aigc_bench.stats import intervals


def test_kernel_distance_equals_torchmetrics(pair: FeaturePair) -> None:
    """Over all pairs, on equally large sides."""
    x, y = pair.real.pool[:260].double(), pair.fake.pool.double()
    assert KernelSums.of(x, y).distance == pytest.approx(float(poly_mmd(x, y)), rel=1e-9)


def test_kernel_distance_is_unbiased_and_its_error_true() -> None:
    """Over 300 draws of the same distribution the mean is near 0 and the stated error near the observed spread."""
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(200, 6, generator=generator)
    found = [KernelSums.of(real, torch.randn(200, 6, generator=generator) + 0.3) for _ in range(300)]
    observed = float(np.std([sums.distance for sums in found], ddof=1))
    stated = math.sqrt(float(np.mean([sums.standard_error**2 for sums in found])))
    assert 0.85 < stated / observed < 1.15


def test_tiles_do_not_change_the_kernel_distance(pair: FeaturePair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tiles give the same value and error."""
    whole = kd.compute(pair)
    monkeypatch.setattr("aigc_bench.metrics.kernel.TILE", 37)
    tiled = kd.compute(pair)
    assert tiled.value == pytest.approx(whole.value, rel=1e-10)
    assert tiled.standard_error == pytest.approx(whole.standard_error, rel=1e-8)


def test_the_variance_terms_equal_their_definition(pair: FeaturePair) -> None:
    """c₂ by the explicit doubly centred matrix."""
    sums, y = KernelSums.of(pair.real.pool, pair.fake.pool), pair.fake.pool.double()
    n = len(y)
    k = (y @ y.T / y.shape[1] + 1) ** 3
    k.fill_diagonal_(0)
    r = k.sum(1) / (n - 1)
    centred = (k - r[:, None] - r[None] + r.mean()).fill_diagonal_(0)
    c2 = float(centred.square().sum()) / (n * (n - 1))
    h = 2 * (r - sums.cross_rows / sums.num_real)
    first = max(float(h.var()) - 4 * c2 / (n - 1), 0)
    assert sums.standard_error == pytest.approx(math.sqrt(first / n + 2 * c2 / (n * (n - 1))), rel=0.01)


def test_inception_score_equals_a_loop_over_the_protocol(pair: FeaturePair) -> None:
    """torch-fidelity's order and splits, in numpy."""
    assert pair.fake.logits is not None
    logits = pair.fake.logits.double().numpy()
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    p = p[np.random.RandomState(2020).permutation(len(p))]
    scores = []
    for i in range(10):
        part = p[i * len(p) // 10 : (i + 1) * len(p) // 10]
        scores.append(math.exp(float((part * (np.log(part) - np.log(part.mean(0)))).sum(1).mean())))
    estimate = inception_score.compute(pair)
    assert estimate.value == pytest.approx(np.mean(scores), rel=1e-9)
    assert estimate.standard_error == pytest.approx(np.std(scores, ddof=1) / math.sqrt(10), rel=1e-9)


def distances(x: Tensor, y: Tensor) -> Tensor:
    """All pairs, by differences."""
    return (x[:, None].double() - y[None].double()).norm(dim=2)


def naive(real: Tensor, fake: Tensor) -> dict[str, float]:
    """The four definitions, with all matrices in memory."""
    rr, ff, rf = distances(real, real), distances(fake, fake), distances(real, fake)
    radius = lambda d, k: d.sort(1)[0][:, k : k + 1]  # noqa: E731 (column 0 is the point itself)
    return {
        "precision": float((rf <= radius(rr, 3)).any(0).double().mean()),
        "recall": float((radius(ff, 3) >= rf.T).any(0).double().mean()),
        "density": float((rf < radius(rr, 5)).double().sum(0).mean() / 5),
        "coverage": float((rf < radius(rr, 5)).any(1).double().mean()),
    }


@pytest.mark.parametrize("name", ["precision", "recall", "density", "coverage"])
def test_manifold_metrics_equal_their_definitions(
    name: str, pair: FeaturePair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts agree exactly, whatever the tiles; leaving out a block equals computing without it."""
    expected = naive(pair.real.pool, pair.fake.pool)[name]
    estimate = getattr(manifold, name).compute(pair)
    assert estimate.value == pytest.approx(expected, abs=1e-12)
    if name in ("recall", "coverage"):
        for block in (0, 7):
            keep = torch.ones(260, dtype=torch.bool)
            keep[intervals.blocks(260)[block]] = False
            without = naive(pair.real.pool, pair.fake.pool[keep])[name]
            assert estimate.replicates[block] == pytest.approx(without, abs=1e-12)
    monkeypatch.setattr("aigc_bench.metrics.manifold.TILE", 41)
    monkeypatch.setattr("aigc_bench.metrics.neighbours.TILE", 41)
    assert getattr(manifold, name).compute(pair) == estimate


def test_neighbours_are_exact_where_products_cancel() -> None:
    """Near-duplicates far from the origin: the GEMM alone would call them identical or swap them."""
    base = torch.full((50, 16), 1000.0) + torch.arange(50)[:, None] * 1e-3
    found, index = nearest_neighbours(base[:5] + 2e-4, base, 1)
    assert index[:, 0].tolist() == [0, 1, 2, 3, 4]
    expected = (base[:5].double() - (base[:5] + 2e-4).double()).norm(dim=1)
    torch.testing.assert_close(found[:, 0], expected)


def test_class_balance_is_total_variation(pair: FeaturePair) -> None:
    """A dropped class of one tenth costs about a tenth; equal sides cost nothing."""
    logits = 9 * torch.eye(10)[torch.arange(400) % 10]
    real = Features(torch.zeros(400, 1), logits)
    dropped = Features(torch.zeros(400, 1), logits.clone())
    dropped.logits[::10] = 9 * torch.eye(10)[1]  # type: ignore[index]
    assert class_balance.compute(FeaturePair(real, dropped, "made", "0")).value == pytest.approx(0.1)
    assert class_balance.compute(FeaturePair(real, real, "made", "0")).value == 0


def test_metrics_without_their_evidence_say_so(pair: FeaturePair) -> None:
    """No classifier: not available. Too few neighbours: undefined."""
    blind = FeaturePair(Features(pair.real.pool), Features(pair.fake.pool), "pixels", "0")
    for metric in (inception_score, class_balance):
        with pytest.raises(NotAvailableError, match="no classifier"):
            metric.compute(blind)
    few = FeaturePair(Features(pair.real.pool[:3]), pair.fake, "made", "0")
    with pytest.raises(MeasurementError, match="neighbour"):
        manifold.precision.compute(few)

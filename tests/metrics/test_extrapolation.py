"""The Fréchet distance at N = ∞: against a naive fit, and on Gaussians whose distance is known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch

from aigc_bench.core import FeaturePair, Features, StatisticsPair
from aigc_bench.metrics.extrapolation import fd_infinity
from aigc_bench.metrics.frechet import fd
from aigc_bench.stats import intervals


def naive_distance(x: np.ndarray, y: np.ndarray) -> float:
    """The textbook formula."""
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    shift = x.mean(0) - y.mean(0)
    return float(shift @ shift + np.trace(a) + np.trace(b) - 2 * np.trace(scipy.linalg.sqrtm(a @ b)).real)


def naive(x: np.ndarray, y: np.ndarray, gone: int | None) -> float:
    """Every subset from its rows, the line by numpy's polynomial fit."""
    blocks = [block.numpy() for block in intervals.blocks(len(y))]
    inverse, distances = [], []
    for size in (10, 15, 20):
        subsets = [[(first + i) % 20 for i in range(size)] for first in (0, 5, 10, 15)]
        rows = [np.concatenate([blocks[block] for block in subset if block != gone]) for subset in subsets]
        inverse.append(np.mean([1 / len(some) for some in rows]))
        distances.append(np.mean([naive_distance(x, y[some]) for some in rows]))
    return float(np.polyfit(inverse, distances, 1)[1])


def made(num_real: int, num: int, width: int) -> FeaturePair:
    """Gaussians apart by a shift and a scale."""
    generator = torch.Generator().manual_seed(4)
    real = torch.randn(num_real, width, generator=generator)
    fake = 1.2 * torch.randn(num, width, generator=generator) + 0.3
    return FeaturePair(Features(real), Features(fake), "made", "0")


@pytest.mark.parametrize(("num_real", "num", "width"), [(200, 163, 5), (90, 60, 64)])
def test_it_equals_a_naive_fit(num_real: int, num: int, width: int) -> None:
    """Value and jackknife, with more samples than features and with fewer."""
    pair = made(num_real, num, width)
    x, y = pair.real.pool.double().numpy(), pair.fake.pool.double().numpy()
    found = fd_infinity.compute(pair)
    tolerance = {"rel": 1e-6} if width < num else {"rel": 1e-3}  # scipy's root of a singular product is rough
    assert found.value == pytest.approx(naive(x, y, None), **tolerance)
    assert len(found.replicates) == 20
    for gone in (0, 13):
        assert found.replicates[gone] == pytest.approx(naive(x, y, gone), **tolerance)


def test_it_is_nearer_to_the_truth_than_the_distance_at_n() -> None:
    """Gaussians of known distance, reference known exactly: nearly all the bias is gone, and the error bar is true."""
    width, shift, scale = 24, 0.3, 1.2
    truth = width * (shift**2 + (scale - 1) ** 2)
    moments = torch.zeros(width).double(), torch.eye(width).double()
    generator = torch.Generator().manual_seed(0)
    plain, far = [], []
    assert fd.of_statistics
    assert fd_infinity.of_statistics
    for _ in range(40):
        fake = Features(scale * torch.randn(200, width, generator=generator) + shift)
        pair = StatisticsPair(*moments, fake, "made", "0")
        plain.append(fd.of_statistics.compute(pair).value)
        far.append(fd_infinity.of_statistics.compute(pair))
    values = np.array([estimate.value for estimate in far])
    bias = np.mean(plain) - truth
    assert bias > 0.5
    assert abs(values.mean() - truth) < 0.15 * bias
    stated = np.sqrt(np.mean([(estimate.standard_error or 0) ** 2 for estimate in far]))
    assert 0.75 < stated / values.std(ddof=1) < 1.35  # the observed spread of 40 draws is itself known to 11 %
    assert "reference fixed" in far[0].estimand

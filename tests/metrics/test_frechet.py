"""The Fréchet distance against scipy's square root, closed forms, and its laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from aigc_bench.core import FeaturePair, Features
from aigc_bench.core.errors import MeasurementError
from aigc_bench.metrics.frechet import fd, frechet_distance, influences
from aigc_bench.metrics.moments import Moments
from aigc_bench.stats import intervals


def by_scipy(x: np.ndarray, y: np.ndarray) -> float:
    """The textbook formula through a general matrix square root."""
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(a @ b)
    shift = x.mean(0) - y.mean(0)
    return float(shift @ shift + np.trace(a) + np.trace(b) - 2 * np.trace(root).real)


def test_it_equals_scipys_square_root(pair: FeaturePair) -> None:
    """To 1e-6, on heavy-tailed features."""
    x, y = pair.real.pool, pair.fake.pool
    ours = frechet_distance(Moments.of(x), Moments.of(y))
    assert ours == pytest.approx(by_scipy(x.double().numpy(), y.double().numpy()), rel=1e-6)
    assert fd.compute(pair).value == pytest.approx(ours, rel=1e-10)


def test_gaussians_of_equal_shape_are_apart_by_their_shift() -> None:
    """FD(x, x) = 0, and FD(x, x + t) = ‖t‖²."""
    x = torch.randn(200, 8, generator=torch.Generator().manual_seed(0)).double()
    t = torch.arange(8).double()
    assert frechet_distance(Moments.of(x), Moments.of(x)) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(Moments.of(x), Moments.of(x + t)) == pytest.approx(float(t @ t), rel=1e-9)


@pytest.mark.parametrize("num_real", [20, 90])
def test_few_samples_take_the_gram_matrix_and_agree(num_real: int) -> None:
    """N < D: value and every replicate equal the D × D form, whether the real covariance is singular or not."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(num_real, 64, generator=generator)
    y = 1.5 * torch.randn(50, 64, generator=generator) + 0.2
    estimate = fd.compute(FeaturePair(Features(x), Features(y), "made", "0"))
    real, whole = Moments.of(x), Moments.of(y)
    assert estimate.value == pytest.approx(frechet_distance(real, whole), rel=1e-7)
    anew = [frechet_distance(real, whole - Moments.of(y[block])) for block in intervals.blocks(50)]
    assert estimate.replicates == pytest.approx(anew, rel=1e-6)


def test_few_samples_never_need_a_matrix_of_all_features() -> None:
    """Of 200,000 features a D × D matrix would be 320 GB: the jackknife and each sample's influence included."""
    generator = torch.Generator().manual_seed(2)
    x, y = (torch.randn(num, 200_000, generator=generator) for num in (60, 50))
    y += 0.01
    pair = FeaturePair(Features(x), Features(y), "made", "0")
    estimate = fd.compute(pair)
    # ‖X Yᵀ‖⁎ of centred features is Tr (Σ₁Σ₂)^½ times √((m - 1)(n - 1)).
    a, b = (z.double() - z.double().mean(0) for z in (x, y))
    cross = float(torch.linalg.svdvals(a @ b.T).sum()) / math.sqrt(59 * 49)
    shift = x.double().mean(0) - y.double().mean(0)
    expected = float(shift @ shift) + float(a.square().sum()) / 59 + float(b.square().sum()) / 49 - 2 * cross
    assert estimate.value == pytest.approx(expected, rel=1e-9)
    assert estimate.standard_error is not None
    assert float(influences(pair.real, y).sum()) == pytest.approx(0, abs=1e-6 * expected)


def test_moments_merge_and_part(pair: FeaturePair) -> None:
    """A whole is the sum of its parts, and what is left when one goes."""
    x = pair.real.pool
    whole, merged = Moments.of(x), Moments.of(x[:70]) + Moments.of(x[70:])
    rest = whole - Moments.of(x[:70])
    for a, b in ((whole, merged), (rest, Moments.of(x[70:]))):
        assert a.num_samples == b.num_samples
        torch.testing.assert_close(a.mean, b.mean, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(a.cov, b.cov, rtol=1e-10, atol=1e-10)


def test_the_jackknife_leaves_out_real_blocks(pair: FeaturePair) -> None:
    """Each replicate is the distance computed anew without that block."""
    estimate = fd.compute(pair)
    rest = torch.cat([pair.fake.pool[block] for block in intervals.blocks(len(pair.fake.pool))[1:]])
    anew = frechet_distance(Moments.of(pair.real.pool), Moments.of(rest))
    assert estimate.replicates[0] == pytest.approx(anew, rel=1e-9)
    assert len(estimate.replicates) == 20


def test_undefined_distances_are_errors(pair: FeaturePair) -> None:
    """Constant features and too few samples are refused with a reason."""
    constant = Features(torch.ones(100, 12))
    with pytest.raises(MeasurementError, match="same features"):
        fd.compute(FeaturePair(pair.real, constant, "made", "0"))
    with pytest.raises(MeasurementError, match="at least 40"):
        fd.compute(FeaturePair(pair.real, Features(pair.fake.pool[:30]), "made", "0"))

"""Fréchet distance between Gaussians fitted to features (Dowson and Landau 1982; Heusel et al., arXiv 1706.08500).

    d² = ‖μ₁ - μ₂‖² + Tr Σ₁ + Tr Σ₂ - 2 Tr (Σ₁ Σ₂)^½,   Σ with N - 1

`fid` is reserved for the TensorFlow-ported Inception; on any other extractor the score is `fd_<extractor>`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Metric, StatisticsPair
from aigc_bench.errors import MeasurementError
from aigc_bench.stats import intervals


@dataclass(frozen=True, slots=True)
class Moments:
    """Sufficient statistics of (N, D) features, float64. They merge: `Moments.of(a) + Moments.of(b)`."""

    num_samples: int
    mean: Tensor
    """(D,)"""
    scatter: Tensor
    """(D, D), Σ (x - mean)(x - mean)ᵀ"""

    @classmethod
    def of(cls, features: Tensor) -> Moments:
        """(N, D) of any float type => moments."""
        x = features.to(torch.float64)
        mean = x.mean(0)
        centred = x - mean
        return cls(len(x), mean, centred.T @ centred)

    @classmethod
    def published(cls, mean: Tensor, cov: Tensor) -> Moments:
        """A mean (D,) and covariance (D, D) of an unknown number of samples; they do not merge with others."""
        return cls(2, mean, cov)  # of two samples the scatter is the covariance

    def __add__(self, other: Moments) -> Moments:
        # Chan, Golub and LeVeque 1983: exact in real arithmetic, and stable.
        total = self.num_samples + other.num_samples
        shift = other.mean - self.mean
        weight = self.num_samples * other.num_samples / total
        mean = self.mean + shift * (other.num_samples / total)
        return Moments(total, mean, self.scatter + other.scatter + weight * torch.outer(shift, shift))

    def __sub__(self, part: Moments) -> Moments:
        rest = self.num_samples - part.num_samples
        mean = (self.mean * self.num_samples - part.mean * part.num_samples) / rest
        shift = part.mean - mean
        weight = rest * part.num_samples / self.num_samples
        return Moments(rest, mean, self.scatter - part.scatter - weight * torch.outer(shift, shift))

    @property
    def cov(self) -> Tensor:
        """(D, D) unbiased covariance.

        Raises:
            MeasurementError: fewer than two samples.
        """
        if self.num_samples < 2:
            raise MeasurementError(f"a covariance needs at least 2 samples, got {self.num_samples}")
        return self.scatter / (self.num_samples - 1)


def factor(cov: Tensor) -> Tensor:
    """R with R Rᵀ = cov: Cholesky, or eigenvectors where cov is singular."""
    lower: Tensor
    lower, info = torch.linalg.cholesky_ex(cov)
    if int(info):
        values, vectors = torch.linalg.eigh(cov)
        lower = vectors * values.clamp_min(0).sqrt()
    return lower


def frechet_distance(real: Moments, fake: Moments, real_factor: Tensor | None = None) -> float:
    """Squared Fréchet distance; `real_factor` is `factor(real.cov)` where it is known already.

    Raises:
        MeasurementError: fewer than two samples on a side.
    """
    r = factor(real.cov) if real_factor is None else real_factor
    # Tr (Σ₁Σ₂)^½ via Rᵀ Σ₂ R: symmetric, so eigvalsh is exact and cannot return complex parts.
    cross = torch.linalg.eigvalsh(r.T @ fake.cov @ r).clamp_min(0).sqrt().sum()
    shift = real.mean - fake.mean
    distance = shift @ shift + real.cov.trace() + fake.cov.trace() - 2 * cross
    return max(float(distance), 0.0)


def frechet_distance_of_few(real: Tensor, fake: Tensor) -> float:
    """The same from features (N, D) with N < D, in O(N² D): the cross term is a nuclear norm.

    Tr (Σ₁ Σ₂)^½ = ‖X₁ X₂ᵀ‖_* / √((N₁ - 1)(N₂ - 1)) for centred X, since both have the same non-zero spectrum.
    """
    x, y = real.to(torch.float64), fake.to(torch.float64)
    if min(len(x), len(y)) < 2:
        raise MeasurementError(f"a Fréchet distance needs at least 2 samples a side, got {len(x)} and {len(y)}")
    shift = x.mean(0) - y.mean(0)
    x, y = x - x.mean(0), y - y.mean(0)
    n, m = len(x) - 1, len(y) - 1
    cross = torch.linalg.svdvals(x @ y.T).sum() / math.sqrt(n * m)
    distance = shift @ shift + (x * x).sum() / n + (y * y).sum() / m - 2 * cross
    return max(float(distance), 0.0)


def _compute(pair: FeaturePair) -> Estimate:
    _check_spread("real", pair.real.pool)
    return _estimate(Moments.of(pair.real.pool), pair.fake.pool)


def _compute_of_statistics(pair: StatisticsPair) -> Estimate:
    return _estimate(Moments.published(pair.real_mean, pair.real_cov), pair.fake.pool)


def _check_spread(side: str, pool: Tensor) -> None:
    if float(pool.std(0).max()) == 0:
        raise MeasurementError(f"all {len(pool)} {side} samples have the same features")


def _estimate(real_moments: Moments, fake: Tensor) -> Estimate:
    """The distance and its delete-a-block jackknife over the generated set, reference fixed."""
    blocks = intervals.blocks(len(fake))
    _check_spread("generated", fake)
    fake_moments = Moments.of(fake)
    r = factor(real_moments.cov)
    left_out = [frechet_distance(real_moments, fake_moments - Moments.of(fake[block]), r) for block in blocks]
    return intervals.of_jackknife(
        frechet_distance(real_moments, fake_moments, r),
        left_out,
        estimand=f"expected score at N = {len(fake)}, reference fixed",
        num_samples=len(fake),
        support=(0.0, math.inf),
    )


fd = Metric(
    name="fd_{extractor}",
    evidence=FeaturePair,
    compute=_compute,
    higher_is_better=False,
    description="Squared Fréchet distance between Gaussians fitted to the features of real and generated samples.",
)

fd_of_statistics = Metric(
    name=fd.name,
    evidence=StatisticsPair,
    compute=_compute_of_statistics,
    higher_is_better=False,
    description="The same against published moments of the real features.",
)

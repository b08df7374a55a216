"""Fréchet distance between Gaussians fitted to features (Dowson and Landau 1982; Heusel et al., arXiv 1706.08500).

    d² = ‖μ₁ - μ₂‖² + Tr Σ₁ + Tr Σ₂ - 2 Tr (Σ₁ Σ₂)^½,   Σ with N - 1

`fid` is reserved for the TensorFlow-ported Inception; on any other extractor the score is `fd_<extractor>`.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence

import torch
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Features, Metric, StatisticsPair
from aigc_bench.metrics.moments import (
    PIECE,
    Moments,
    check_spread,
    factor,
    published_summary,
    summary_of_side,
)
from aigc_bench.stats import intervals


def frechet_distance(real: Moments, fake: Moments, real_factor: Tensor | None = None) -> float:
    """Squared Fréchet distance; `real_factor` is an R with R Rᵀ = real.cov where it is known.

    Raises:
        MeasurementError: fewer than two samples on a side.
    """
    r = factor(real.cov) if real_factor is None else real_factor
    # Tr (Σ₁Σ₂)^½ via Rᵀ Σ₂ R: symmetric, so eigvalsh is exact and cannot return complex parts.
    cross = torch.linalg.eigvalsh(r.T @ fake.cov @ r).clamp_min(0).sqrt().sum()
    shift = real.mean - fake.mean
    distance = shift @ shift + real.cov.trace() + fake.cov.trace() - 2 * cross
    return max(float(distance), 0.0)


def distances_of_few(real: Moments, real_factor: Tensor, fake: Tensor, kept: Sequence[Tensor]) -> list[float]:
    """Fréchet distances of subsets of few features, by one Gram matrix for all of them.

    With Y = X R for centred features X, Rᵀ Σ₂ R = Yᵀ Y / (n - 1) has the non-zero spectrum of Y Yᵀ / (n - 1): n × n
    instead of D × D. The Gram matrix of a subset is a submatrix, centred twice.

    Args:
        real: moments of the real side.
        real_factor: R (D, any) with R Rᵀ = real.cov.
        fake: (N, D) generated features.
        kept: rows of each subset, (n,) int64 with n ≥ 2.
    """
    shifted = fake.to(torch.float64) - real.mean
    projected = shifted @ real_factor
    gram, real_trace = projected @ projected.T, real.cov.trace()
    found = []
    for rows in kept:
        x, g = shifted[rows], gram[rows][:, rows]
        mean, degrees = x.mean(0), len(rows) - 1
        centred = g - g.mean(0) - g.mean(1)[:, None] + g.mean()
        cross = torch.linalg.eigvalsh(centred / degrees).clamp_min(0).sqrt().sum()
        trace = (x - mean).square().sum() / degrees
        found.append(max(float(mean @ mean + real_trace + trace - 2 * cross), 0.0))
    return found


def influences(real: Features, fake: Tensor) -> Tensor:
    """What each generated sample does to the distance: its derivative by the sample's weight.

    φ_i = 2 (μ₂ - μ₁)·(x_i - μ₂) + (x_i - μ₂)ᵀ (I - T) (x_i - μ₂) - mean, with the transport map of the Gaussians,
    T = R (Rᵀ Σ₂ R)^-½ Rᵀ (the gradient of Tr (Σ₁Σ₂)^½ is T / 2). A positive one raises the distance; they add up to 0,
    and their standard deviation over √N is a first-order standard error. With N < D, T is inverted on the samples'
    span, which no change of weights leaves.

    Args:
        real: the real side.
        fake: (N, D) generated features.

    Returns:
        (N,) float64.

    Raises:
        MeasurementError: all samples of a side are alike.
    """
    moments, r = summary_of_side(real)
    check_spread("generated", fake)
    num = len(fake)
    mean: Tensor = sum((piece.double().sum(0) for piece in fake.split(PIECE)), torch.zeros_like(moments.mean)) / num
    linear, quadratic = [], []
    for piece in fake.split(PIECE):
        x = piece.to(torch.float64, copy=True).sub_(mean)
        linear.append(2 * x @ (mean - moments.mean))
        quadratic.append(x.square().sum(1))
    bent = torch.cat(quadratic) - _transported(fake, mean, r)
    return torch.cat(linear) + (bent - bent.mean()) * (num / (num - 1))


def _transported(fake: Tensor, mean: Tensor, r: Tensor) -> Tensor:
    """(N,) x T x of the centred samples, with Y = X R on the smaller side of Y."""
    num = len(fake)

    def projected(piece: Tensor) -> Tensor:
        return piece.to(torch.float64, copy=True).sub_(mean) @ r

    if num <= r.shape[1]:
        # Y (YᵀY)^-½ Yᵀ = (Y Yᵀ)^½: nothing is inverted.
        values, vectors = torch.linalg.eigh((y := projected(fake)) @ y.T)
        diagonal: Tensor = vectors.square() @ values.clamp_min(0).sqrt()
        return math.sqrt(num - 1) * diagonal
    gram = sum((y.T @ y for y in map(projected, fake.split(PIECE))), torch.zeros(r.shape[1], r.shape[1]).double())
    values, vectors = torch.linalg.eigh(gram)
    kept = values > values[-1] * len(values) * torch.finfo(torch.float64).eps
    root = vectors[:, kept] * values[kept].pow(-0.25)
    return math.sqrt(num - 1) * torch.cat([(projected(piece) @ root).square().sum(1) for piece in fake.split(PIECE)])


def distances_without(
    real: Moments, real_factor: Tensor, fake: Tensor, blocks: Sequence[Tensor]
) -> tuple[float, list[float]]:
    """The distance of all generated features (N, D), and those without one of the blocks of rows each."""
    check_spread("generated", fake)
    if len(fake) < fake.shape[1]:
        kept = [torch.cat([other for other in blocks if other is not block]) for block in blocks]
        whole, *left_out = distances_of_few(real, real_factor, fake, [torch.arange(len(fake)), *kept])
        return whole, left_out
    # The blocks' moments are made twice rather than kept: twenty at D = 2048 are two thirds of a gigabyte.
    moments = functools.reduce(operator.add, (Moments.of(fake[block]) for block in blocks))
    whole = frechet_distance(real, moments, real_factor)
    return whole, [frechet_distance(real, moments - Moments.of(fake[block]), real_factor) for block in blocks]


def jackknifed(real: Moments, real_factor: Tensor, fake: Tensor) -> Estimate:
    """The distance and its delete-a-block jackknife over the generated set, reference fixed."""
    whole, left_out = distances_without(real, real_factor, fake, intervals.blocks(len(fake)))
    return intervals.of_jackknife(
        whole,
        left_out,
        estimand=f"expected score at N = {len(fake)}, reference fixed",
        num_samples=len(fake),
        support=(0.0, math.inf),
    )


def _fd(pair: FeaturePair) -> Estimate:
    return jackknifed(*summary_of_side(pair.real), pair.fake.pool)


def _fd_of_statistics(pair: StatisticsPair) -> Estimate:
    return jackknifed(*published_summary(pair.real_mean, pair.real_cov), pair.fake.pool)


fd = Metric(
    name="fd_{extractor}",
    evidence=FeaturePair,
    compute=_fd,
    higher_is_better=False,
    description="Squared Fréchet distance between Gaussians fitted to the features of real and generated samples.",
    of_statistics=Metric("fd_{extractor}", StatisticsPair, _fd_of_statistics, higher_is_better=False),
)

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
from aigc_bench.metrics.moments import PIECE, ROWS, Gaussian, Moments, check_spread, gaussian_of_side
from aigc_bench.stats import intervals


def frechet_distance(real: Moments, fake: Moments) -> float:
    """Squared Fréchet distance.

    Raises:
        MeasurementError: fewer than two samples on a side.
    """
    return distance_to(Gaussian.of(real), fake)


def distance_to(real: Gaussian, fake: Moments) -> float:
    """Squared Fréchet distance of a side with at least as many samples as features.

    Raises:
        MeasurementError: fewer than two samples.
    """
    r = real.rows(slice(None))
    # Tr (Σ₁Σ₂)^½ via Rᵀ Σ₂ R: symmetric, so eigvalsh is exact and cannot return complex parts.
    cross = torch.linalg.eigvalsh(r.T @ fake.cov @ r).clamp_min(0).sqrt().sum()
    shift = real.mean - fake.mean
    distance = shift @ shift + real.trace + fake.cov.trace() - 2 * cross
    return max(float(distance), 0.0)


def distances_of_few(real: Gaussian, fake: Tensor, kept: Sequence[Tensor]) -> list[float]:
    """Fréchet distances of subsets of few features, by one Gram matrix for all of them.

    With Y = X R for centred features X, Rᵀ Σ₂ R = Yᵀ Y / (n - 1) has the non-zero spectrum of Y Yᵀ / (n - 1): n × n
    instead of D × D. The Gram matrix of a subset is a submatrix, centred twice; its mean's norm and its variance are
    sums over that of X. So nothing is larger than N × N or N × M, but for what is float64 of a few columns.

    Args:
        real: the real side.
        fake: (N, D) generated features.
        kept: rows of each subset, (n,) int64 with n ≥ 2.
    """
    own, gram = _grams(real, fake)
    found = []
    for rows in kept:
        x, g, degrees = own[rows][:, rows], gram[rows][:, rows], len(rows) - 1
        centred = g - g.mean(0) - g.mean(1)[:, None] + g.mean()
        cross = torch.linalg.eigvalsh(centred / degrees).clamp_min(0).sqrt().sum()
        shift = x.mean()  # ‖mean of the subset, from the real mean‖²
        trace = (x.trace() - len(rows) * shift) / degrees
        found.append(max(float(shift + real.trace + trace - 2 * cross), 0.0))
    return found


def _grams(real: Gaussian, fake: Tensor) -> tuple[Tensor, Tensor]:
    """(N, N) float64 products of generated features from the real mean, and of their projections X R."""
    own = torch.zeros(len(fake), len(fake), dtype=torch.float64, device=fake.device)
    projected = None
    for columns in real.columns():
        x = fake[:, columns].double() - real.mean[columns]
        own.addmm_(x, x.T)
        part = x @ real.rows(columns)
        projected = part if projected is None else projected.add_(part)
    assert projected is not None
    return own, projected @ projected.T


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
    gaussian = gaussian_of_side(real)
    check_spread("generated", fake)
    num, size = len(fake), PIECE if gaussian.factor is not None else ROWS
    mean: Tensor = sum((piece.double().sum(0) for piece in fake.split(size)), torch.zeros_like(gaussian.mean)) / num
    linear, quadratic = [], []
    for piece in fake.split(size):
        x = piece.to(torch.float64, copy=True).sub_(mean)
        linear.append(2 * x @ (mean - gaussian.mean))
        quadratic.append(x.square().sum(1))
    bent = torch.cat(quadratic) - _transported(fake, mean, gaussian)
    return torch.cat(linear) + (bent - bent.mean()) * (num / (num - 1))


def _transported(fake: Tensor, mean: Tensor, real: Gaussian) -> Tensor:
    """(N,) x T x of the centred samples, with Y = X R on the smaller side of Y."""
    num = len(fake)

    def projected(piece: Tensor) -> Tensor:
        parts = ((piece[:, c].to(torch.float64, copy=True).sub_(mean[c])) @ real.rows(c) for c in real.columns())
        return functools.reduce(Tensor.add_, parts)

    rank = len(mean) if real.factor is not None else len(real.pool)
    if num <= rank:
        # Y (YᵀY)^-½ Yᵀ = (Y Yᵀ)^½: nothing is inverted.
        values, vectors = torch.linalg.eigh((y := projected(fake)) @ y.T)
        diagonal: Tensor = vectors.square() @ values.clamp_min(0).sqrt()
        return math.sqrt(num - 1) * diagonal
    gram = torch.zeros(rank, rank, dtype=torch.float64, device=fake.device)
    for piece in fake.split(PIECE):
        y = projected(piece)
        gram.addmm_(y.T, y)
    values, vectors = torch.linalg.eigh(gram)
    kept = values > values[-1] * len(values) * torch.finfo(torch.float64).eps
    root = vectors[:, kept] * values[kept].pow(-0.25)
    return math.sqrt(num - 1) * torch.cat([(projected(piece) @ root).square().sum(1) for piece in fake.split(PIECE)])


def distances_without(real: Gaussian, fake: Tensor, blocks: Sequence[Tensor]) -> tuple[float, list[float]]:
    """The distance of all generated features (N, D), and those without one of the blocks of rows each."""
    check_spread("generated", fake)
    if len(fake) < fake.shape[1]:
        kept = [torch.cat([other for other in blocks if other is not block]) for block in blocks]
        whole, *left_out = distances_of_few(real, fake, [torch.arange(len(fake)), *kept])
        return whole, left_out
    # The blocks' moments are made twice rather than kept: twenty at D = 2048 are two thirds of a gigabyte.
    moments = functools.reduce(operator.add, (Moments.of(fake[block]) for block in blocks))
    whole = distance_to(real, moments)
    return whole, [distance_to(real, moments - Moments.of(fake[block])) for block in blocks]


def jackknifed(real: Gaussian, fake: Tensor) -> Estimate:
    """The distance and its delete-a-block jackknife over the generated set, reference fixed."""
    whole, left_out = distances_without(real, fake, intervals.blocks(len(fake)))
    return intervals.of_jackknife(
        whole,
        left_out,
        estimand=f"expected score at N = {len(fake)}, reference fixed",
        num_samples=len(fake),
        support=(0.0, math.inf),
    )


def _fd(pair: FeaturePair) -> Estimate:
    return jackknifed(gaussian_of_side(pair.real), pair.fake.pool)


def _fd_of_statistics(pair: StatisticsPair) -> Estimate:
    return jackknifed(Gaussian.of(Moments.published(pair.real_mean, pair.real_cov)), pair.fake.pool)


fd = Metric(
    name="fd_{extractor}",
    evidence=FeaturePair,
    compute=_fd,
    higher_is_better=False,
    description="Squared Fréchet distance between Gaussians fitted to the features of real and generated samples.",
    of_statistics=Metric("fd_{extractor}", StatisticsPair, _fd_of_statistics, higher_is_better=False),
)

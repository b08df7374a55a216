"""Moments of features, sufficient for every Fréchet distance: exact sums that merge and come apart again."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_bench.core import Features
from aigc_bench.core.errors import MeasurementError

PIECE = 4096
"""rows of a covariance's summands"""
ROWS, COLUMNS = 16, 8192
"""of few samples with many features that are float64 at once"""


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
        # In pieces: a float64 copy of everything would be the largest thing in memory.
        return functools.reduce(operator.add, (cls._of_piece(piece) for piece in features.split(PIECE)))

    @classmethod
    def _of_piece(cls, features: Tensor) -> Moments:
        centred = features.to(torch.float64, copy=True)
        mean = centred.mean(0)
        centred -= mean
        return cls(len(centred), mean, centred.T @ centred)

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
        _check_two(self.num_samples)
        return self.scatter / (self.num_samples - 1)


def factor(cov: Tensor) -> Tensor:
    """R with R Rᵀ = cov: Cholesky, or eigenvectors where cov is singular."""
    lower: Tensor
    lower, info = torch.linalg.cholesky_ex(cov)
    if int(info):
        values, vectors = torch.linalg.eigh(cov)
        lower = vectors * values.clamp_min(0).sqrt()
    return lower


@dataclass(frozen=True, slots=True)
class Gaussian:
    """The Gaussian fitted to (M, D) features, as distances to it need it: nothing is D × D where M < D."""

    mean: Tensor
    """(D,) float64"""
    trace: float
    """of the covariance"""
    factor: Tensor | None
    """R (D, D) with R Rᵀ = the covariance; None where M < D"""
    pool: Tensor
    """(M, D) the features where M < D: R = (X - mean)ᵀ / √(M - 1), without any decomposition"""

    @classmethod
    def fitted(cls, pool: Tensor, moments: Moments | None = None) -> Gaussian:
        """Of (M, D) features, whose moments may be known.

        Raises:
            MeasurementError: fewer than two samples.
        """
        if len(pool) >= pool.shape[1]:
            return cls.of(moments or Moments.of(pool))
        _check_two(len(pool))
        total = torch.zeros(pool.shape[1], dtype=torch.float64, device=pool.device)
        for piece in pool.split(ROWS):
            total += piece.double().sum(0)
        mean = total / len(pool)
        squares = [float((piece.double() - mean).square().sum()) for piece in pool.split(ROWS)]
        return cls(mean, math.fsum(squares) / (len(pool) - 1), None, pool)

    @classmethod
    def of(cls, moments: Moments) -> Gaussian:
        """Of moments, fitted or published."""
        return cls(
            moments.mean, float(moments.cov.trace()), factor(moments.cov), moments.mean.new_empty(0, len(moments.mean))
        )

    def rows(self, columns: slice) -> Tensor:
        """(d, r) float64: the rows of R that belong to some of the D features."""
        if self.factor is not None:
            return self.factor[columns]
        return (self.pool[:, columns].double() - self.mean[columns]).T / math.sqrt(len(self.pool) - 1)

    def columns(self) -> Iterator[slice]:
        """The D features, some at a time."""
        width = len(self.mean) if self.factor is not None else COLUMNS
        for start in range(0, len(self.mean), width):
            yield slice(start, min(start + width, len(self.mean)))


def gaussian_of_side(real: Features) -> Gaussian:
    """The Gaussian of the real side, fitted once for all rows.

    Raises:
        MeasurementError: fewer than two samples, or all of them alike.
    """
    return real.memo.once(_gaussian, real)


def _gaussian(real: Features) -> Gaussian:
    check_spread("real", real.pool)
    few = len(real.pool) < real.pool.shape[1]
    return Gaussian.fitted(real.pool, None if few else moments_of_side(real))


def moments_of_side(real: Features) -> Moments:
    """Moments of the real side, computed once."""
    return real.memo.once(moments_of_pool, real)


def moments_of_pool(features: Features) -> Moments:
    """Moments of the pooled features, computed anew."""
    return Moments.of(features.pool)


def check_spread(side: str, pool: Tensor) -> None:
    """Refuse features of which all rows are equal.

    Raises:
        MeasurementError: they are.
    """
    if bool((pool.amax(0) == pool.amin(0)).all()):
        raise MeasurementError(f"all {len(pool)} {side} samples have the same features")


def _check_two(num: int) -> None:
    if num < 2:
        raise MeasurementError(f"a covariance needs at least 2 samples, got {num}")

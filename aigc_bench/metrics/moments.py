"""Moments of features, sufficient for every Fréchet distance: exact sums that merge and come apart again."""

from __future__ import annotations

import functools
import math
import operator
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_bench.core import Features
from aigc_bench.core.errors import MeasurementError

PIECE = 4096
"""rows of a covariance's summands"""


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


def factor_of_few(real: Tensor) -> Tensor:
    """R (D, N) with R Rᵀ = cov of the features (N, D), without any decomposition."""
    x = real.to(torch.float64)
    return (x - x.mean(0)).T / math.sqrt(len(x) - 1)


def summary_of(real: Tensor) -> tuple[Moments, Tensor]:
    """Moments of real features (M, D), and an R with R Rᵀ = their covariance.

    Raises:
        MeasurementError: fewer than two samples, or all of them alike.
    """
    check_spread("real", real)
    moments = Moments.of(real)
    return moments, factor_of_few(real) if len(real) < real.shape[1] else factor(moments.cov)


def summary_of_side(real: Features) -> tuple[Moments, Tensor]:
    """The same of the real side, computed once for all rows."""
    return moments_of_side(real), real.memo.once(_factor_of_side, real)


def _factor_of_side(real: Features) -> Tensor:
    check_spread("real", real.pool)
    few = len(real.pool) < real.pool.shape[1]
    return factor_of_few(real.pool) if few else factor(moments_of_side(real).cov)


def moments_of_side(real: Features) -> Moments:
    """Moments of the real side, computed once."""
    return real.memo.once(moments_of_pool, real)


def moments_of_pool(features: Features) -> Moments:
    """Moments of the pooled features, computed anew."""
    return Moments.of(features.pool)


def published_summary(mean: Tensor, cov: Tensor) -> tuple[Moments, Tensor]:
    """The same of published moments."""
    return Moments.published(mean, cov), factor(cov)


def check_spread(side: str, pool: Tensor) -> None:
    """Refuse features of which all rows are equal.

    Raises:
        MeasurementError: they are.
    """
    if bool((pool.amax(0) == pool.amin(0)).all()):
        raise MeasurementError(f"all {len(pool)} {side} samples have the same features")

"""Is head farther from the real samples than base: the relative similarity test of two maximum mean discrepancies.

Bounliphone et al. 2016, "A Test of Relative Similarity for Model Selection in Generative Models", arXiv 1511.04581.
With X real, Y base and Z head, all independent, MMD²(X, Z) - MMD²(X, Y) is asymptotically normal; its variance is that
of the joint limit of both. Unbiased MMD² is a U-statistic, to first order a sum over samples of

    h_Y(y) = 2 (E k(y, Y) - E k(y, X))        and for x, of MMD²(X, Y),        2 (E k(x, X) - E k(x, Y)),

so that variances and covariance of the two are those of such terms, with sample means over the other side in the place
of E. Those keep the noise of the means in: where all three distributions agree, the limit is not normal and the
variance of first order vanishes, but the stated one is twice the true one, and the test errs to the safe side.

Only row means of kernel matrices are kept, which are computed in tiles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from aigc_bench.core.errors import MeasurementError
from aigc_bench.stats.noninferiority import Difference

Rows = NDArray[np.float64]
Kernel = Callable[[Rows, Rows], Rows]
"""(a, D), (b, D) => (a, b)"""

TILE = 2048
FEWEST = 4


@dataclass(frozen=True, slots=True)
class Similarity:
    """Two distances to the same real samples, and what is known of their difference."""

    base: float
    """unbiased MMD²(real, base)"""
    head: float
    """unbiased MMD²(real, head)"""
    covariance: tuple[tuple[float, float], tuple[float, float]]
    """of (base, head)"""
    num_samples: int
    """of the smallest set"""

    @property
    def difference(self) -> Difference:
        """Head less base: positive where head is farther from the real samples; normal."""
        (of_base, common), (_, of_head) = self.covariance
        return Difference(self.head - self.base, math.sqrt(max(of_base + of_head - 2 * common, 0.0)), math.inf)

    @property
    def p_value(self) -> float:
        """One-sided, that head is farther from the real samples than base is."""
        difference = self.difference
        if difference.standard_error == 0:
            return 0.0 if difference.value > 0 else 1.0
        return float(stats.norm.sf(difference.value / difference.standard_error))


def relative_similarity(real: Rows, base: Rows, head: Rows, kernel: Kernel) -> Similarity:
    """(M, D), (N, D), (R, D) features of independent samples => both distances and their joint covariance.

    `kernel` gets float64 features, at most 2048 rows of either side at once.

    Raises:
        MeasurementError: fewer than 4 samples in a set, or a kernel that is not finite.
    """
    smallest = min(len(real), len(base), len(head))
    if smallest < FEWEST:
        raise MeasurementError(
            f"a relative similarity test needs at least {FEWEST} samples in each set, got {len(real)}, {len(base)} and "
            f"{len(head)}"
        )
    own = _own_means(real, kernel)
    of_base, of_head = _Distance.of(own, real, base, kernel), _Distance.of(own, real, head, kernel)
    common = float(np.cov(of_base.of_real, of_head.of_real)[0, 1]) / len(real)
    values = (of_base.value, of_head.value, of_base.variance, of_head.variance, common)
    if not all(math.isfinite(value) for value in values):
        raise MeasurementError("the kernel of these features is not finite")
    return Similarity(of_base.value, of_head.value, ((of_base.variance, common), (common, of_head.variance)), smallest)


@dataclass(frozen=True, slots=True)
class _Distance:
    """An MMD² and the terms of its first order."""

    value: float
    of_real: Rows
    """(M,) 2 (E k(x, X) - E k(x, Y))"""
    of_fake: Rows
    """(N,) 2 (E k(y, Y) - E k(y, X))"""

    @classmethod
    def of(cls, real_own: Rows, real: Rows, fake: Rows, kernel: Kernel) -> _Distance:
        own = _own_means(fake, kernel)
        real_cross, fake_cross = _cross_means(real, fake, kernel)
        value = float(real_own.mean() + own.mean() - 2 * real_cross.mean())
        return cls(value, 2 * (real_own - real_cross), 2 * (own - fake_cross))

    @property
    def variance(self) -> float:
        return float(self.of_real.var(ddof=1) / len(self.of_real) + self.of_fake.var(ddof=1) / len(self.of_fake))


def _own_means(pool: Rows, kernel: Kernel) -> Rows:
    """(N, D) => (N,) mean kernel of each sample with every other."""
    sums = np.zeros(len(pool))
    for i, a in _tiles(pool):
        for j, b in _tiles(pool[i.start :]):
            tile = kernel(a, b)
            if j.start == 0:
                np.fill_diagonal(tile, 0)
            else:
                sums[i.start + j.start : i.start + j.stop] += tile.sum(0)
            sums[i] += tile.sum(1)
    return sums / (len(pool) - 1)


def _cross_means(real: Rows, fake: Rows, kernel: Kernel) -> tuple[Rows, Rows]:
    """(M, D), (N, D) => (M,), (N,) mean kernel of each sample with every one of the other side."""
    of_real, of_fake = np.zeros(len(real)), np.zeros(len(fake))
    for i, a in _tiles(real):
        for j, b in _tiles(fake):
            tile = kernel(a, b)
            of_real[i] += tile.sum(1)
            of_fake[j] += tile.sum(0)
    return of_real / len(fake), of_fake / len(real)


def _tiles(pool: Rows) -> Iterator[tuple[slice, Rows]]:
    for start in range(0, len(pool), TILE):
        rows = slice(start, min(start + TILE, len(pool)))
        yield rows, np.asarray(pool[rows], dtype=np.float64)

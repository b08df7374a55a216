"""Kernel distance: unbiased squared MMD with k(x, y) = (x·y / D + 1)³ (Bińkowski et al., arXiv 1801.01401).

Over all pairs, rather than the mean over 100 random subsets, whose expectation it is; in tiles, so that memory
does not grow with N².
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Metric
from aigc_bench.errors import MeasurementError
from aigc_bench.stats import intervals

TILE = 2048


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1).pow_(3)


@dataclass(frozen=True, slots=True)
class KernelSums:
    """Row sums of the three kernel matrices, float64, and the squared entries of fake × fake."""

    real_total: float
    """Σ_{i≠j} k(x_i, x_j)"""
    fake_rows: Tensor
    """(N,) Σ_{j≠i} k(y_i, y_j)"""
    cross_rows: Tensor
    """(N,) Σ_j k(y_i, x_j)"""
    fake_squares: float
    """Σ_{i≠j} k(y_i, y_j)²"""
    num_real: int

    @classmethod
    def of(cls, real: Tensor, fake: Tensor) -> KernelSums:
        """(M, D), (N, D) => sums."""
        # Sides of tiles are made float64 as they come: a copy of everything would be the largest thing in memory.
        real_rows, _ = _own_rows(real)
        fake_rows, squares = _own_rows(fake)
        cross_rows = torch.zeros(len(fake), dtype=torch.float64)
        for i, a in _tiles(fake):
            for _, b in _tiles(real):
                cross_rows[i] += _kernel(a, b).sum(1)
        return cls(math.fsum(real_rows.tolist()), fake_rows, cross_rows, squares, len(real))

    @property
    def distance(self) -> float:
        """Unbiased MMD²; it may be negative near zero."""
        n, m = len(self.fake_rows), self.num_real
        own = self.real_total / (m * (m - 1)) + float(self.fake_rows.sum()) / (n * (n - 1))
        return own - 2 * float(self.cross_rows.sum()) / (n * m)

    @property
    def standard_error(self) -> float:
        """Of the distance over generated sets, reference fixed: both terms of the U-statistic's variance.

        Hoeffding 1948: Var = ζ₁ · 4 (n - 2) / (n (n - 1)) + 2 ζ₂ / (n (n - 1)), here with h₁ = twice the projection,
        its own noise 4 c₂ / (n - 1) taken off, and c₂ the mean square of the doubly centred fake kernel.
        """
        n = len(self.fake_rows)
        row_means = self.fake_rows / (n - 1)
        h = 2 * (row_means - self.cross_rows / self.num_real)
        mean = row_means.mean()
        # Mean square of k_ij - r_i - r_j + r̄ over i ≠ j, expanded so that no N × N matrix is kept.
        c2 = self.fake_squares / (n * (n - 1)) - 2 * float(row_means.square().mean()) + float(mean.square())
        c2 = max(c2, 0.0)
        first = max(float(h.var(correction=1)) - 4 * c2 / (n - 1), 0.0)
        return float((first / n + 2 * c2 / (n * (n - 1))) ** 0.5)


def _tiles(pool: Tensor) -> Iterator[tuple[slice, Tensor]]:
    for start in range(0, len(pool), TILE):
        rows = slice(start, min(start + TILE, len(pool)))
        yield rows, pool[rows].to(torch.float64)


def _own_rows(pool: Tensor) -> tuple[Tensor, float]:
    """(N,) Σ_{j≠i} k(x_i, x_j) and Σ_{i≠j} k(x_i, x_j)², from the tiles on and above the diagonal."""
    rows, squares = torch.zeros(len(pool), dtype=torch.float64), []
    for i, a in _tiles(pool):
        for j, b in _tiles(pool[i.start :]):
            kernel = _kernel(a, b)
            if j.start == 0:
                kernel.fill_diagonal_(0)
                rows[i] += kernel.sum(1)
                squares.append(float(kernel.square().sum()))
            else:
                rows[i] += kernel.sum(1)
                rows[i.start + j.start : i.start + j.stop] += kernel.sum(0)
                squares.append(2 * float(kernel.square().sum()))
    return rows, math.fsum(squares)


def _compute(pair: FeaturePair) -> Estimate:
    real, fake = pair.real.pool, pair.fake.pool
    if min(len(real), len(fake)) < 4:
        raise MeasurementError(f"a kernel distance needs at least 4 samples a side, got {len(real)}, {len(fake)}")
    sums = KernelSums.of(real, fake)
    return intervals.symmetric(
        sums.distance,
        sums.standard_error,
        len(fake) - 1,
        method="U-statistic's variance over the generated set, both terms; reference fixed",
        estimand=f"expected score, reference fixed (unbiased: the same for every N; here {len(fake)})",
        num_samples=len(fake),
    )


kd = Metric(
    name="kd_{extractor}",
    evidence=FeaturePair,
    compute=_compute,
    higher_is_better=False,
    description="Unbiased squared maximum mean discrepancy with the cubic kernel of KID; it can fall below zero.",
)

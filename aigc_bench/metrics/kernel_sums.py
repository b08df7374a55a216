"""Sums over the pairs of a cubic kernel, in tiles, so that memory does not grow with N².

A sum over the pairs of a subset is aᵀ K b with the subset's indicators a and b: for all subsets at once, one thin
product per tile of K beside the tile's own. So a sweep over all pairs gives both, at 5 % more work where D = 2048.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aigc_bench.stats import intervals

TILE = 2048

NUM_SUBSETS = 100

SUBSET_SIZE = 1000

SUBSET_SEED = 2020


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1).pow_(3)


@dataclass(frozen=True, slots=True)
class Subsets:
    """Random subsets of both sides, rows (100, 1000) int64; of another size where a self-test needs it."""

    fake: Tensor
    real: Tensor

    @classmethod
    def drawn(cls, num_fake: int, num_real: int, size: int = SUBSET_SIZE) -> Subsets:
        """torch-fidelity's: without replacement, in turns from its first input, the generated side, and its second."""
        random = np.random.RandomState(SUBSET_SEED)
        drawn = [random.choice(num, size, replace=False) for _ in range(NUM_SUBSETS) for num in (num_fake, num_real)]
        rows = torch.from_numpy(np.stack(drawn))
        return cls(rows[0::2], rows[1::2])

    def distances(self, fake: Tensor, real: Tensor) -> Tensor:
        """(100,) float64 distances, subset by subset: what to do where there are too many pairs for a sweep."""
        found = []
        for rows, others in zip(self.fake, self.real, strict=True):
            y, x = fake[rows].float(), real[others].float()
            # Products in float32 as theirs, cubes and sums in float64; a mean of 10⁶ products of 1e-6 is off by 1e-9.
            sums = [(a @ b.T).double().div_(x.shape[1]).add_(1).pow_(3) for a, b in ((y, y), (x, x), (y, x))]
            totals = (sums[0].sum() - sums[0].trace(), sums[1].sum() - sums[1].trace(), sums[2].sum())
            found.append(_unbiased(*totals, len(y), len(x)))
        return torch.stack(found)


RealSums = tuple[float, Tensor]
"""of a kernel matrix, its diagonal apart: the whole sum, and (100,) that of each subset"""


def real_sums_of(real: Tensor, subsets: Subsets | None) -> RealSums:
    """What a kernel distance needs of the real side alone, (M, D)."""
    rows, _, totals = _own_sums(real, _members(subsets.real if subsets else None, real))
    return math.fsum(rows.tolist()), totals


def _zeros(beside: Tensor, *shape: int) -> Tensor:
    """float64, on the device of features."""
    return torch.zeros(shape, dtype=torch.float64, device=beside.device)


def _members(rows: Tensor | None, pool: Tensor) -> Tensor:
    """(100, 1000) rows of (N, D) => (N, 100) float64, 1 where a sample is in a subset; (N, 0) of no subsets."""
    if rows is None:
        return _zeros(pool, len(pool), 0)
    return _zeros(pool, len(rows), len(pool)).scatter_(1, rows.to(pool.device), 1.0).T.contiguous()


def _kept(pool: Tensor) -> Tensor:
    """(N, 20) float64, 0 where a sample is in the block and 1 elsewhere; (N, 0) of too few for blocks."""
    num = len(pool)
    if num < 2 * intervals.NUM_BLOCKS:
        return _zeros(pool, num, 0)
    block_of = intervals.block_of(num).to(pool.device)
    return 1 - _zeros(pool, num, intervals.NUM_BLOCKS).scatter_(1, block_of[:, None], 1.0)


def _unbiased(
    fake_total: Tensor, real_total: Tensor, cross_total: Tensor, num_fake: int | Tensor, num_real: int
) -> Tensor:
    """MMD² from the sums over all pairs of unlike samples of each side, and over all pairs of both."""
    own = fake_total / (num_fake * (num_fake - 1)) + real_total / (num_real * (num_real - 1))
    return own - 2 * cross_total / (num_fake * num_real)


@dataclass(frozen=True, slots=True)
class KernelSums:
    """Row sums of the three kernel matrices, float64; moments of fake × fake; the subsets' distances."""

    real_total: float
    """Σ_{i≠j} k(x_i, x_j)"""
    fake_rows: Tensor
    """(N,) Σ_{j≠i} k(y_i, y_j)"""
    cross_rows: Tensor
    """(N,) Σ_j k(y_i, x_j)"""
    fake_squares: float
    """Σ_{i≠j} k(y_i, y_j)²"""
    fake_self: float
    """mean of k(y_i, y_i)"""
    num_real: int
    subset_distances: Tensor
    """(100,) float64, empty where no subsets were asked for"""
    left_out: Tensor
    """(20,) float64 distances without one block of generated samples each; empty where they are too few for blocks"""

    @classmethod
    def of(
        cls, real: Tensor, fake: Tensor, subsets: Subsets | None = None, real_sums: RealSums | None = None
    ) -> KernelSums:
        """(M, D), (N, D) => sums; `real_sums` is `real_sums_of` these where it is known."""
        real_in = _members(subsets.real if subsets else None, real)
        fake_in = _members(subsets.fake if subsets else None, fake)
        kept = _kept(fake)
        # Sides of tiles are made float64 as they come: a copy of everything would be the largest thing in memory.
        real_total, real_totals = real_sums or real_sums_of(real, subsets)
        fake_rows, squares, totals = _own_sums(fake, torch.cat([fake_in, kept], 1))
        fake_totals, kept_totals = totals.split([fake_in.shape[1], kept.shape[1]])
        cross_rows = _zeros(fake, len(fake))
        cross_totals = torch.zeros_like(real_totals)
        for i, a in _tiles(fake):
            for j, b in _tiles(real):
                kernel = _kernel(a, b)
                cross_rows[i] += kernel.sum(1)
                cross_totals += (fake_in[i] * (kernel @ real_in[j])).sum(0)
        distances = _unbiased(fake_totals, real_totals, cross_totals, SUBSET_SIZE, SUBSET_SIZE)
        num, whole = kept.sum(0), torch.tensor(real_total, dtype=torch.float64)
        left_out = _unbiased(kept_totals, whole, cross_rows @ kept, num, len(real))
        fake_self = float(torch.cat([_self_kernel(a) for _, a in _tiles(fake)]).mean())
        return cls(real_total, fake_rows, cross_rows, squares, fake_self, len(real), distances, left_out)

    @property
    def distance(self) -> float:
        """Unbiased MMD²; it may be negative near zero."""
        totals = (self.fake_rows.sum(), torch.tensor(self.real_total, dtype=torch.float64), self.cross_rows.sum())
        return float(_unbiased(*totals, len(self.fake_rows), self.num_real))

    def variance(self, num_fake: int) -> float:
        """Of the distance over generated sets of `num_fake`, reference fixed: both terms of the U-statistic's.

        Hoeffding 1948: Var = ζ₁ · 4 (n - 2) / (n (n - 1)) + 2 ζ₂ / (n (n - 1)), here with h₁ = twice the projection,
        its own noise 4 c₂ / (n - 1) taken off, and c₂ the mean square of the doubly centred fake kernel.
        """
        n, h = len(self.fake_rows), self._projections
        row_means = self.fake_rows / (n - 1)
        mean = row_means.mean()
        # Mean square of k_ij - r_i - r_j + r̄ over i ≠ j, expanded so that no N × N matrix is kept.
        c2 = self.fake_squares / (n * (n - 1)) - 2 * float(row_means.square().mean()) + float(mean.square())
        c2 = max(c2, 0.0)
        first = max(float(h.var(correction=1)) - 4 * c2 / (n - 1), 0.0)
        return first / num_fake + 2 * c2 / (num_fake * (num_fake - 1))

    @property
    def _projections(self) -> Tensor:
        """(N,) twice the mean of the witness function's values at each generated sample."""
        return 2 * (self.fake_rows / (len(self.fake_rows) - 1) - self.cross_rows / self.num_real)

    def slope(self, num_fake: int) -> float:
        """How much `variance` rises per unit of the distance.

        With the witness w = μ_fake - μ_real in the kernel's space and C the covariance of the generated samples there,
        the first term is 4 ⟨w, C w⟩ / n and the distance ‖w‖²: along w, the ratio stays. Both are those of the
        empirical means here, whose ‖w‖² exceeds the unbiased distance by (mean k_ii - mean k_ij) / n.
        """
        n = len(self.fake_rows)
        excess = (self.fake_self - float(self.fake_rows.sum()) / (n * (n - 1))) / n
        witness = max(self.distance, 0.0) + excess
        return float(self._projections.var(correction=1)) / witness / num_fake if witness > 0 else 0.0

    @property
    def standard_error(self) -> float:
        """Of the distance over generated sets of this size, reference fixed."""
        return math.sqrt(self.variance(len(self.fake_rows)))


def _self_kernel(x: Tensor) -> Tensor:
    return (x.square().sum(1) / x.shape[1] + 1).pow_(3)


def _tiles(pool: Tensor) -> Iterator[tuple[slice, Tensor]]:
    for start in range(0, len(pool), TILE):
        rows = slice(start, min(start + TILE, len(pool)))
        yield rows, pool[rows].to(torch.float64)


def _own_sums(pool: Tensor, members: Tensor) -> tuple[Tensor, float, Tensor]:
    """(N,) Σ_{j≠i} k(x_i, x_j); Σ_{i≠j} k²; (S,) Σ_{i≠j} k within each subset; from the upper triangle's tiles."""
    rows, squares = _zeros(pool, len(pool)), []
    totals = _zeros(pool, members.shape[1])
    for i, a in _tiles(pool):
        for j, b in _tiles(pool[i.start :]):
            kernel, columns = _kernel(a, b), slice(i.start + j.start, i.start + j.stop)
            if j.start == 0:
                kernel.fill_diagonal_(0)
            else:
                rows[columns] += kernel.sum(0)
            rows[i] += kernel.sum(1)
            times = 1 if j.start == 0 else 2
            squares.append(times * float(kernel.square().sum()))
            totals += times * (members[i] * (kernel @ members[columns])).sum(0)
    return rows, math.fsum(squares), totals

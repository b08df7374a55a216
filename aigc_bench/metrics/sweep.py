"""Who is near whom: every comparison that the nearest-neighbour metrics want, from one pass over real × generated.

A sample lies in a ball if it is no farther from the ball's centre than the centre's k-th neighbour of its own kind. The
passes are real × real and generated × generated, of which half the tiles suffice, and real × generated; memory is one
tile of distances, never N × N.

What error bars need comes out of the same pass: recall on balanced halves of the generated set
(`aigc_bench.stats.halves`), and which generated samples, as a key, lie in each real ball.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_bench.core import FeaturePair, Features
from aigc_bench.errors import MeasurementError
from aigc_bench.metrics.neighbours import (
    SPARE,
    TILE,
    Tile,
    centre_of,
    keep_nearest,
    nearest_of_own,
    ranked_exactly,
)
from aigc_bench.stats import intervals
from aigc_bench.stats.halves import balanced_halves

K_PRECISION = 3
K_DENSITY = 5
KEY_SEED = 0
RADII = "radii"
"""name of the real side's radii among what is derived of it"""


def squared_radii(pool: Tensor, k: int) -> Tensor:
    """(N, D) => (N, k) float64 squared distances of each row to its k nearest of the same set, itself left out.

    Raises:
        MeasurementError: there are not so many others.
    """
    if len(pool) <= k:
        raise MeasurementError(f"the {k}-th neighbour needs more than {k} samples, got {len(pool)}")
    _, where = nearest_of_own(pool, [torch.arange(len(pool))], k)
    return ranked_exactly(pool, pool, where[:, 0, : len(pool) - 1])[0][:, :k]


def radii_of(real: Features) -> Tensor:
    """(M, K_DENSITY) squared distances of real samples to their nearest others, computed once."""
    if RADII not in real.derived:
        real.derived[RADII] = squared_radii(real.pool, max(K_PRECISION, K_DENSITY))
    found: Tensor = real.derived[RADII]
    return found


@dataclass(frozen=True, slots=True)
class Balls:
    """Balls around generated samples."""

    squared: Tensor
    """(N,) float64 squared radius"""
    halved: Tensor
    """(19, N) float32 squared radius among the samples of the same half"""
    twin_squared: Tensor
    """(N,) float64 squared distance to the nearest other"""

    @classmethod
    def of(cls, pool: Tensor, blocks: Sequence[Tensor], k: int) -> Balls:
        """Balls to the k-th neighbour of (N, D) features in 20 blocks."""
        near, where = nearest_of_own(pool, blocks, k)
        best = near.flatten(1).topk(k + SPARE, largest=False).indices
        exact = ranked_exactly(pool, pool, where.flatten(1).gather(1, best))[0]
        halved = torch.empty(len(balanced_halves()), len(pool))
        for number, first in enumerate(balanced_halves()):
            for block, rows in enumerate(blocks):
                same = near[rows][:, first == first[block], :k].flatten(1)
                halved[number, rows] = same.kthvalue(k, dim=1).values
        return cls(exact[:, k - 1], halved, exact[:, 0])


@dataclass(frozen=True, slots=True)
class Sweep:
    """What lies in whose ball, for N generated and M real samples."""

    precise: Tensor
    """(N,) which generated samples lie in some real ball, K_PRECISION and its surface"""
    dense: Tensor
    """(N,) int64, how many real balls each generated sample lies in, K_DENSITY without its surface"""
    realism: Tensor
    """(N,) the largest ratio of a real ball's radius to the distance from its centre, over the smaller half of balls;
    of copies, as large as rounding can tell"""
    nearest: Tensor
    """(N,) int64, which real sample is nearest"""
    nearest_squared: Tensor
    """(N,) float64, its squared distance"""
    twin_squared: Tensor
    """(N,) float64 squared distance to the nearest other generated sample"""
    real_squared: Tensor
    """(M, k) float64 squared distances of real samples to their nearest others"""
    covered: Tensor
    """(20, M) which real balls, K_DENSITY without its surface, hold a generated sample of each block"""
    count: Tensor
    """(M,) int64, how many generated samples those balls hold"""
    key: Tensor
    """(M,) int64, equal where balls hold the same generated samples"""
    recalled: Tensor
    """(M,) which real samples lie in some generated ball, K_PRECISION and its surface"""
    recalled_halves: Tensor
    """(19, 2, M) the same for each half of the generated set alone"""

    @classmethod
    def of(cls, pair: FeaturePair) -> Sweep:
        """The pair's sweep, computed once for all metrics that want it."""
        if "sweep" not in pair.shared:
            pair.shared["sweep"] = cls.computed(pair.real, pair.fake.pool)
        found: Sweep = pair.shared["sweep"]
        return found

    @classmethod
    def computed(cls, side: Features, fake: Tensor, k_precision: int = K_PRECISION) -> Sweep:
        """The sweep of a real side of M samples and (N, D) generated features; with another k of precision if given.

        Raises:
            MeasurementError: too few samples on a side.
        """
        blocks, real, radii = intervals.blocks(len(fake)), side.pool, radii_of(side)
        balls = Balls.of(fake, blocks, k_precision)
        found = _empty(len(real), len(fake))
        centre = centre_of(real)
        keys = torch.randint(-(2**62), 2**62, (len(fake),), generator=torch.Generator().manual_seed(KEY_SEED))
        near, wide = radii[:, k_precision - 1, None], radii[:, K_DENSITY - 1, None]
        # Balls wider than most would lend realism to what is far from everything (Kynkäänniemi et al., § 5).
        pruned = torch.where(near <= near.median(), near, 0.0).float()
        passing = _Pass(real, fake, near, wide, pruned, balls, keys, centre)
        for block, rows in enumerate(blocks):
            for columns in rows.split(TILE):
                for start in range(0, len(real), TILE):
                    passing.visit(found, slice(start, start + TILE), columns, block)
        del found["distances"]
        squared, index = ranked_exactly(fake, real, found.pop("candidates")[:, : len(real)])
        return cls(
            **{**found, "realism": found["realism"].sqrt()},
            nearest=index[:, 0],
            nearest_squared=squared[:, 0],
            twin_squared=balls.twin_squared,
            real_squared=radii,
        )


def _empty(num_real: int, num_fake: int) -> dict[str, Tensor]:
    return {
        "precise": torch.zeros(num_fake, dtype=torch.bool),
        "dense": torch.zeros(num_fake, dtype=torch.int64),
        "realism": torch.zeros(num_fake),
        "candidates": torch.zeros(num_fake, 1 + SPARE, dtype=torch.int64),
        "distances": torch.full((num_fake, 1 + SPARE), torch.inf),
        "covered": torch.zeros(intervals.NUM_BLOCKS, num_real, dtype=torch.bool),
        "count": torch.zeros(num_real, dtype=torch.int64),
        "key": torch.zeros(num_real, dtype=torch.int64),
        "recalled": torch.zeros(num_real, dtype=torch.bool),
        "recalled_halves": torch.zeros(len(balanced_halves()), 2, num_real, dtype=torch.bool),
    }


@dataclass(frozen=True, slots=True)
class _Pass:
    """What the pass over real × generated compares."""

    real: Tensor
    fake: Tensor
    near: Tensor
    """(M, 1) squared radii of K_PRECISION"""
    wide: Tensor
    """(M, 1) squared radii of K_DENSITY"""
    pruned: Tensor
    """(M, 1) `near`, and 0 where it is above the median"""
    balls: Balls
    keys: Tensor
    centre: Tensor

    def visit(self, found: dict[str, Tensor], rows: slice, columns: Tensor, block: int) -> None:
        """Compare some real samples with some generated ones of one block."""
        tile = Tile(self.real[rows], self.fake[columns], self.centre)
        found["precise"][columns] |= tile.within(self.near[rows], closed=True).any(0)
        found["recalled"][rows] |= tile.within(self.balls.squared[None, columns], closed=True).any(1)
        inside = tile.within(self.wide[rows], closed=False)
        found["dense"][columns] += inside.sum(0)
        found["covered"][block, rows] |= inside.any(1)
        row, column = inside.nonzero(as_tuple=True)
        found["count"][rows] += torch.bincount(row, minlength=len(inside))
        found["key"][rows].index_add_(0, row, self.keys[columns[column]])
        self._single(found, tile, rows, columns)
        for number, first in enumerate(balanced_halves()):
            # Rounding may decide a pair: of error bars, not of scores.
            hit = (tile.squared <= self.balls.halved[number, None, columns]).any(1)
            found["recalled_halves"][number, 0 if first[block] else 1, rows] |= hit

    def _single(self, found: dict[str, Tensor], tile: Tile, rows: slice, columns: Tensor) -> None:
        """Realism and candidates for the nearest real sample of each generated one."""
        # A copy is as realistic as the GEMM's rounding can tell, and not infinitely so.
        ratio = (self.pruned[rows] / tile.squared.clamp_min(tile.slack)).amax(0)
        found["realism"][columns] = torch.maximum(found["realism"][columns], ratio)
        numbers = torch.arange(rows.start, rows.start + len(tile.squared))
        keep_nearest(found["distances"], found["candidates"], columns, tile.squared.T.contiguous(), numbers)

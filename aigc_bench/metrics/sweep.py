"""Who is near whom: every comparison that the nearest-neighbour metrics want, from one pass over real × generated.

A sample lies in a ball if it is no farther from the ball's centre than the centre's k-th neighbour of its own kind. The
passes are real × real and generated × generated, of which half the tiles suffice, and real × generated; memory is one
tile of distances, never N × N.

What error bars need comes out of the same pass: recall on balanced halves of the generated set
(`aigc_bench.stats.halves`), and which generated samples, as a key, lie in each real ball.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_bench.core import FeaturePair, Features
from aigc_bench.metrics.balls import K_DENSITY, K_PRECISION, Balls, radii_of
from aigc_bench.metrics.neighbours import SPARE, Nearest
from aigc_bench.metrics.tiles import Points, Tile, slices
from aigc_bench.stats import intervals
from aigc_bench.stats.halves import balanced_halves

KEY_SEED = 0


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
        return pair.memo.once(_sweep_of, pair)

    @classmethod
    def known(cls, pair: FeaturePair) -> Sweep | None:
        """The pair's sweep, if some metric has wanted it."""
        return pair.memo.known(_sweep_of)

    @classmethod
    def computed(cls, side: Features, fake: Tensor, k_precision: int = K_PRECISION) -> Sweep:
        """The sweep of a real side of M samples and (N, D) generated features; with another k of precision if given.

        Raises:
            MeasurementError: too few samples on a side.
        """
        real, radii = side.pool, radii_of(side)
        block = intervals.block_of(len(fake)).to(fake.device)
        balls = Balls.of(fake, block, k_precision)
        found = _Sums.empty(len(real), len(fake), fake.device)
        nearest = Nearest(len(fake), min(1 + SPARE, len(real)), fake.device)
        near, wide = radii[:, k_precision - 1, None], radii[:, K_DENSITY - 1, None]
        # Balls wider than most would lend realism to what is far from everything (Kynkäänniemi et al., § 5).
        pruned = torch.where(near <= near.median(), near, 0.0).float()
        keys = torch.randint(-(2**62), 2**62, (len(fake),), generator=torch.Generator().manual_seed(KEY_SEED))
        keys = keys.to(fake.device)
        points = Points(real)
        passing = _Pass(points, Points(fake, points.centre), near, wide, pruned, balls, block, keys)
        for columns in slices(len(fake)):
            for rows in slices(len(real)):
                passing.visit(found, nearest, rows, columns)
        for number, first in enumerate(balanced_halves()):
            found.recalled_halves[number] |= torch.stack([found.sure[first].any(0), found.sure[~first].any(0)])
        squared, index = nearest.ranked_exactly(passing.fake, points, 1)
        return cls(
            precise=found.precise,
            dense=found.dense,
            realism=found.realism_squared.sqrt(),
            covered=found.covered,
            count=found.count,
            key=found.key,
            recalled=found.recalled,
            recalled_halves=found.recalled_halves,
            nearest=index[:, 0],
            nearest_squared=squared[:, 0],
            twin_squared=balls.twin_squared,
            real_squared=radii,
        )


def _sweep_of(pair: FeaturePair) -> Sweep:
    return Sweep.computed(pair.real, pair.fake.pool)


@dataclass(frozen=True, slots=True)
class _Sums:
    """What a pass over real × generated adds up tile by tile, in place; see `Sweep`."""

    precise: Tensor
    """(N,) bool"""
    dense: Tensor
    """(N,) int64"""
    realism_squared: Tensor
    """(N,) float32"""
    covered: Tensor
    """(20, M) bool"""
    count: Tensor
    """(M,) int64"""
    key: Tensor
    """(M,) int64"""
    recalled: Tensor
    """(M,) bool"""
    sure: Tensor
    """(20, M) bool, which real samples lie in the smallest ball of a sample of each block, whatever the other half"""
    recalled_halves: Tensor
    """(19, 2, M) bool"""

    @classmethod
    def empty(cls, num_real: int, num_fake: int, device: torch.device) -> _Sums:
        """Before the first tile, for M real and N generated samples."""

        def zeros(*shape: int, dtype: torch.dtype = torch.bool) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        return cls(
            precise=zeros(num_fake),
            dense=zeros(num_fake, dtype=torch.int64),
            realism_squared=zeros(num_fake, dtype=torch.float32),
            covered=zeros(intervals.NUM_BLOCKS, num_real),
            count=zeros(num_real, dtype=torch.int64),
            key=zeros(num_real, dtype=torch.int64),
            recalled=zeros(num_real),
            sure=zeros(intervals.NUM_BLOCKS, num_real),
            recalled_halves=zeros(len(balanced_halves()), 2, num_real),
        )


@dataclass(frozen=True, slots=True)
class _Pass:
    """What the pass over real × generated compares."""

    real: Points
    fake: Points
    near: Tensor
    """(M, 1) squared radii of K_PRECISION"""
    wide: Tensor
    """(M, 1) squared radii of K_DENSITY"""
    pruned: Tensor
    """(M, 1) `near`, and 0 where it is above the median"""
    balls: Balls
    block: Tensor
    """(N,) which of 20 each generated sample is in"""
    keys: Tensor

    def visit(self, found: _Sums, nearest: Nearest, rows: slice, columns: slice) -> None:
        """Compare some real samples with some generated ones."""
        tile = Tile(self.real, rows, self.fake, columns)
        self._in_real_balls(found, tile, rows, columns)
        self._in_generated_balls(found, tile, rows, columns)
        nearest.add(columns, tile.squared.T, rows)
        # A copy is as realistic as the GEMM's rounding can tell, and not infinitely so.
        squared = tile.squared if float(nearest.squared[columns, 0].min()) > tile.slack else tile.floored()
        ratio = (self.pruned[rows] / squared).amax(0)
        found.realism_squared[columns] = torch.maximum(found.realism_squared[columns], ratio)

    def _in_real_balls(self, found: _Sums, tile: Tile, rows: slice, columns: slice) -> None:
        """Which generated samples are precise, how many balls hold each; how many a ball holds, and of which blocks."""
        near, wide = self.near[rows, 0], self.wide[rows, 0]
        pairs = tile.about_within(torch.maximum(near, wide)[:, None])
        precise = pairs.column[pairs.within(near[pairs.row], closed=True)]
        found.precise[precise + columns.start] = True
        inside = pairs.within(wide[pairs.row], closed=False)
        row, column = pairs.row[inside] + rows.start, pairs.column[inside] + columns.start
        found.dense.add_(torch.bincount(column, minlength=len(found.dense)))
        found.count.add_(torch.bincount(row, minlength=len(found.count)))
        found.covered[self.block[column], row] = True
        found.key.index_add_(0, row, self.keys[column])

    def _in_generated_balls(self, found: _Sums, tile: Tile, rows: slice, columns: slice) -> None:
        """Which real samples are recalled, and by balls that reach as far as the half of their centre makes them.

        Of the halves, rounding may decide a pair: it is about error bars, not scores. What lies in the smallest ball of
        a block's sample lies in it whatever the other half: such blocks need no further look, and where there are many,
        none is left.
        """
        halved, own = self.balls.halved[:, columns], self.balls.squared[columns]
        settled = found.sure[:, rows].all(0)
        pairs = tile.about_within(torch.maximum(own, halved.amax(0))[None], ~(settled & found.recalled[rows]))
        recalled = pairs.row[pairs.within(own[pairs.column], closed=True)]
        found.recalled[recalled + rows.start] = True
        row, column, squared = pairs.row, pairs.column, pairs.squared
        block = self.block[column + columns.start]
        sure = squared <= halved.amin(0)[column]
        found.sure[block[sure], row[sure] + rows.start] = True
        unsure = ~found.sure[block, row + rows.start]
        row, column, squared, block = row[unsure], column[unsure], squared[unsure], block[unsure]
        for number, first in enumerate(balanced_halves().to(row.device)):
            hit = squared <= halved[number, column]
            found.recalled_halves[number, (~first[block[hit]]).long(), row[hit] + rows.start] = True

"""Distances between the rows of two sets of features, tile by tile: float32 GEMM, and float64 where rounding decides.

The GEMM's cancellation breaks small distances exactly where near-duplicates live. So a comparison with a radius is
repeated in float64 where the GEMM's rounding could change it. Memory is one tile of distances, never N × N, and time is
little more than the GEMM's: a tile is compared with bounds, and only what lies within is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

TILE = 2048

EXACT_NUMBERS = 2**18
"""float64 differences that are held at once: they stay in a core's cache"""


def exact_squared(x: Tensor, rows: Tensor, y: Tensor, columns: Tensor) -> Tensor:
    """(N, D), (P,), (M, D), (P,) => (P,) float64 squared distances of these pairs, by differences."""
    step = max(1, EXACT_NUMBERS // x.shape[1])
    # Into one result: a small one of each step, kept between large temporaries, would leave the heap full of holes.
    squared = torch.empty(len(rows), dtype=torch.float64, device=x.device)
    for row, column, found in zip(rows.split(step), columns.split(step), squared.split(step), strict=True):
        torch.sum(x[row].double().sub_(y[column].double()).square_(), 1, out=found)
    return squared


class Points:
    """Rows of features, and what every tile wants of them.

    Args:
        pool: (N, D) features.
        centre: (D,) float32 origin for the GEMM; None: their mean. Distances do not change with it, and the GEMM's
            cancellation is least there.
    """

    def __init__(self, pool: Tensor, centre: Tensor | None = None) -> None:
        self.pool = pool
        self.centre = _mean(pool) if centre is None else centre
        self.norms = torch.cat([self.rows(rows).square().sum(1) for rows in slices(len(pool))])
        """(N,) float32 squared, from the centre"""

    def rows(self, which: slice) -> Tensor:
        """(n, D) float32, from the centre."""
        return self.pool[which].float() - self.centre

    @property
    def rounding(self) -> Tensor:
        """(N,) float32: what the GEMM's rounding may change of a squared distance, each row's part of it.

        A dot product of D terms is off by less than √D roundings of its norms but for odds of nothing (Higham and Mary
        2019, doi:10.1137/18M1226312); ours are fused and blocked, so four times that is wide.
        """
        return self.norms * (4 * math.sqrt(self.pool.shape[1]) * torch.finfo(torch.float32).eps)

    def squared_to(self, x: Tensor, norms: Tensor, which: slice) -> Tensor:
        """(n, D), (n,) of rows from the same centre => (n, m) squared distances to some of ours, by one GEMM.

        Where they are near 0, rounding may make them negative.
        """
        products = torch.addmm(self.norms[None, which], x, self.rows(which).T, alpha=-2)
        return products.add_(norms[:, None])


def _mean(pool: Tensor) -> Tensor:
    total = torch.zeros(pool.shape[1], dtype=torch.float64, device=pool.device)
    for rows in slices(len(pool)):
        total += pool[rows].double().sum(0)
    return (total / len(pool)).float()


def slices(num: int) -> Iterator[slice]:
    """Of `num` rows, a tile each."""
    for start in range(0, num, TILE):
        yield slice(start, min(start + TILE, num))


def pairs(near: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of what is true, (n, m), by rows; a transposed matrix is read the way it lies."""
    if near.is_contiguous():
        return _true(near)
    column, row = _true(near.T)
    order = row.argsort(stable=True)
    return row[order], column[order]


def _true(flags: Tensor) -> tuple[Tensor, Tensor]:
    """`nonzero` of a contiguous (n, m) bool matrix of which little is true: eight at a time, for speed."""
    if flags.shape[1] % 8:
        row, column = flags.nonzero(as_tuple=True)
        return row, column
    words = flags.view(torch.int64).flatten().nonzero()[:, 0]
    word, byte = flags.view(torch.uint8).view(-1, 8)[words].nonzero(as_tuple=True)
    place = words[word] * 8 + byte
    return place // flags.shape[1], place % flags.shape[1]


class Tile:
    """Distances between some rows of two sets, as the GEMM sees them.

    Args:
        real: one set.
        rows: n of it.
        fake: the other, from the same centre.
        columns: m of it.
    """

    def __init__(self, real: Points, rows: slice, fake: Points, columns: slice) -> None:
        self.x, self.y = real.pool[rows], fake.pool[columns]
        self.squared = fake.squared_to(real.rows(rows), real.norms[rows], columns)
        """(n, m) float32"""
        self.rounding = real.rounding[rows], fake.rounding[columns]
        """(n,), (m,) what it may change, each side's part"""

    @property
    def slack(self) -> float:
        """What rounding can change at most."""
        return sum(float(part.max()) for part in self.rounding)

    def floored(self) -> Tensor:
        """(n, m) float32 squared distances, none smaller than the GEMM's rounding can tell from 0."""
        return torch.maximum(self.squared, self.rounding[0][:, None] + self.rounding[1])

    def about_within(self, bound: Tensor, rows: Tensor | None = None) -> Pairs:
        """The pairs that may lie within a squared radius, (n, 1) or (1, m); of some rows, where (n,) bool says which.

        That is all that takes a pass over the tile: there are few such pairs, and what is asked of them is exact.
        """
        near = self.squared <= (bound + self.slack).float()
        if rows is not None and not bool(rows.all()):
            near &= rows[:, None]
        return Pairs(self, *pairs(near))


class Pairs:
    """Some pairs of a tile's rows, and exact answers to which of them lie within a radius.

    Args:
        tile: where they are from.
        row: (P,) of the n rows.
        column: (P,) of the m columns.
    """

    def __init__(self, tile: Tile, row: Tensor, column: Tensor) -> None:
        self.row, self.column = row, column
        self.squared = tile.squared[row, column]
        """(P,) float32, as the GEMM sees them"""
        self._tile = tile

    def within(self, bound: Tensor, *, closed: bool) -> Tensor:
        """(P,) bool: which pairs are no farther apart than float64 squared radii (P,), or nearer where not `closed`."""
        apart = self.squared.double() - bound
        inside = apart <= 0
        of_rows, of_columns = self._tile.rounding
        close = (apart.abs() <= of_rows[self.row] + of_columns[self.column]).nonzero()[:, 0]
        exact = exact_squared(self._tile.x, self.row[close], self._tile.y, self.column[close])
        inside[close] = exact <= bound[close] if closed else exact < bound[close]
        return inside

"""Exact nearest neighbours in tiles: float32 GEMM distances choose candidates, float64 differences decide.

A few more candidates than asked for are kept and measured again, since the GEMM's cancellation breaks small distances.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aigc_bench.metrics.tiles import Points, exact_squared, pairs, slices

SPARE = 4
DENSE = 8
"""a partial sort of a tile is faster where more than one in so many of its distances are to be sorted in"""


def nearest_neighbours(query: Tensor, base: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest rows of `base` for each row of `query`: distances (N, k) float64 ascending, indices (N, k)."""
    points = Points(base)
    asking = Points(query, points.centre)
    found = Nearest(len(query), min(k + SPARE, len(base)), query.device)
    for rows in slices(len(query)):
        x = asking.rows(rows)
        for columns in slices(len(base)):
            found.add(rows, points.squared_to(x, asking.norms[rows], columns), columns)
    squared, indices = found.ranked_exactly(asking, points, min(k, len(base)))
    return squared.sqrt(), indices


class Nearest:
    """The nearest that each row has found so far, as the GEMM sees them.

    What is farther than the last of them need not be sorted in: after the first tile few are nearer, so that a pass of
    comparisons takes the place of a partial sort.

    Args:
        num: rows, N.
        keep: how many are kept for each.
        device: where the tiles are.
    """

    def __init__(self, num: int, keep: int, device: torch.device) -> None:
        self.squared = torch.full((num, keep), math.inf, device=device)
        """(N, keep) float32 ascending, infinite where there are none yet"""
        self.index = torch.zeros(num, keep, dtype=torch.int64, device=device)
        """(N, keep) which they are"""

    def add(self, rows: slice, tile: Tensor, columns: slice) -> None:
        """Let `rows` see a tile (n, m) of squared distances to what is numbered `columns`."""
        keep, bound = self.squared.shape[1], self.squared[rows, -1:]
        if not bool(bound.isinf().any()):
            row, column = pairs(tile < bound)
            if len(row) < tile.numel() // DENSE:
                self._merge(rows, *_lists(row, column, tile[row, column], len(tile)), columns.start)
                return
        found, column = tile.topk(min(keep, tile.shape[1]), largest=False)
        self._merge(rows, found, column, columns.start)

    def ranked_exactly(self, query: Points, base: Points, k: int) -> tuple[Tensor, Tensor]:
        """The k nearest rows of `base` for all of `query`: (N, k) float64 squared distances ascending, and which.

        Measured again are the k that the GEMM sees first, and of the others those that rounding may have put behind.
        """
        near = self.squared.double()
        slack = query.rounding[:, None] + base.rounding[self.index]
        farthest = (near[:, :k] + slack[:, :k]).amax(1, keepdim=True)
        row, place = (near - slack <= farthest).nonzero(as_tuple=True)
        exact = torch.full_like(near, math.inf)
        exact[row, place] = exact_squared(query.pool, row, base.pool, self.index[row, place])
        ranked, order = exact.sort(dim=1, stable=True)
        return ranked[:, :k], self.index.gather(1, order[:, :k])

    def _merge(self, rows: slice, found: Tensor, column: Tensor, first: int) -> None:
        both = torch.cat([self.squared[rows], found], 1)
        numbers = torch.cat([self.index[rows], column + first], 1)
        self.squared[rows], order = both.topk(self.squared.shape[1], largest=False)
        self.index[rows] = numbers.gather(1, order)


def _lists(row: Tensor, column: Tensor, squared: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """Pairs in the order of their rows => (num, c) distances and columns of each row, infinity where it has fewer."""
    counts = torch.bincount(row, minlength=num)
    place = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[row]
    found = torch.full((num, int(counts.max())), math.inf, device=row.device)
    columns = torch.zeros_like(found, dtype=torch.int64)
    found[row, place], columns[row, place] = squared, column
    return found, columns


def nearest_of_own(points: Points, keep: int) -> Nearest:
    """The nearest others of the same set; distances are symmetric, so that a tile serves both its sides."""
    num = len(points.pool)
    found = Nearest(num, min(keep, num - 1), points.pool.device)
    for rows in slices(num):
        x, norms = points.rows(rows), points.norms[rows]
        for columns in slices(num):
            if columns.start < rows.start:
                continue
            tile = points.squared_to(x, norms, columns)
            if columns == rows:
                # A row is not its own neighbour; duplicates of it are.
                found.add(rows, tile.fill_diagonal_(math.inf), columns)
            else:
                found.add(rows, tile, columns)
                found.add(columns, tile.T, rows)
    return found

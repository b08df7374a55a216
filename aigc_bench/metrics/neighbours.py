"""Exact nearest neighbours in tiles: float32 GEMM distances choose candidates, float64 differences decide.

The GEMM's cancellation breaks small distances exactly where near-duplicates live. So a few more candidates than asked
for are kept and measured again, and a comparison with a radius is repeated in float64 where the GEMM's rounding could
change it. Memory is one tile of distances, never N × N.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

TILE = 2000
SPARE = 4
EXACT_ROWS = 2**13
"""pairs whose float64 differences are held at once"""


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """(N, D), (M, D) => (N, M), by one GEMM; clamped at 0."""
    products = torch.addmm(y.square().sum(1)[None], x, y.T, alpha=-2)
    return products.add_(x.square().sum(1)[:, None]).clamp_min_(0)


def exact_squared(x: Tensor, y: Tensor) -> Tensor:
    """(..., D), (..., D) => (...) float64 squared distances, by differences."""
    return (x.double() - y.double()).square().sum(-1)


def nearest_neighbours(query: Tensor, base: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest rows of `base` for each row of `query`: distances (N, k) float64 ascending, indices (N, k)."""
    squared, indices = nearest_squared(query, base, k)
    return squared.sqrt(), indices


def nearest_squared(query: Tensor, base: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The same with squared distances."""
    keep = min(k + SPARE, len(base))
    found, indices = [], []
    centre = centre_of(base)
    for rows in query.split(TILE):
        x = rows.float() - centre
        best = torch.empty(len(x), 0, dtype=x.dtype)
        where = torch.empty(len(x), 0, dtype=torch.int64)
        for start in range(0, len(base), TILE):
            tile = squared_distances(x, base[start : start + TILE].float() - centre)
            near, at = tile.topk(min(keep, tile.shape[1]), largest=False)
            best, where = torch.cat([best, near], 1), torch.cat([where, at + start], 1)
            if best.shape[1] > keep:
                best, order = best.topk(keep, largest=False)
                where = where.gather(1, order)
        ranked, order = ranked_exactly(rows, base, where)
        found.append(ranked[:, :k])
        indices.append(order[:, :k])
    return torch.cat(found), torch.cat(indices)


def ranked_exactly(query: Tensor, base: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """Candidates (N, c), rows of `base` for each row of `query`, by distance: float64 squared, ascending, and which."""
    step = max(1, EXACT_ROWS // where.shape[1])
    parts = zip(query.split(step), where.split(step), strict=True)
    exact = torch.cat([exact_squared(part[:, None], base[at]) for part, at in parts])
    ranked, order = exact.sort(dim=1, stable=True)
    return ranked, where.gather(1, order)


def nearest_of_own(pool: Tensor, groups: Sequence[Tensor], k: int) -> tuple[Tensor, Tensor]:
    """The nearest other rows of the same set, group by group, as the GEMM sees them.

    Distances are symmetric: a tile serves its rows and its columns.

    Args:
        pool: (N, D) rows.
        groups: (n,) row numbers each; together every row once.
        k: neighbours asked for; SPARE more are kept.

    Returns:
        Squared distances (N, groups, k + SPARE) float32 ascending, infinite where a group has not so many, and the
        rows' numbers.
    """
    keep = k + SPARE
    near = torch.full((len(pool), len(groups), keep), math.inf)
    where = torch.zeros(near.shape, dtype=torch.int64)
    centre = centre_of(pool)
    pieces = [(group, rows) for group, whole in enumerate(groups) for rows in whole.split(TILE)]
    for number, (group, rows) in enumerate(pieces):
        x = pool[rows].float() - centre
        for other, columns in pieces[number:]:
            same = columns is rows
            tile = squared_distances(x, x if same else pool[columns].float() - centre)
            if same:
                tile.fill_diagonal_(math.inf)  # a row is not its own neighbour; duplicates of it are
            else:
                keep_nearest(near[:, group], where[:, group], columns, tile.T.contiguous(), rows)
            keep_nearest(near[:, other], where[:, other], rows, tile, columns)
    return near, where


def keep_nearest(near: Tensor, where: Tensor, rows: Tensor, tile: Tensor, columns: Tensor) -> None:
    """Add a tile of distances to what its rows have found so far.

    Args:
        near: (N, k) squared distances ascending, infinite where there are none yet; written to.
        where: (N, k) which they are of; written to.
        rows: (n,) the tile's rows.
        tile: (n, m) squared distances.
        columns: (m,) what its columns are.
    """
    keep = near.shape[1]
    found, column = tile.topk(min(keep, tile.shape[1]), largest=False)
    both = torch.cat([near[rows], found], 1)
    numbers = torch.cat([where[rows], columns[column]], 1)
    near[rows], order = both.topk(keep, largest=False)
    where[rows] = numbers.gather(1, order)


def centre_of(points: Tensor) -> Tensor:
    """(D,) float32 mean. Distances do not change with the origin, the GEMM's cancellation does: it is least here."""
    total = sum((part.double().sum(0) for part in points.split(TILE)), torch.zeros(points.shape[1]).double())
    return (total / len(points)).float()


class Tile:
    """Distances between a few rows of two sets, and exact answers to which of them lie within a radius.

    Args:
        x: (n, D) rows of one set.
        y: (m, D) rows of the other.
        centre: (D,) float32 origin for the GEMM.
    """

    def __init__(self, x: Tensor, y: Tensor, centre: Tensor) -> None:
        self._x, self._y = x, y
        a, b = x.float() - centre, y.float() - centre
        self.squared = squared_distances(a, b)
        """(n, m) float32, as the GEMM sees it"""
        # A dot product of D terms is off by less than √D roundings of its norms but for odds of nothing (Higham and
        # Mary 2019, doi:10.1137/18M1226312); ours are fused and blocked, so four times that is wide.
        scale = float(a.square().sum(1).max()) + float(b.square().sum(1).max())
        self.slack = 4 * math.sqrt(x.shape[1]) * torch.finfo(torch.float32).eps * scale

    def within(self, bound: Tensor, *, closed: bool) -> Tensor:
        """Which pairs are no farther apart than `bound`, or nearer where not `closed`.

        Args:
            bound: float64 squared radii, (n, 1) or (1, m).
            closed: a pair at exactly the radius is within it.

        Returns:
            (n, m) bool.
        """
        near = self.squared
        inside = near <= (bound - self.slack).float()
        unsure = ((near <= (bound + self.slack).float()) ^ inside).nonzero()
        for pairs in unsure.split(EXACT_ROWS):
            row, column = pairs.unbind(1)
            exact = exact_squared(self._x[row], self._y[column])
            radius = bound.expand(near.shape)[row, column]
            inside[row, column] = exact <= radius if closed else exact < radius
        return inside

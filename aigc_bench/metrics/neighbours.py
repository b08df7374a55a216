"""Exact nearest neighbours in tiles: float32 GEMM distances choose candidates, float64 differences decide.

The GEMM's cancellation breaks small distances exactly where near-duplicates live. So a few more candidates than asked
for are kept and measured again, and a comparison with a radius is repeated in float64 where the GEMM's rounding could
change it. Memory is one tile of distances, never N × N.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

TILE = 2000
SPARE = 4
EXACT_ROWS = 2**15
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
        step = max(1, EXACT_ROWS // keep)
        exact = torch.cat(
            [
                exact_squared(part[:, None], base[at])
                for part, at in zip(rows.split(step), where.split(step), strict=True)
            ]
        )
        ranked, order = exact.sort(dim=1, stable=True)
        found.append(ranked[:, :k])
        indices.append(where.gather(1, order)[:, :k])
    return torch.cat(found), torch.cat(indices)


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
        self._near = squared_distances(a, b)
        # A dot product of D terms is off by less than √D roundings of its norms but for odds of nothing (Higham and
        # Mary 2019, doi:10.1137/18M1226312); ours are fused and blocked, so four times that is wide.
        scale = float(a.square().sum(1).max()) + float(b.square().sum(1).max())
        self._slack = 4 * math.sqrt(x.shape[1]) * torch.finfo(torch.float32).eps * scale

    def within(self, bound: Tensor, *, closed: bool, columns: Tensor | None = None) -> Tensor:
        """Which pairs are no farther apart than `bound`, or nearer where not `closed`.

        Args:
            bound: float64 squared radii, (n, 1) or (1, m), or (1, c) with `columns`.
            closed: a pair at exactly the radius is within it.
            columns: (c,) rows of y; all where None.

        Returns:
            (n, m) or (n, c) bool.
        """
        near = self._near if columns is None else self._near[:, columns]
        inside = near <= (bound - self._slack).float()
        unsure = ((near <= (bound + self._slack).float()) ^ inside).nonzero()
        for pairs in unsure.split(EXACT_ROWS):
            row, column = pairs.unbind(1)
            other = column if columns is None else columns[column]
            exact = exact_squared(self._x[row], self._y[other])
            radius = bound.expand(near.shape)[row, column]
            inside[row, column] = exact <= radius if closed else exact < radius
        return inside

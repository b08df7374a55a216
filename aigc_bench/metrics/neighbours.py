"""Exact nearest neighbours in tiles: GEMM distances choose candidates, direct float64 differences rank them.

The GEMM's cancellation breaks small distances exactly where near-duplicates live, so a few more candidates than asked
for are kept and measured again. Memory is one tile of distances, never N × N.
"""

from __future__ import annotations

import torch
from torch import Tensor

TILE = 2000
SPARE = 4


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """(N, D), (M, D) => (N, M), by one GEMM; clamped at 0."""
    return (x.square().sum(1)[:, None] + y.square().sum(1)[None] - 2 * (x @ y.T)).clamp_min_(0)


def nearest_neighbours(query: Tensor, base: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest rows of `base` for each row of `query`: distances (N, k) float64 ascending, indices (N, k)."""
    keep = min(k + SPARE, len(base))
    distances, indices = [], []
    # Distances do not change with the origin, the GEMM's cancellation does: it is least around the mean.
    centre = base.double().mean(0)
    query, base = (query.double() - centre).float(), (base.double() - centre).float()
    for x in query.split(TILE):
        best = torch.empty(len(x), 0, dtype=x.dtype)
        where = torch.empty(len(x), 0, dtype=torch.int64)
        for start in range(0, len(base), TILE):
            tile = squared_distances(x, base[start : start + TILE])
            near, at = tile.topk(min(keep, tile.shape[1]), largest=False)
            best, where = torch.cat([best, near], 1), torch.cat([where, at + start], 1)
            if best.shape[1] > keep:
                best, order = best.topk(keep, largest=False)
                where = where.gather(1, order)
        exact = (x[:, None].double() - base[where].double()).square().sum(2)
        ranked, order = exact.sort(dim=1, stable=True)
        distances.append(ranked[:, :k].sqrt())
        indices.append(where.gather(1, order)[:, :k])
    return torch.cat(distances), torch.cat(indices)

"""Balls around features: radii to the k-th neighbour of the same set, of all samples and of balanced halves."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_bench.core import Features
from aigc_bench.core.errors import MeasurementError
from aigc_bench.metrics.neighbours import SPARE, nearest_of_own
from aigc_bench.metrics.tiles import Points
from aigc_bench.stats.halves import balanced_halves

K_PRECISION = 3
K_DENSITY = 5
HALVED = 13
"""neighbours that are kept for each one asked for, to find as many in the same half: of 39 fewer than 3 are in it with
a probability of 1e-9, and the ball is then as large as is known"""


def squared_radii(pool: Tensor, k: int) -> Tensor:
    """(N, D) => (N, k) float64 squared distances of each row to its k nearest of the same set, itself left out.

    Raises:
        MeasurementError: there are not so many others.
    """
    if len(pool) <= k:
        raise MeasurementError(f"the {k}-th neighbour needs more than {k} samples, got {len(pool)}")
    points = Points(pool)
    return nearest_of_own(points, k + SPARE).ranked_exactly(points, points, k)[0]


def radii_of(real: Features) -> Tensor:
    """(M, K_DENSITY) squared distances of real samples to their nearest others, computed once."""
    return real.memo.once(radii_of_pool, real)


def radii_of_pool(features: Features) -> Tensor:
    """The same, computed anew, of features of either side."""
    return squared_radii(features.pool, max(K_PRECISION, K_DENSITY))


@dataclass(frozen=True, slots=True)
class Balls:
    """Balls around generated samples, with their radii."""

    squared: Tensor
    """(N,) float64 squared radius"""
    halved: Tensor
    """(19, N) float32 squared radius among the samples of the same half"""
    twin_squared: Tensor
    """(N,) float64 squared distance to the nearest other"""

    @classmethod
    def of(cls, pool: Tensor, block: Tensor, k: int) -> Balls:
        """Balls to the k-th neighbour of (N, D) features; `block` (N,) is which of 20 each is in."""
        points = Points(pool)
        near = nearest_of_own(points, HALVED * k + SPARE)
        exact = near.ranked_exactly(points, points, k)[0]
        halves = balanced_halves().to(pool.device)
        halved = torch.empty(len(halves), len(pool), device=pool.device)
        for number, first in enumerate(halves):
            side = first[block]
            rank = (side[near.index] == side[:, None]).cumsum(1)
            rank[:, -1] = k
            halved[number] = near.squared.gather(1, (rank >= k).int().argmax(1, keepdim=True))[:, 0]
        return cls(exact[:, k - 1], halved, exact[:, 0])

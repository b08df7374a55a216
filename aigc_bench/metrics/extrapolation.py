"""Fréchet distance at N = ∞ (Chong and Forsyth, arXiv 1911.07023): a line through the distance against 1 / n.

A Fréchet distance of n samples is too large by about b / n. Distances of nested random subsets give a line whose value
at 1 / n = 0 does not depend on N, so that sets of unlike N can be compared. The same bias of the *reference* stays.

The paper fits 15 subsets of 5,000 … N samples, each drawn anew. Here they are unions of 10, 15 and 20 of the 20 random
blocks, in four nested chains that begin a quarter of the blocks apart, and the line goes through the means over the
chains: so all samples weigh alike, and in first order the variance is that of the plain distance (from one chain it is
twice that). Near zero the result can be negative.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Metric, StatisticsPair
from aigc_bench.metrics import frechet
from aigc_bench.metrics.moments import Gaussian, Moments, check_spread, gaussian_of_side
from aigc_bench.stats import intervals

SIZES = (10, 15, 20)
"""blocks of each subset of a chain"""
CHAINS = tuple((*range(first, intervals.NUM_BLOCKS), *range(first)) for first in (0, 5, 10, 15))
"""the order in which blocks join, by chain"""

Subset = frozenset[int]
"""numbers of the blocks that are joined"""


def fitted(left_out: int | None = None) -> list[list[Subset]]:
    """Size => subsets of that size whose mean the line goes through; without one of the blocks where asked."""
    return [[frozenset(chain[:size]) - {left_out} for chain in CHAINS] for size in SIZES]


def intercept(distances: NDArray[np.float64], nums: NDArray[np.int64]) -> float:
    """The value at 1 / n = 0 of the least-squares line through mean distances of n samples, both (sizes, chains)."""
    # Means first: the scatter between chains, which is large, then has the same weights whichever block is left out.
    inverse = (1 / nums).mean(1)
    return float(np.polyfit(inverse, distances.mean(1), 1)[1])


def _distances(real: Gaussian, fake: Tensor, blocks: Sequence[Tensor]) -> dict[Subset, float]:
    """Distances of every subset that is fitted, and of each without one of its blocks."""
    if len(fake) < fake.shape[1]:
        sizes = (size for block in (None, *range(len(blocks))) for size in fitted(block))
        unions = list(dict.fromkeys(union for size in sizes for union in size))
        rows = [torch.cat([blocks[block] for block in sorted(union)]) for union in unions]
        return dict(zip(unions, frechet.distances_of_few(real, fake, rows), strict=True))
    # Made again rather than kept: twenty at D = 2048 are two thirds of a gigabyte.
    found: dict[Subset, float] = {}
    for chain in CHAINS:
        moments = Moments.of(fake[blocks[chain[0]]])
        for size, block in enumerate(chain[1:], 2):
            moments += Moments.of(fake[blocks[block]])
            joined = frozenset(chain[:size])
            if size in SIZES and joined not in found:
                found[joined] = frechet.distance_to(real, moments)
                for gone in joined:
                    rest = moments - Moments.of(fake[blocks[gone]])
                    found[joined - {gone}] = frechet.distance_to(real, rest)
    return found


def _estimate(real: Gaussian, fake: Tensor) -> Estimate:
    blocks = intervals.blocks(len(fake))
    check_spread("generated", fake)
    distances = _distances(real, fake, blocks)

    def extrapolated(left_out: int | None = None) -> float:
        sizes = fitted(left_out)
        nums = [[sum(len(blocks[block]) for block in union) for union in size] for size in sizes]
        return intercept(np.array([[distances[union] for union in size] for size in sizes]), np.array(nums))

    return intervals.of_jackknife(
        extrapolated(),
        [extrapolated(block) for block in range(len(blocks))],
        estimand=(
            f"score extrapolated from n = {len(fake) // 2} … {len(fake)} to infinitely many generated samples, "
            "reference fixed: the bias of its own number stays"
        ),
        num_samples=len(fake),
    )


def _compute(pair: FeaturePair) -> Estimate:
    return _estimate(gaussian_of_side(pair.real), pair.fake.pool)


def _compute_of_statistics(pair: StatisticsPair) -> Estimate:
    return _estimate(Gaussian.of(Moments.published(pair.real_mean, pair.real_cov)), pair.fake.pool)


fd_infinity = Metric(
    name="fd_infinity_{extractor}",
    evidence=FeaturePair,
    compute=_compute,
    higher_is_better=False,
    description="The Fréchet distance extrapolated to infinitely many generated samples.",
    of_statistics=Metric("fd_infinity_{extractor}", StatisticsPair, _compute_of_statistics, higher_is_better=False),
)

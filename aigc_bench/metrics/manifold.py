"""Fidelity and diversity by nearest neighbours.

Improved precision and recall with k = 3 and ≤ (Kynkäänniemi et al., arXiv 1904.06991); density and coverage with
k = 5 and < (Naeem et al., arXiv 2002.09797). A sample is inside a ball if it is no farther from the ball's centre
than the centre's k-th neighbour of its own kind.

Precision and density are means over generated samples with the reference fixed. Recall and coverage depend on the
generated set as a whole: their intervals leave out one of 20 blocks at a time, exactly, out of the same sweep.

All four come from three passes over tiles of distances: real with real, generated with generated, real with generated.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Metric
from aigc_bench.errors import MeasurementError
from aigc_bench.metrics.neighbours import TILE, Tile, centre_of, nearest_squared
from aigc_bench.stats import intervals

K_PRECISION = 3
K_DENSITY = 5


def squared_radii(pool: Tensor, k: int) -> Tensor:
    """(N, D) => (N, k) squared distances of each row to its k nearest of the same set, itself left out."""
    if len(pool) <= k:
        raise MeasurementError(f"the {k}-th neighbour needs more than {k} samples, got {len(pool)}")
    return nearest_squared(pool, pool, k + 1)[0][:, 1:]


def squared_radii_without_blocks(pool: Tensor, k: int, blocks: Sequence[slice]) -> tuple[Tensor, Tensor]:
    """Squared distances to the k-th neighbour: (N,) among all rows, (blocks, N) with one block of neighbours left out.

    The k nearest of every block are kept, so that leaving any one out is exact.
    """
    nearest = torch.full((len(pool), len(blocks), k), math.inf, dtype=torch.float64)
    for column, block in enumerate(blocks):
        others = pool[block]
        found, index = nearest_squared(pool, others, min(k + 1, len(others)))
        own = torch.arange(len(pool))[:, None] == index + block.start
        # A row is not its own neighbour; duplicates of it are.
        found = found.masked_fill(own, math.inf).sort(1)[0][:, :k]
        nearest[:, column, : found.shape[1]] = found
    whole = nearest.flatten(1).kthvalue(k, dim=1)[0]
    rest = [nearest[:, [i for i in range(len(blocks)) if i != b]].flatten(1) for b in range(len(blocks))]
    return whole, torch.stack([part.kthvalue(k, dim=1)[0] for part in rest])


def contiguous(blocks: Sequence[Tensor]) -> list[slice]:
    """Where the blocks lie in a set whose rows stand in the order `torch.cat(blocks)`."""
    stops = list(itertools.accumulate(len(block) for block in blocks))
    return [slice(stop - len(block), stop) for stop, block in zip(stops, blocks, strict=True)]


@dataclass(frozen=True, slots=True)
class Sweep:
    """What lies in whose ball, from one pass over real with generated samples."""

    precise: Tensor
    """(N,) which generated samples lie in some real ball, K_PRECISION and its surface"""
    dense: Tensor
    """(N,) int64, how many real balls each generated sample lies in, K_DENSITY without its surface"""
    covered: Tensor
    """(20, M) which real balls, K_DENSITY without its surface, hold a generated sample of each block"""
    recalled: Tensor
    """(M,) which real samples lie in some generated ball, K_PRECISION and its surface"""
    recalled_without: Tensor
    """(20, M) the same with one block of generated samples left out, as neighbours too"""

    @classmethod
    def of(cls, pair: FeaturePair) -> Sweep:
        """The pair's sweep, computed once for all metrics that want it."""
        if "sweep" not in pair.shared:
            pair.shared["sweep"] = cls.computed(pair.real.pool, pair.fake.pool)
        found: Sweep = pair.shared["sweep"]
        return found

    @classmethod
    def computed(
        cls,
        real: Tensor,
        fake: Tensor,
        k_precision: int = K_PRECISION,
        k_density: int = K_DENSITY,
        blocks_of_fake: Sequence[Tensor] | None = None,
    ) -> Sweep:
        """The sweep of (M, D) real and (N, D) generated features.

        Other numbers of neighbours, and other blocks of generated rows than 20 random ones, where they are given.
        """
        radii = squared_radii(real, max(k_precision, k_density))
        near, wide = radii[:, k_precision - 1, None], radii[:, k_density - 1, None]
        order = torch.cat(list(drawn := intervals.blocks(len(fake)) if blocks_of_fake is None else blocks_of_fake))
        fake, blocks, centre = fake[order], contiguous(drawn), centre_of(real)
        whole, without = squared_radii_without_blocks(fake, k_precision, blocks)
        precise, dense = torch.zeros(len(fake), dtype=torch.bool), torch.zeros(len(fake), dtype=torch.int64)
        recalled = torch.zeros(len(real), dtype=torch.bool)
        covered, recalled_without = torch.zeros(2, len(blocks), len(real), dtype=torch.bool)
        for own, block in enumerate(blocks):
            for left in range(block.start, block.stop, TILE):
                columns = slice(left, min(left + TILE, block.stop))
                grown = [
                    ((without[gone, columns] > whole[columns]).nonzero()[:, 0], gone)
                    for gone in range(len(blocks))
                    if gone != own
                ]
                for top in range(0, len(real), TILE):
                    rows = slice(top, top + TILE)
                    tile = Tile(real[rows], fake[columns], centre)
                    precise[columns] |= tile.within(near[rows], closed=True).any(0)
                    inside = tile.within(wide[rows], closed=False)
                    dense[columns] += inside.sum(0)
                    covered[own, rows] |= inside.any(1)
                    hit = tile.within(whole[None, columns], closed=True).any(1)
                    recalled[rows] |= hit
                    for changed, gone in grown:
                        # Balls only grow when neighbours go: what was hit stays hit.
                        bound = without[gone, columns][changed][None]
                        more = tile.within(bound, closed=True, columns=changed).any(1)
                        recalled_without[gone, rows] |= hit | more
        back = order.argsort()
        return cls(precise[back], dense[back], covered, recalled, recalled_without)


def _text(pair: FeaturePair) -> str:
    return f"expected score at N = {len(pair.fake.pool)}, reference fixed"


def _precision(pair: FeaturePair) -> Estimate:
    method = "Student's t over generated samples; reference fixed"
    return intervals.of_mean(Sweep.of(pair).precise.double(), method=method, estimand=_text(pair), support=(0.0, 1.0))


def _recall(pair: FeaturePair) -> Estimate:
    sweep = Sweep.of(pair)
    return intervals.of_jackknife(
        float(sweep.recalled.double().mean()),
        sweep.recalled_without.double().mean(1).tolist(),
        estimand=_text(pair),
        num_samples=len(pair.fake.pool),
        support=(0.0, 1.0),
    )


def _density(pair: FeaturePair) -> Estimate:
    counts = Sweep.of(pair).dense.double() / K_DENSITY
    method = "Student's t over generated samples; reference fixed"
    return intervals.of_mean(counts, method=method, estimand=_text(pair), support=(0.0, math.inf))


def _coverage(pair: FeaturePair) -> Estimate:
    by_block = Sweep.of(pair).covered.long()
    num = by_block.sum(0)
    return intervals.of_jackknife(
        float((num > 0).double().mean()),
        (num - by_block > 0).double().mean(1).tolist(),
        estimand=_text(pair),
        num_samples=len(pair.fake.pool),
        support=(0.0, 1.0),
    )


precision = Metric(
    "precision",
    FeaturePair,
    _precision,
    True,
    description="Share of generated samples that look like real ones.",
)
recall = Metric(
    "recall",
    FeaturePair,
    _recall,
    True,
    description="Share of real samples that the generator could have made.",
)
density = Metric(
    "density",
    FeaturePair,
    _density,
    True,
    description="How densely real samples surround a generated one; 1 is par.",
)
coverage = Metric(
    "coverage",
    FeaturePair,
    _coverage,
    True,
    description="Share of real samples with a generated one in their midst.",
)

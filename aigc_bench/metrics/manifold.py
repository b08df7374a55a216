"""Fidelity and diversity by nearest neighbours.

Improved precision and recall with k = 3 and ≤ (Kynkäänniemi et al., arXiv 1904.06991); density and coverage with
k = 5 and < (Naeem et al., arXiv 2002.09797). A sample is inside a ball if it is no farther from the ball's centre
than the centre's k-th neighbour of its own kind.

Precision and density are means over generated samples with the reference fixed. Recall and coverage depend on the
generated set as a whole: their intervals leave out one of 20 blocks at a time, exactly, out of the same sweep.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Metric
from aigc_bench.errors import MeasurementError
from aigc_bench.metrics.neighbours import TILE, nearest_neighbours, squared_distances
from aigc_bench.stats import intervals

K_PRECISION = 3
K_DENSITY = 5


def radii(pool: Tensor, k: int) -> Tensor:
    """(N, D) => (N,) distance of each row to its k-th neighbour in the same set, itself left out."""
    if len(pool) <= k:
        raise MeasurementError(f"the {k}-th neighbour needs more than {k} samples, got {len(pool)}")
    return nearest_neighbours(pool, pool, k + 1)[0][:, k]


def balls_around_real(pair: FeaturePair, k: int, *, closed: bool) -> Tensor:
    """(N,) how many real balls each generated sample lies in; `closed` counts the surface as inside."""
    bound = radii(pair.real.pool, k).square()
    counts = torch.zeros(len(pair.fake.pool), dtype=torch.int64)
    for start in range(0, len(counts), TILE):
        near = _exact_squared(pair.fake.pool[start : start + TILE], pair.real.pool)
        counts[start : start + TILE] = ((near <= bound) if closed else (near < bound)).sum(1)
    return counts


def covered_by_block(pair: FeaturePair, k: int) -> Tensor:
    """(M, 20) how many generated samples of each block lie strictly inside each real ball."""
    bound = radii(pair.real.pool, k).square()
    blocks = intervals.blocks(len(pair.fake.pool))
    counts = torch.zeros(len(bound), len(blocks), dtype=torch.int64)
    for column, block in enumerate(blocks):
        fake = pair.fake.pool[block]
        for start in range(0, len(bound), TILE):
            rows = slice(start, start + TILE)
            near = _exact_squared(pair.real.pool[rows], fake)
            counts[rows, column] = (near < bound[rows, None]).sum(1)
    return counts


def radii_without_blocks(pool: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Radii (N,) of all rows, and (20, N) with one block of neighbours left out.

    The k nearest of every block are kept, so that leaving any one out is exact.
    """
    blocks = intervals.blocks(len(pool))
    nearest = torch.full((len(pool), len(blocks), k), math.inf, dtype=torch.float64)
    for column, block in enumerate(blocks):
        others = pool[block]
        found, index = nearest_neighbours(pool, others, min(k + 1, len(others)))
        own = torch.arange(len(pool))[:, None] == index + block.start
        # A row is not its own neighbour; duplicates of it are.
        found = found.masked_fill(own, math.inf).sort(1)[0][:, :k]
        nearest[:, column, : found.shape[1]] = found
    whole = nearest.flatten(1).kthvalue(k, dim=1)[0]
    rest = [nearest[:, [i for i in range(len(blocks)) if i != b]].flatten(1) for b in range(len(blocks))]
    return whole, torch.stack([part.kthvalue(k, dim=1)[0] for part in rest])


def recalled(pair: FeaturePair, k: int) -> tuple[Tensor, Tensor]:
    """Which real samples lie in some generated ball: (M,) of all, (20, M) with one generated block left out."""
    fake = pair.fake.pool
    whole, without = radii_without_blocks(fake, k)
    blocks = intervals.blocks(len(fake))
    everything = torch.zeros(len(pair.real.pool), dtype=torch.bool)
    partial = torch.zeros(len(blocks), len(pair.real.pool), dtype=torch.bool)
    for own, block in enumerate(blocks):
        bound, bound_without = whole[block].square(), without[:, block].square()
        for start in range(0, len(everything), TILE):
            rows = slice(start, start + TILE)
            near = _exact_squared(pair.real.pool[rows], fake[block])
            hit = (near <= bound).any(1)
            everything[rows] |= hit
            for left in range(len(blocks)):
                # Balls only grow when neighbours go: what was hit stays hit.
                if left != own:
                    changed = (bound_without[left] > bound).nonzero()[:, 0]
                    grown = (near[:, changed] <= bound_without[left, changed]).any(1)
                    partial[left, rows] |= hit | grown
    return everything, partial


def _exact_squared(x: Tensor, y: Tensor) -> Tensor:
    """Squared distances in float64: centred first, so that the GEMM cancels little."""
    centre = y.double().mean(0)
    return squared_distances(x.double() - centre, y.double() - centre)


def _text(pair: FeaturePair) -> str:
    return f"expected score at N = {len(pair.fake.pool)}, reference fixed"


def _precision(pair: FeaturePair) -> Estimate:
    inside = balls_around_real(pair, K_PRECISION, closed=True) > 0
    method = "Student's t over generated samples; reference fixed"
    return intervals.of_mean(inside.double(), method=method, estimand=_text(pair), support=(0.0, 1.0))


def _recall(pair: FeaturePair) -> Estimate:
    everything, partial = recalled(pair, K_PRECISION)
    return intervals.of_jackknife(
        float(everything.double().mean()),
        partial.double().mean(1).tolist(),
        estimand=_text(pair),
        num_samples=len(pair.fake.pool),
        support=(0.0, 1.0),
    )


def _density(pair: FeaturePair) -> Estimate:
    counts = balls_around_real(pair, K_DENSITY, closed=False).double() / K_DENSITY
    method = "Student's t over generated samples; reference fixed"
    return intervals.of_mean(counts, method=method, estimand=_text(pair), support=(0.0, math.inf))


def _coverage(pair: FeaturePair) -> Estimate:
    counts = covered_by_block(pair, K_DENSITY)
    total = counts.sum(1, keepdim=True)
    return intervals.of_jackknife(
        float((total > 0).double().mean()),
        (total - counts > 0).double().mean(0).tolist(),
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

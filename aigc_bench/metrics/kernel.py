"""Kernel distance: unbiased squared MMD with k(x, y) = (x·y / D + 1)³ (Bińkowski et al., arXiv 1801.01401).

`kd` is over all pairs, in tiles, so that memory does not grow with N². `kd_subsets` is the mean over 100 random subsets
of 1000 that the published codes print, with torch-fidelity's draws; `kd` is its expectation over the draws.
"""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Features, Metric
from aigc_bench.core.errors import MeasurementError, NotAvailableError
from aigc_bench.metrics.kernel_sums import (
    NUM_SUBSETS,
    SUBSET_SEED,
    SUBSET_SIZE,
    KernelSums,
    RealSums,
    Subsets,
    real_sums_of,
)
from aigc_bench.stats import intervals

SWEPT = 10_000
"""samples a side up to which all pairs cost no more than all subsets"""
WIDE = 512
"""features from which on subsets cost so little beside all pairs that they are always summed with them"""


def real_sums_of_side(real: Features) -> RealSums:
    """Sums over pairs of real samples alone, computed once for all rows."""
    return real.memo.once(_real_sums, real)


def _real_sums(real: Features) -> RealSums:
    return real_sums_of(real.pool, None)


def _real_sums_beside(real: Features, num_fake: int) -> RealSums:
    """With those within the subsets of the real side, which depend on the number of generated samples."""
    return real_sums_of(real.pool, _subsets_beside(real, num_fake))


def _subsets_beside(real: Features, num_fake: int) -> Subsets:
    """Drawn once for all rows of as many generated samples."""
    return real.memo.once(_subsets_drawn, real, num_fake)


def _subsets_drawn(real: Features, num_fake: int) -> Subsets:
    return Subsets.drawn(num_fake, len(real.pool))


def _sums_alone(pair: FeaturePair) -> KernelSums:
    return KernelSums.of(pair.real.pool, pair.fake.pool, None, real_sums_of_side(pair.real))


def _sums_with_subsets(pair: FeaturePair) -> KernelSums:
    # The draws of both sides are taken in turns: those of the real side depend on the number of generated samples.
    num_fake = len(pair.fake.pool)
    known = pair.real.memo.once(_real_sums_beside, pair.real, num_fake)
    return KernelSums.of(pair.real.pool, pair.fake.pool, _subsets_beside(pair.real, num_fake), known)


def _sums(pair: FeaturePair, subsets: Subsets | None) -> KernelSums:
    """Sums over all pairs, computed once for both metrics; those with subsets serve both."""
    if subsets is not None:
        return pair.memo.once(_sums_with_subsets, pair)
    known = pair.memo.known(_sums_with_subsets)
    return pair.memo.once(_sums_alone, pair) if known is None else known


def _subsets(pair: FeaturePair) -> Subsets | None:
    """None where a side has too few samples."""
    num_fake, num_real = len(pair.fake.pool), len(pair.real.pool)
    return _subsets_beside(pair.real, num_fake) if min(num_fake, num_real) >= SUBSET_SIZE else None


def _compute(pair: FeaturePair) -> Estimate:
    real, fake = pair.real.pool, pair.fake.pool
    if min(len(real), len(fake)) < 4:
        raise MeasurementError(f"a kernel distance needs at least 4 samples a side, got {len(real)}, {len(fake)}")
    sums = _sums(pair, _subsets(pair) if real.shape[1] >= WIDE else None)
    estimate = intervals.symmetric(
        sums.distance,
        sums.standard_error,
        len(fake) - 1,
        method="U-statistic's variance over the generated set, both terms, rising with the score; reference fixed",
        estimand=f"expected score, reference fixed (unbiased: the same for every N; here {len(fake)})",
        num_samples=len(fake),
        replicates=sums.left_out.tolist(),
        replicates_of="block left out",
    )
    return intervals.leaning(estimate, sums.slope(len(fake)))


def _compute_subsets(pair: FeaturePair) -> Estimate:
    """Mean over the subsets; its variance is that of two independent drawings, of the samples and of subsets of them.

    Given the samples, subsets are independent and have the sum over all pairs as expectation. So Var = Var(all pairs) +
    E Var(subset | samples) / 100: the U-statistic's, and the spread over the subsets. On more than 10,000 samples a
    side, the U-statistic's terms are estimated from as many at random.
    """
    real, fake = pair.real.pool, pair.fake.pool
    subsets = _subsets(pair)
    if subsets is None:
        raise NotAvailableError(
            f"{NUM_SUBSETS} subsets of {SUBSET_SIZE} need as many samples a side, got {len(real)} real and {len(fake)} "
            "generated; `kd` is the same over all pairs, for any number"
        )
    sums = pair.memo.known(_sums_with_subsets)
    if max(len(real), len(fake)) <= SWEPT or sums is not None:
        sums = _sums(pair, subsets)
        distances = sums.subset_distances
    else:
        distances = subsets.distances(fake, real)
        sums = pair.memo.known(_sums_alone) or KernelSums.of(_some(real), _some(fake))
    between = float(distances.var(correction=1)) / NUM_SUBSETS
    estimate = intervals.symmetric(
        float(distances.mean()),
        math.sqrt(sums.variance(len(fake)) + between),
        NUM_SUBSETS - 1,
        method=f"U-statistic's variance over the generated set + that of {NUM_SUBSETS} subsets' mean; reference fixed",
        estimand=f"expected score, reference fixed (unbiased: the same for every N; here {len(fake)})",
        num_samples=len(fake),
        replicates=distances.tolist(),
        replicates_of="subset",
    )
    return intervals.leaning(estimate, sums.slope(len(fake)))


def _some(pool: Tensor) -> Tensor:
    """At most `SWEPT` rows at random: files often lie class by class."""
    return pool if len(pool) <= SWEPT else pool[np.random.RandomState(SUBSET_SEED).permutation(len(pool))[:SWEPT]]


kd = Metric(
    name="kd_{extractor}",
    evidence=FeaturePair,
    compute=_compute,
    higher_is_better=False,
    description="Unbiased squared maximum mean discrepancy with the cubic kernel of KID; it can fall below zero.",
)

kd_subsets = Metric(
    name="kd_subsets_{extractor}",
    evidence=FeaturePair,
    compute=_compute_subsets,
    higher_is_better=False,
    description="The same as mean over 100 random subsets of 1000, as the published codes print it.",
)

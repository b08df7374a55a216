"""Copies: of the real side's samples, and of each other.

`auth_pct`: a generated sample is authentic if its nearest real sample is nearer to another real one than to it (Alaa et
al., arXiv 2102.08921, § 3.3, as a percentage). Where the real side is the training set, copies of it are not authentic.
`duplicates`: generated samples with an equal among the others, as a collapsed generator gives them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Metric
from aigc_bench.metrics.sweep import Sweep
from aigc_bench.stats import intervals

SAME = 1e-10
"""squared distance over squared norm below which features are the same but for float32's rounding"""


def authentic(sweep: Sweep) -> Tensor:
    """(N,) bool: which generated samples are farther from the nearest real one than that is from its own nearest."""
    return sweep.nearest_squared > sweep.real_squared[sweep.nearest, 0]


def duplicated(pool: Tensor, twin_squared: Tensor) -> Tensor:
    """(N,) bool: which rows of (N, D) have an equal, from the squared distance to the nearest other."""
    norms = torch.cat([part.double().square().sum(1) for part in pool.split(8192)])
    return twin_squared <= SAME * norms


def _auth_pct(pair: FeaturePair) -> Estimate:
    share = intervals.of_share(
        authentic(Sweep.of(pair)),
        method="Wilson's over generated samples; reference fixed",
        estimand=f"expected score at N = {len(pair.fake.pool)}, reference fixed",
    )
    return intervals.scaled(share, 100.0)


def _duplicates(pair: FeaturePair) -> Estimate:
    flags = duplicated(pair.fake.pool, Sweep.of(pair).twin_squared)
    return intervals.of_share(
        flags,
        method="Wilson's, as if samples had equals independently; pairs are counted on both sides",
        estimand=f"expected score at N = {len(flags)}",
    )


auth_pct = Metric(
    "auth_pct",
    FeaturePair,
    _auth_pct,
    True,
    "%",
    description="Share of generated samples that are no closer to a real one than real ones are to each other.",
)
duplicates = Metric(
    "duplicates",
    FeaturePair,
    _duplicates,
    False,
    description="Share of generated samples that have an equal among the generated ones.",
)

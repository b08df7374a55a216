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

FEW = 3
"""equal samples, up to which they are taken to be a coincidence"""
SAME = 1e-10
"""squared distance over squared norm below which features are the same but for float32's rounding"""


def authentic(sweep: Sweep) -> Tensor:
    """(N,) bool: which generated samples are farther from the nearest real one than that is from its own nearest."""
    return sweep.nearest_squared > sweep.real_squared[sweep.nearest, 0]


def duplicated(pool: Tensor, twin_squared: Tensor) -> Tensor:
    """(N,) bool: which rows of (N, D) have an equal, from the squared distance to the nearest other."""
    norms = torch.cat([part.double().square().sum(1) for part in pool.split(8192)])
    return twin_squared <= SAME * norms


def group_sizes(pool: Tensor, flags: Tensor) -> Tensor:
    """Sizes of the groups of equal rows among the flagged ones of (N, D), int64; of a pair that rounding parts, 2."""
    weights = torch.randn(pool.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = weights.to(pool.device)
    # Equal rows have equal sums; that unlike ones have is as likely as any two random numbers to agree.
    sums = torch.cat([(part.double() * weights).sum(1) for part in pool[flags].split(8192)])
    counts: Tensor = torch.unique(sums, return_counts=True)[1]
    return counts.clamp_min(2)


def variance_of_duplicates(sizes: Tensor, num: int) -> float:
    """Variance of the number of samples that have an equal, over generated sets of N = `num`.

    Samples come from atoms: of a Poisson number n with mean λ of one, X = n where n > 1 is counted. Var X = λ (1 -
    e^-λ) + λ² (2 e^-λ - e^-2λ), which is n² for what happens once in a while, and n for what always does. Its only
    unbiased estimate from n is n², for n = 2 and 3, and alternates wildly from there on, where n is close. That N is
    fixed takes off the square of Cov(X, n) = λ (1 - e^-λ) + λ² e^-λ over N, of which 4 is unbiased for n = 2, and
    otherwise n.

    Args:
        sizes: (G,) of the groups of equal samples.
        num: N.
    """
    alone = float(torch.where(sizes <= FEW, sizes * sizes, sizes).sum())
    common = float(torch.where(sizes == 2, 2 * sizes, sizes).sum())
    return max(alone - common**2 / num, 0.0)


def _auth_pct(pair: FeaturePair) -> Estimate:
    share = intervals.of_share(
        authentic(Sweep.of(pair)),
        method="Wilson's over generated samples; reference fixed",
        estimand=f"expected score at N = {len(pair.fake.pool)}, reference fixed",
    )
    return intervals.scaled(share, 100.0)


def _duplicates(pair: FeaturePair) -> Estimate:
    flags = duplicated(pair.fake.pool, Sweep.of(pair).twin_squared)
    num, hits = len(flags), int(flags.sum())
    independent = hits * (1 - hits / num)
    variance = variance_of_duplicates(group_sizes(pair.fake.pool, flags), num)
    return intervals.of_share(
        flags,
        method="Wilson's for groups of equal samples, which come and go together",
        estimand=f"expected score at N = {num}",
        inflation=variance / independent if variance and independent else 1.0,
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

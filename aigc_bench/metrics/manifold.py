"""Fidelity and diversity by nearest neighbours.

Improved precision and recall with k = 3 and ≤, and realism (Kynkäänniemi et al., arXiv 1904.06991); density and
coverage with k = 5 and < (Naeem et al., arXiv 2002.09797).

Precision, density and realism are statistics of single generated samples with the reference fixed. Recall and coverage
depend on the generated set as a whole, through nearest neighbours: leaving out blocks would overstate their error.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Metric
from aigc_bench.metrics.balls import K_DENSITY
from aigc_bench.metrics.sweep import Sweep
from aigc_bench.stats import intervals

MISSED = 0.25
"""share of the real samples without a generated one nearby, from which on recall's interval is not to be trusted: where
three classes of ten are missing it covers the truth two times in three (docs/standard-errors.md)"""
FEW_BALLS = 10
"""real balls with one generated sample, up to which chance decides whether coverage's error is seen at all"""
SECOND_ORDER = 0.25
"""weight of real balls with exactly two generated samples in coverage's variance; see `variance_of_coverage`"""


def variance_of_recall(halves: Tensor) -> tuple[float, float]:
    """Variance of recall over generated sets, and its degrees of freedom, from (19, 2, M) recall by halves.

    Half the squared difference of two independent halves is unbiased for the variance at N / 2: a sum over pairs of
    real samples, of each with itself and of different ones. At N the balls are as many times smaller as there are more
    of them, so that a real sample is as often in one, but half as many others share its fate: the terms of different
    samples halve, and those of each with itself stay.
    """
    first, second = halves[:, 0], halves[:, 1]
    differences = first.double().mean(1) - second.double().mean(1)
    at_half = float(differences.square().mean()) / 2
    alone = float((first != second).double().mean()) / 2 / halves.shape[2]
    variance = (at_half + alone) / 2
    degrees = len(halves) * ((at_half + alone) / at_half) ** 2 if at_half > 0 else math.inf
    return variance, degrees


def variance_of_coverage(count: Tensor, key: Tensor, num_fake: int) -> float:
    """Variance of coverage over generated sets, reference fixed.

    With Poisson numbers λ of generated samples in real balls j and l and λ_jl in both, the covariance of being empty is
    exp(-λ_j - λ_l) (exp λ_jl - 1) = exp(-λ_j - λ_l + λ_jl) (1 - exp(-λ_jl)). The probability that both hold the same
    and only k samples is exp(-λ_j - λ_l + λ_jl) λ_jl^k / k!, so that Σ over pairs of equal balls (-1)^(k + 1) is
    unbiased, and useless for its noise. Its first term alone is the jackknife, and too large; of the second a quarter
    is taken off, which is stable, and between .95 and 1.45 times the truth in docs/standard-errors.md. That N is fixed
    and not Poisson takes off the rest.

    Args:
        count: (M,) generated samples in each ball.
        key: (M,) equal where they are the same.
        num_fake: N.
    """
    num_real = len(count)
    pairs = {
        times: float(torch.unique(key[count == times], return_counts=True)[1].double().square().sum())
        for times in (1, 2)
    }
    single = float((count == 1).double().mean())
    return max((pairs[1] - SECOND_ORDER * pairs[2]) / num_real**2 - single**2 / num_fake, 0.0)


def _text(pair: FeaturePair) -> str:
    return f"expected score at N = {len(pair.fake.pool)}, reference fixed"


def _precision(pair: FeaturePair) -> Estimate:
    method = "Wilson's over generated samples; reference fixed"
    return intervals.of_share(Sweep.of(pair).precise, method=method, estimand=_text(pair))


def _recall(pair: FeaturePair) -> Estimate:
    sweep = Sweep.of(pair)
    variance, degrees = variance_of_recall(sweep.recalled_halves)
    found = intervals.symmetric(
        float(sweep.recalled.double().mean()),
        math.sqrt(variance),
        degrees,
        method="19 balanced divisions of the generated set into halves; reference fixed",
        estimand=_text(pair),
        num_samples=len(pair.fake.pool),
        replicates=sweep.recalled_halves.double().mean(2).flatten().tolist(),
        replicates_of="half",
        support=(0.0, 1.0),
    )
    missed = 1 - float((sweep.count > 0).double().mean())
    if missed <= MISSED:
        return found
    # What decides is seen in some sets and not in others: no estimate from one set knows it (docs/standard-errors.md).
    return replace(
        found,
        caveat=f"{missed:.0%} of the real samples have no generated one nearby, and whether they lie in the wide balls "
        "of a few far samples decides: other sets of as many samples may differ by several times the error",
    )


def _density(pair: FeaturePair) -> Estimate:
    counts = Sweep.of(pair).dense.double() / K_DENSITY
    method = "Student's t over generated samples; reference fixed"
    return intervals.of_mean(counts, method=method, estimand=_text(pair), support=(0.0, math.inf))


def _coverage(pair: FeaturePair) -> Estimate:
    sweep = Sweep.of(pair)
    by_block = sweep.covered.long()
    num = by_block.sum(0)
    variance = variance_of_coverage(sweep.count, sweep.key, len(pair.fake.pool))
    single, empty = (int((sweep.count == times).sum()) for times in (1, 0))
    hangs_on_few = bool(empty) and single <= FEW_BALLS
    if hangs_on_few:
        # A set that happens to have no such ball would show no error at all: one ball is the least that may change.
        variance += len(num) ** -2
    found = intervals.symmetric(
        float((num > 0).double().mean()),
        math.sqrt(variance),
        math.inf,
        method="covariance of real balls with one or two generated samples; reference fixed",
        estimand=_text(pair),
        num_samples=len(pair.fake.pool),
        replicates=(num - by_block > 0).double().mean(1).tolist(),
        replicates_of="block left out",
        support=(0.0, 1.0),
    )
    if not hangs_on_few:
        return found
    return replace(
        found,
        caveat=f"{empty} of {len(num)} real samples have no generated one nearby and {single} have one: so few do not "
        "show how much other sets of as many samples differ",
    )


def _realism(pair: FeaturePair) -> Estimate:
    return intervals.of_quantile(
        Sweep.of(pair).realism.tolist(), 0.5, what="realism scores", where=" of generated samples, reference fixed"
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
realism = Metric(
    "realism",
    FeaturePair,
    _realism,
    True,
    description="Median over generated samples of how deep they lie in a real ball; 1 is its surface.",
)

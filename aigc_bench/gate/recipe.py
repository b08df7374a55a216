"""The claim `recipe`: training seeds are the unit, since training again moves a score more than sampling again does.

Retraining moves FID about three times more than resampling does ("The FID Lottery", arXiv 2606.20536). Welch's t on the
log of each seed's score. Seeds that both sides share are not paired: what they share could only make the two sides more
alike than the test takes them to be.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator

from aigc_bench.changes import change_of, scale_of
from aigc_bench.core import Estimate, Score
from aigc_bench.gate.claims import Policy, Worsening, incomparable
from aigc_bench.gate.evidence import Evidence
from aigc_bench.matching import Group
from aigc_bench.stats import noninferiority
from aigc_bench.verdicts import Decision, Scale

FEWEST = 5
"""training seeds a side"""


def judged(group: Group, evidence: Evidence, policy: Policy) -> Iterator[Worsening | Decision]:
    """One worsening over all training seeds, or a refusal where they are fewer than five a side."""
    if None in group.base or None in group.head:
        return  # not trained here: it has no recipe, and `judge` says so
    if min(len(group.base), len(group.head)) < FEWEST:
        yield incomparable(
            group.name,
            f"a recipe is judged from {FEWEST} training seeds a side at least; base has {len(group.base)}, head "
            f"{len(group.head)}: run both with --seeds {FEWEST}, or claim `checkpoint`",
        )
        return
    yield _over_seeds(group, evidence, policy)


def _over_seeds(group: Group, evidence: Evidence, policy: Policy) -> Worsening:
    sides = [[_estimate(score) for score in side.values()] for side in (group.base, group.head)]
    scale = scale_of(group.metric, group.estimates)
    values = [[_on(scale, one, group.any) for one in side] for side in sides]
    means = [statistics.fmean(one.value for one in side) for side in sides]
    yardstick = evidence.yardstick(group.any, means[0])
    spreads = [statistics.stdev(side) for side in values]
    difference = noninferiority.welch(*values)
    return Worsening(
        subject=group.name,
        score=group.any,
        base=means[0],
        head=means[1],
        scale=scale,
        difference=difference,
        test=f"Welch's t on {len(values[0])} and {len(values[1])} training seeds",
        num_units=min(len(side) for side in values),
        yardstick=yardstick,
        identical=_are_identical(group, scale),
        differences=tuple(value - statistics.fmean(values[0]) for value in values[1]),
        needed=noninferiority.seeds_needed(spreads[0], spreads[1], policy.on(scale, yardstick)[1]),
    )


def _are_identical(group: Group, scale: Scale) -> bool:
    """Whether every training seed has the same score to the bit on both sides."""
    return group.base.keys() == group.head.keys() and all(
        change_of(_estimate(score), _estimate(group.head[seed]), scale, paired=False).identical
        for seed, score in group.base.items()
    )


def _on(scale: Scale, estimate: Estimate, score: Score) -> float:
    value = math.log(estimate.value) if scale == "log ratio" else estimate.value
    return -value if score.higher_is_better else value


def _estimate(score: Score) -> Estimate:
    assert score.estimate is not None  # matched scores have one
    return score.estimate

"""The claim `recipe`: a way of training gives generators that are as good. The unit of the test is the training seed.

Retraining moves FID about three times more than resampling does ("The FID Lottery", arXiv 2606.20536). By default both
sides' seeds are taken for independent, with Welch's t on the log of each seed's score. Where a seed means the same on
both sides (the same first weights, the same order of the data) its two scores often move together, and their
differences are far better known than either: `paired_seeds` says so, before anybody looks, and then the seeds that both
sides share are judged by a paired t. Either is right whether or not the scores move together; the pairs have half the
degrees of freedom.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

from aigc_bench.core import Estimate, Score
from aigc_bench.gate.quality.claims import QualityPolicy, Worsening, incomparable
from aigc_bench.gate.quality.run_features import RunFeatures
from aigc_bench.gate.verdicts import Decision
from aigc_bench.runs.comparison.changes import change_of, scale_of
from aigc_bench.runs.comparison.matching import Group
from aigc_bench.runs.comparison.sides import Scale
from aigc_bench.stats import noninferiority
from aigc_bench.stats.noninferiority import Difference

FEWEST = 5
"""training seeds on each side"""


def judged(group: Group, features: RunFeatures, policy: QualityPolicy) -> Iterator[Worsening | Decision]:
    """One worsening over all training seeds, or a refusal if a side has fewer than five."""
    if None in group.base or None in group.head:
        return  # a generator that was not trained has no recipe; `judge` lists it as left out
    if min(len(group.base), len(group.head)) < FEWEST:
        yield incomparable(
            group.name,
            f"expected at least {FEWEST} training seeds on each side for a recipe, got {len(group.base)} in base and "
            f"{len(group.head)} in head: run both with --seeds {FEWEST}, or claim `checkpoint`",
        )
        return
    if policy.paired_seeds and len(group.shared_seeds) < FEWEST:
        yield incomparable(
            group.name,
            f"expected at least {FEWEST} training seeds that both sides have for --paired-seeds, got "
            f"{len(group.shared_seeds)}: train the same seeds, or leave --paired-seeds out",
        )
        return
    yield _over_seeds(group, features, policy)


def _over_seeds(group: Group, features: RunFeatures, policy: QualityPolicy) -> Worsening:
    seeds = (group.shared_seeds, group.shared_seeds) if policy.paired_seeds else (list(group.base), list(group.head))
    sides = [
        [_estimate(side[seed]) for seed in chosen] for side, chosen in zip((group.base, group.head), seeds, strict=True)
    ]
    scale = scale_of(group.metric, group.estimates)
    values = [[_on(scale, estimate, group.any) for estimate in side] for side in sides]
    base, head = (statistics.fmean(estimate.value for estimate in side) for side in sides)
    yardstick = features.yardstick(group.any, base)
    needed = None
    if policy.paired_seeds:
        differences = [theirs - mine for mine, theirs in zip(*values, strict=True)]
        difference, test = _paired(differences), f"paired t on {len(differences)} training seeds"
    else:
        differences = [value - statistics.fmean(values[0]) for value in values[1]]
        difference = noninferiority.welch(*values)
        test = f"Welch's t on {len(values[0])} and {len(values[1])} training seeds"
        spreads = [statistics.stdev(side) for side in values]
        needed = noninferiority.seeds_needed(spreads[0], spreads[1], policy.on(scale, yardstick)[1])
    return Worsening(
        subject=group.name,
        score=group.any,
        base=base,
        head=head,
        scale=scale,
        difference=difference,
        test=test,
        num_units=min(len(side) for side in values),
        yardstick=yardstick,
        identical=_are_identical(group, scale),
        differences=tuple(differences),
        needed=needed,
    )


def _paired(differences: Sequence[float]) -> Difference:
    num = len(differences)
    return Difference(statistics.fmean(differences), statistics.stdev(differences) / math.sqrt(num), num - 1)


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

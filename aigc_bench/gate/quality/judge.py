"""`gate quality`: two runs and a claim => a judgement."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from aigc_bench.core import Score
from aigc_bench.core.errors import NothingComparableError, UnknownNameError
from aigc_bench.gate.quality import checkpoint, recipe, weights
from aigc_bench.gate.quality.claims import ALPHA, CLAIMS, QualityPolicy, Worsening, decisions, incomparable
from aigc_bench.gate.quality.run_features import RunFeatures, family
from aigc_bench.gate.verdicts import Decision, Judgement
from aigc_bench.runs.comparison.matching import Failure, Group, Match, matched
from aigc_bench.runs.comparison.sides import Side
from aigc_bench.runs.recorded import Recorded

JUDGES = {"weights": weights.judged, "checkpoint": checkpoint.judged, "recipe": recipe.judged}


def judge(base: Recorded, head: Recorded, policy: QualityPolicy, command: str) -> Judgement:
    """Whether the claim holds for every score that is asked about.

    Raises:
        NothingComparableError: the runs have no score in common.
        UnknownNameError: a metric that neither has.
        FeaturesMissingError: features that the claim's test needs are gone.
        StoreError: features are damaged, or not those that were scored.
    """
    clock = time.perf_counter()
    match = matched(base.run, head.run)
    groups, failed = _selected(match, policy)
    features = RunFeatures(base, head)
    found = list(_judged(groups, features, _with_draws_enough(policy, groups)))
    told = decisions([one for one in found if isinstance(one, Worsening)], policy)
    refused = _joined([one for one in found if isinstance(one, Decision)])
    broken = [Decision(one.subject, "quality", None, one.reason) for one in failed]
    untrained = _untrained(groups) if policy.claim == "recipe" else []
    # A recipe's seeds need not be shared.
    seeds = ((), ()) if policy.claim == "recipe" else (match.new_seeds, match.removed_seeds)
    if not found and not broken:
        raise NothingComparableError(_nothing(untrained))
    return Judgement(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        wall_s=time.perf_counter() - clock,
        command=command,
        suite=head.run.suite.name,
        kind="quality",
        claim=f"{policy.claim}: {CLAIMS[policy.claim]}",
        base=Side(name=base.name, identity=base.run.id, environment=base.run.environment),
        head=Side(name=head.name, identity=head.run.id, environment=head.run.environment),
        decisions=(*told, *refused, *broken),
        new=(*match.new, *seeds[0]),
        removed=(*match.removed, *seeds[1]),
        statements=tuple(_statements(match, features, policy, len(told), untrained)),
    )


def _with_draws_enough(policy: QualityPolicy, groups: Sequence[Group]) -> QualityPolicy:
    """The smallest p of a permutation is 1 / (draws + 1): half of what is left of 1 % for each of so many scores."""
    num = sum(len(group.shared_seeds) for group in groups)
    return replace(policy, num_draws=max(policy.num_draws, math.ceil(2 * num / ALPHA)))


def _judged(groups: Sequence[Group], features: RunFeatures, policy: QualityPolicy) -> Iterator[Worsening | Decision]:
    for group in sorted(groups, key=lambda group: group.generator):  # one row's features are held at a time
        if group.refusal is not None:
            yield incomparable(group.name, group.refusal)
        elif policy.claim != "recipe" and not group.shared_seeds:
            yield incomparable(
                group.name, f"no training seed in common: {_seeds(group)}; claim `recipe`, or train both"
            )
        else:
            yield from JUDGES[policy.claim](group, features, policy)


def _selected(match: Match, policy: QualityPolicy) -> tuple[list[Group], list[Failure]]:
    """Scores of quality by the names that were asked for, and failures among them; a whole row's always."""
    groups = [group for group in match.groups if group.any.kind == "quality"]
    failed = [one for one in match.failed if one.score is None or one.score.kind == "quality"]
    if not policy.metrics:
        return groups, failed
    scores = [group.any for group in groups] + [one.score for one in failed if one.score]
    known = {name for score in scores for name in names_of(score)}
    for name in policy.metrics:
        if name not in known:
            raise UnknownNameError.of("metric of both runs", name, known)
    asked = set(policy.metrics)
    return (
        [group for group in groups if asked & names_of(group.any)],
        [one for one in failed if one.score is None or asked & names_of(one.score)],
    )


def names_of(score: Score) -> set[str]:
    """What a score may be called where metrics are chosen: its name, and the statistic's."""
    return {score.metric, score.metric.partition("@")[0], family(score)}


def _joined(refused: Sequence[Decision]) -> list[Decision]:
    """Scores of one generator that are refused for one reason as one."""
    found: dict[tuple[str, str], list[Decision]] = {}
    for one in refused:
        found.setdefault((one.subject.partition(": ")[0], one.reason), []).append(one)
    return [
        some[0] if len(some) == 1 else incomparable(f"{generator}: {len(some)} scores", reason)
        for (generator, reason), some in found.items()
    ]


def _untrained(groups: Sequence[Group]) -> list[str]:
    return list(dict.fromkeys(group.generator for group in groups if None in group.base or None in group.head))


def _nothing(untrained: Sequence[str]) -> str:
    if untrained:
        return (
            f"nothing to judge a recipe by: {', '.join(untrained)} was not trained in these runs and has no training "
            "seed; claim `checkpoint` or `weights`"
        )
    return "nothing can be judged: the runs have no score of quality in common"


def _seeds(group: Group) -> str:
    sides = (", ".join(str(seed) for seed in side) for side in (group.base, group.head))
    return "base has {}, head {}".format(*sides)


def _statements(
    match: Match, features: RunFeatures, policy: QualityPolicy, num: int, untrained: Sequence[str]
) -> Iterator[str]:
    """What a reader must know."""
    if num:
        yield f"Where nothing changed, at most 1 of 100 gate runs says REGRESSION: Holm's correction over {num} scores."
        yield f"Margin {100 * policy.margin:g} %, dead zone {100 * policy.dead_zone:g} %."
    yield from match.notes
    if policy.claim == "checkpoint" and any(group.shared_seeds != [None] for group in match.groups):
        yield "Of a recipe this says nothing: trained again, either checkpoint would have another score."
    if untrained:
        yield f"Not trained in these runs, so without a recipe, and left out: {', '.join(untrained)}."
    for text in sorted(features.missing):
        yield f"Without features, so from what run.json holds: {text}."

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
    """Test the claim on every score that the policy asks about.

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
    results = list(_judged(groups, features, _with_enough_draws(policy, groups)))
    judged = decisions([result for result in results if isinstance(result, Worsening)], policy)
    refused = _joined([result for result in results if isinstance(result, Decision)])
    broken = [Decision(failure.subject, "quality", None, failure.reason) for failure in failed]
    untrained = _untrained(groups) if policy.claim == "recipe" else []
    # A recipe's seeds need not be shared.
    seeds = ((), ()) if policy.claim == "recipe" else (match.new_seeds, match.removed_seeds)
    if not results and not broken:
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
        decisions=(*judged, *refused, *broken),
        new=(*match.new, *seeds[0]),
        removed=(*match.removed, *seeds[1]),
        statements=tuple(_statements(match, features, policy, len(judged), untrained)),
    )


def _with_enough_draws(policy: QualityPolicy, groups: Sequence[Group]) -> QualityPolicy:
    """The policy with enough draws for Holm's correction.

    The smallest p of a permutation test is 1 / (draws + 1); for M scores it has to be at most half of 1 % / M.
    """
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
    """(scores of quality that the policy asks about, failures among them); the failure of a whole row always counts."""
    groups = [group for group in match.groups if group.any.kind == "quality"]
    failed = [failure for failure in match.failed if failure.score is None or failure.score.kind == "quality"]
    if not policy.metrics:
        return groups, failed
    scores = [group.any for group in groups] + [failure.score for failure in failed if failure.score]
    known = {name for score in scores for name in names_of(score)}
    for name in policy.metrics:
        if name not in known:
            raise UnknownNameError.of("metric of both runs", name, known)
    asked = set(policy.metrics)
    return (
        [group for group in groups if asked & names_of(group.any)],
        [failure for failure in failed if failure.score is None or asked & names_of(failure.score)],
    )


def names_of(score: Score) -> set[str]:
    """Names by which `--metrics` selects a score: "fd_pixels", its part before an "@", and the statistic "fd"."""
    return {score.metric, score.metric.partition("@")[0], family(score)}


def _joined(refused: Sequence[Decision]) -> list[Decision]:
    """Refusals with one decision for all scores of a generator that have the same reason."""
    by_reason: dict[tuple[str, str], list[Decision]] = {}
    for decision in refused:
        by_reason.setdefault((decision.subject.partition(": ")[0], decision.reason), []).append(decision)
    return [
        alike[0] if len(alike) == 1 else incomparable(f"{generator}: {len(alike)} scores", reason)
        for (generator, reason), alike in by_reason.items()
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
        yield (
            f"If no score is truly worse by more than the tolerance of {100 * policy.tolerance:g} %, at most 1 of 100 "
            f"gate runs reports a REGRESSION (Holm's correction over {num} scores). PASS means credibly less than "
            f"{100 * policy.detect:g} % worse."
        )
    yield from match.notes
    if policy.claim == "checkpoint" and any(group.shared_seeds != [None] for group in match.groups):
        yield (
            "This compares two checkpoints, not the recipes that trained them: trained again, either would have "
            "another score."
        )
    if untrained:
        yield f"Left out, because they were not trained in these runs and so have no recipe: {', '.join(untrained)}."
    for text in sorted(features.missing):
        yield f"Judged from run.json alone, because features are missing: {text}."

"""Which scores of two runs are the same score, and why some of them cannot be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from aigc_bench.core import Estimate, Score
from aigc_bench.core.suites import ANCHORS
from aigc_bench.runs.records import CaseRecord, Run
from aigc_bench.system.machine import Environment

Seeds = Mapping[int | None, Score]
"""training seed => score"""


@dataclass(frozen=True, slots=True)
class Group:
    """One metric of one generator in both runs, over its training seeds."""

    generator: str
    """by the name it has in base, with that of head where they differ: "old → new" """
    metric: str
    class_name: str | None
    base: Seeds
    head: Seeds
    refusal: str | None
    """why they cannot be compared"""
    seeded: bool = False
    """sample i is of sample seed i on both sides"""

    @property
    def any(self) -> Score:
        """One of the scores, for what all of them share."""
        return next(iter(self.base.values()))

    @property
    def name(self) -> str:
        """As `gan: fd_digits-cnn`, or `gan: fid of class 3`."""
        return _name(self.generator, None, self.metric, self.class_name)

    def name_at(self, seed: int | None) -> str:
        """As `gan, seed 0: fd_digits-cnn`."""
        return _name(self.generator, seed, self.metric, self.class_name)

    @property
    def paired(self) -> bool:
        """Whether both sides are of the same samples: of the same seeds, or of the same held-out samples."""
        return self.seeded or self.any.extractor is None

    @property
    def estimates(self) -> list[Estimate]:
        """Of both sides and all seeds."""
        return [score.estimate for side in (self.base, self.head) for score in side.values() if score.estimate]

    @property
    def shared_seeds(self) -> list[int | None]:
        """Training seeds of which both sides have the score, in base's order."""
        return [seed for seed in self.base if seed in self.head]


@dataclass(frozen=True, slots=True)
class Failure:
    """A row or score that failed in one of the runs."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    subject: str
    reason: str
    """which side failed, and how"""
    score: Score | None = None
    """None of a whole row"""


@dataclass(frozen=True, slots=True)
class Match:
    """The scores that two runs have in common, and those that only one has."""

    groups: tuple[Group, ...]
    new: tuple[str, ...]
    """only head has it"""
    removed: tuple[str, ...]
    """only base has it"""
    failed: tuple[Failure, ...]
    new_seeds: tuple[str, ...]
    """of generators with some training seeds in common, those that only head has"""
    removed_seeds: tuple[str, ...]
    notes: tuple[str, ...]


Key = tuple[str, str, str | None]


def matched(base: Run, head: Run) -> Match:
    """Pair the scores of two runs by generator, metric and class; anchors are left to `anchor_notes`."""
    renamed = _renamed(base, head)
    sides = _by_key(base, {}), _by_key(head, {new: old for old, new in renamed.items()})
    groups, refusal = [], _refusal_of_data(base, head)
    for key, scores in sides[0].items():
        other = sides[1].get(key)
        if other is None:
            continue
        name = f"{key[0]} → {renamed[key[0]]}" if key[0] in renamed else key[0]
        seeded = _is_seeded(base, key[0]) and _is_seeded(head, renamed.get(key[0], key[0]))
        why = refusal or next(filter(None, (_refusal(a, b) for a in scores.values() for b in other.values())), None)
        groups.append(Group(name, key[1], key[2], scores, other, why, seeded))
    notes = [f"{old} of base is compared with {new} of head: each has one generator." for old, new in renamed.items()]
    return Match(
        groups=tuple(groups),
        new=tuple(_name(key[0], None, key[1], key[2]) for key in sides[1] if key not in sides[0]),
        removed=tuple(_name(key[0], None, key[1], key[2]) for key in sides[0] if key not in sides[1]),
        failed=(*_failed("base", base), *_failed("head", head)),
        new_seeds=_seeds_alone(groups, of_head=True),
        removed_seeds=_seeds_alone(groups, of_head=False),
        notes=(*notes, *anchor_notes(base, head)),
    )


def _seeds_alone(groups: Sequence[Group], *, of_head: bool) -> tuple[str, ...]:
    alone: dict[str, None] = {}
    for group in groups:
        mine, theirs = (group.head, group.base) if of_head else (group.base, group.head)
        if group.shared_seeds:
            alone |= {f"{group.generator}, seed {seed}": None for seed in mine if seed not in theirs}
    return tuple(alone)


def anchor_notes(base: Run, head: Run) -> Iterator[str]:
    """A warning if the scores of floor or noise differ although data and extractor are the same."""
    if _refusal_of_data(base, head):
        return
    theirs = {(s.generator, s.metric, s.extractor_digest): s for s in head.scores if s.generator in ANCHORS}
    wrong = []
    for score in base.scores:
        other = theirs.get((score.generator, score.metric, score.extractor_digest))
        if score.generator not in ANCHORS or other is None or score.kind != "quality":
            continue
        mine, yours = score.estimate, other.estimate
        if mine and yours and mine.num_samples == yours.num_samples and mine.value != yours.value:
            values = f"{mine.value:.6g} in base and {yours.value:.6g} in head"
            wrong.append(f"{score.generator}'s {score.metric} is {values}")
    if wrong:
        more = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""
        yield (
            f"Warning: the anchor rows come from the same data and extractor, and yet {'; '.join(wrong[:3])}{more}: "
            "the machine, a library or the metric's code differs, and moves the generators' scores as well."
        )


def differences(base: Environment, head: Environment) -> dict[str, tuple[str, str]]:
    """What differs between two machines with their software: field => both values."""
    unlike = {}
    for field in fields(Environment):
        mine, theirs = getattr(base, field.name), getattr(head, field.name)
        if isinstance(mine, dict):
            for key in sorted({*mine, *theirs}):
                if mine.get(key) != theirs.get(key):
                    unlike[key] = (str(mine.get(key, "–")), str(theirs.get(key, "–")))
        elif mine != theirs:
            unlike[field.name] = ("–" if mine is None else str(mine), "–" if theirs is None else str(theirs))
    return unlike


def case_of(run: Run, generator: str, seed: int | None) -> CaseRecord:
    """The record of a row."""
    return next(case for case in run.cases if (case.generator, case.training_seed) == (generator, seed))


def _renamed(base: Run, head: Run) -> dict[str, str]:
    """Base's name => head's, if each run has a single generator and the names differ, as of two folders of samples."""
    mine, theirs = (
        list(dict.fromkeys(case.generator for case in run.cases if case.generator not in ANCHORS))
        for run in (base, head)
    )
    return {mine[0]: theirs[0]} if len(mine) == len(theirs) == 1 and mine != theirs else {}


def _by_key(run: Run, names: Mapping[str, str]) -> dict[Key, dict[int | None, Score]]:
    """Every score that has an estimate, anchors apart, by generator, metric and class."""
    scores: dict[Key, dict[int | None, Score]] = {}
    for score in run.scores:
        if score.generator not in ANCHORS and score.estimate is not None:
            key = (names.get(score.generator, score.generator), score.metric, score.class_name)
            scores.setdefault(key, {})[score.training_seed] = score
    return scores


def _is_seeded(run: Run, generator: str) -> bool:
    cases = [case for case in run.cases if case.generator == generator]
    return bool(cases) and all(case.seeded for case in cases)


def _failed(side: str, run: Run) -> Iterator[Failure]:
    for case in run.cases:
        if case.status == "failed":
            yield Failure(case.label, f"{side} failed: {case.reason}")
    for score in run.scores:
        if score.status == "failed":
            name = _name(score.generator, score.training_seed, score.metric, score.class_name)
            yield Failure(name, f"{side} failed: {score.reason}", score)


def _refusal_of_data(base: Run, head: Run) -> str | None:
    mine, theirs = base.dataset, head.dataset
    if mine.digest != theirs.digest:
        return f"unlike real data: {mine.name} ({mine.digest[:8]}) and {theirs.name} ({theirs.digest[:8]})"
    return None


def _refusal(base: Score, head: Score) -> str | None:
    """Why two scores of one name are not of one thing."""
    mine, theirs = base.estimate, head.estimate
    assert mine is not None and theirs is not None  # noqa: PT018 (those without are not paired)
    if base.extractor_digest != head.extractor_digest:
        names = [f"{s.extractor} ({(s.extractor_digest or 'none')[:8]})" for s in (base, head)]
        return f"unlike extractors: {' and '.join(names)}"
    if mine.num_samples != theirs.num_samples and base.kind == "quality":
        return (
            f"unlike N: {mine.num_samples} and {theirs.num_samples} samples; score as many of both: "
            f"--limit {min(mine.num_samples, theirs.num_samples)}"
        )
    if replace(base, estimate=None, generator="", training_seed=None) != replace(
        head, estimate=None, generator="", training_seed=None
    ):
        return "unlike definitions of the metric: its unit, direction or kind differs"
    if mine.estimand != theirs.estimand and base.kind == "quality":
        return f"unlike definitions of the metric: {mine.estimand!r} and {theirs.estimand!r}"
    return None


def _name(generator: str, seed: int | None, metric: str, class_name: str | None) -> str:
    at = "" if seed is None else f", seed {seed}"
    return f"{generator}{at}: {metric}{'' if class_name is None else f' of class {class_name}'}"

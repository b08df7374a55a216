"""Run × Run => Comparison: what changed, by how much, and what cannot be compared.

A row is a metric of a generator. Where both runs have training seeds in common it is the mean change over them. Its
interval is that of sampling: it is about these trained models, not about the recipe that trained them. Which rows
changed is decided over all of them together (Holm), so that in 95 of 100 comparisons of like with like none does.
Timings of two runs were taken at two times: their change is shown, and never said to be one.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from aigc_bench.core import Estimate, Score
from aigc_bench.core.errors import NothingComparableError
from aigc_bench.runs.comparison.changes import LEVEL, Change, change_of, mean_change, scale_of
from aigc_bench.runs.comparison.matching import Failure, Group, differences, matched
from aigc_bench.runs.comparison.sides import Scale, Side
from aigc_bench.runs.records import Run
from aigc_bench.stats.multiplicity import holm

FAMILY_LEVEL = 1 - LEVEL
"""of the claim that nothing changed in any row"""


@dataclass(frozen=True, slots=True)
class ComparedScore:
    """One metric of one generator in both runs."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    subject: str
    """ "GENERATOR: METRIC" """
    kind: Literal["quality", "speed"]
    higher_is_better: bool
    unit: str
    base: float
    """mean over the training seeds that are compared"""
    head: float
    seeds: tuple[int, ...] = ()
    """training seeds that both sides have; empty where it is not trained, or they share none"""
    scale: Scale | None = None
    change: float | None = None
    """head less base on the scale; None where they cannot be compared"""
    low: float | None = None
    high: float | None = None
    level: float | None = None
    p_value: float | None = None
    """two-sided, adjusted for the number of rows"""
    method: str = ""
    changed: bool | None = None
    """None where nothing can say so"""
    better: bool | None = None
    """whether the change is to the better; None where there is none"""
    reason: str | None = None
    """why the two cannot be compared"""


class Comparison(BaseModel):
    """Everything that `compare` finds; what its `--json` prints."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    base: Side
    head: Side
    rows: tuple[ComparedScore, ...]
    new: tuple[str, ...] = ()
    """only head has it"""
    removed: tuple[str, ...] = ()
    """only base has it"""
    failed: tuple[Failure, ...] = ()
    environment: dict[str, tuple[str, str]] = {}
    """what differs between the machines and their software: base's and head's"""
    statements: tuple[str, ...] = ()


def compare_runs(base: Run, head: Run, *, base_name: str | None = None, head_name: str | None = None) -> Comparison:
    """What changed from base to head.

    Raises:
        NothingComparableError: not one score can be compared; says why.
    """
    match = matched(base, head)
    rows = _with_significance([_row(group) for group in match.groups])
    if all(row.change is None for row in rows):
        reasons = "; ".join(dict.fromkeys(row.reason for row in rows if row.reason))
        failed = "; ".join(f"{one.subject}: {one.reason}" for one in match.failed)
        raise NothingComparableError(
            f"nothing can be compared: {reasons or failed or 'the runs have no generator and metric in common'}"
        )
    return Comparison(
        base=Side(name=base_name or base.id, identity=base.id, environment=base.environment),
        head=Side(name=head_name or head.id, identity=head.id, environment=head.environment),
        rows=tuple(rows),
        new=(*match.new, *match.new_seeds),
        removed=(*match.removed, *match.removed_seeds),
        failed=match.failed,
        environment=differences(base.environment, head.environment),
        statements=match.notes,
    )


def _row(group: Group) -> ComparedScore:
    shared = group.shared_seeds
    sides = [[_estimate(side[seed]) for seed in (shared or side)] for side in (group.base, group.head)]
    base, head = (statistics.fmean(one.value for one in side) for side in sides)
    score = group.any
    about = ComparedScore(group.name, score.kind, score.higher_is_better, score.unit, base, head, reason=group.refusal)
    if group.refusal is not None:
        return about
    scale = scale_of(group.metric, [*sides[0], *sides[1]])
    if score.kind == "speed" and min(base, head) > 0:
        scale = "log ratio"  # timings are not judged, so it does not matter how well they are known
    if shared:
        pairs = [change_of(a, b, scale, paired=group.paired) for a, b in zip(*sides, strict=True)]
    else:
        pairs = [_unshared(sides[0], sides[1], scale)]
    seeds = tuple(seed for seed in shared if seed is not None)
    # Peak memory has no error bar and moves with the moment all the same.
    counted = sides[0][0].low is None and score.unit != "bytes"
    return _told(replace(about, seeds=seeds, scale=scale), mean_change(pairs), counted=counted)


def _unshared(base: Sequence[Estimate], head: Sequence[Estimate], scale: Scale) -> Change:
    """The change between the means of both sides, which have no training seed in common."""
    pairs = [change_of(a, b, scale, paired=False) for a in base for b in head]
    value = statistics.fmean(pair.value for pair in pairs)
    errors = [pair.standard_error for pair in pairs if pair.standard_error is not None]
    # Every pair's error holds both sides'; as if the smaller side's number were both sides'.
    error = math.sqrt(statistics.fmean(e * e for e in errors) / min(len(base), len(head))) if errors else None
    return replace(pairs[0], value=value, standard_error=error, identical=False, method=f"means of {pairs[0].method}")


def _told(row: ComparedScore, change: Change, *, counted: bool) -> ComparedScore:
    """A row with what its change says by itself."""
    better = None if change.value == 0 else (change.value > 0) == row.higher_is_better
    row = replace(row, change=change.value, better=better, method=change.method)
    if counted and row.kind == "speed":
        return replace(row, changed=change.value != 0, method="counted")
    if row.kind == "speed":
        return replace(row, method="not judged: timings of two runs differ by the machine's moods; see `gate speed`")
    low, high = change.interval or (None, None)
    return replace(row, low=low, high=high, level=None if low is None else LEVEL, p_value=change.p_value)


def _with_significance(rows: Sequence[ComparedScore]) -> list[ComparedScore]:
    """Rows with their p-values adjusted for each other, and what those say."""
    raw = [row.p_value for row in rows if row.p_value is not None]
    adjusted = iter(holm(raw)) if raw else iter(())
    found = []
    for row in rows:
        if row.p_value is not None:
            p_value = float(next(adjusted))
            row = replace(row, p_value=p_value, changed=p_value <= FAMILY_LEVEL)
        found.append(row)
    return found


def _estimate(score: Score) -> Estimate:
    assert score.estimate is not None  # those without are not matched
    return score.estimate

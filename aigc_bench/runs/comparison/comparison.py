"""Run × Run => Comparison: what changed, by how much, and what cannot be compared.

A compared score is one metric of one generator, averaged over the training seeds that both runs have. Its interval
covers the error of sampling: it describes these trained models, not the recipe that trained them. Holm's correction
over all scores keeps the probability of any false change, where nothing changed, at 5 %. Timings of two runs were taken
at two different times: their change is shown without a verdict.
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
"""probability of any false change among all scores"""


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
    """The result of `compare`, as its `--json` prints it."""

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
        failed = "; ".join(f"{failure.subject}: {failure.reason}" for failure in match.failed)
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
    base, head = (statistics.fmean(estimate.value for estimate in side) for side in sides)
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
    # Peak memory has no error bar, but is not exactly repeatable either.
    counted = sides[0][0].low is None and score.unit != "bytes"
    return _told(replace(about, seeds=seeds, scale=scale), mean_change(pairs), counted=counted)


def _unshared(base: Sequence[Estimate], head: Sequence[Estimate], scale: Scale) -> Change:
    """The change between the means of both sides, which have no training seed in common."""
    pairs = [change_of(a, b, scale, paired=False) for a in base for b in head]
    value = statistics.fmean(pair.value for pair in pairs)
    errors = [pair.standard_error for pair in pairs if pair.standard_error is not None]
    # Each pair's error contains both sides'; dividing by the smaller number of seeds never understates it.
    error = math.sqrt(statistics.fmean(e * e for e in errors) / min(len(base), len(head))) if errors else None
    return replace(pairs[0], value=value, standard_error=error, identical=False, method=f"means of {pairs[0].method}")


def _told(row: ComparedScore, change: Change, *, counted: bool) -> ComparedScore:
    """A compared score with its change, before the correction for the number of scores."""
    better = None if change.value == 0 else (change.value > 0) == row.higher_is_better
    row = replace(row, change=change.value, better=better, method=change.method)
    if counted and row.kind == "speed":
        return replace(row, changed=change.value != 0, method="counted")
    if row.kind == "speed":
        return replace(
            row,
            method="not judged: timings taken at two times also differ by the state of the machine; use `gate speed`",
        )
    low, high = change.interval or (None, None)
    return replace(row, low=low, high=high, level=None if low is None else LEVEL, p_value=change.p_value)


def _with_significance(rows: Sequence[ComparedScore]) -> list[ComparedScore]:
    """Compared scores with Holm-adjusted p-values, and whether each changed."""
    raw = [row.p_value for row in rows if row.p_value is not None]
    adjusted = iter(holm(raw)) if raw else iter(())
    adjusted_rows = []
    for row in rows:
        if row.p_value is not None:
            p_value = float(next(adjusted))
            row = replace(row, p_value=p_value, changed=p_value <= FAMILY_LEVEL)
        adjusted_rows.append(row)
    return adjusted_rows


def _estimate(score: Score) -> Estimate:
    assert score.estimate is not None  # those without are not matched
    return score.estimate

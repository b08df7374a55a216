"""Run => scores class by class: class × row, the worst first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aigc_bench.core import Estimate, Score
from aigc_bench.core.suites import ANCHORS
from aigc_bench.report.numbers import number
from aigc_bench.report.run import tables
from aigc_bench.runs.records import Run

NUM_NAMED = 3


@dataclass(frozen=True, slots=True)
class ClassTable:
    """One metric of every class."""

    metric: str
    rows: tuple[str, ...]
    """what is scored: the columns of the table"""
    scores: dict[str, dict[str, Score]]
    """class => row => score, the worst class of the generated rows first, those without a score last"""


def class_tables(run: Run) -> list[ClassTable]:
    """A table per metric that is known class by class."""
    found: dict[str, dict[str, dict[str, Score]]] = {}
    for score in run.scores:
        if score.class_name is not None:
            found.setdefault(score.metric, {}).setdefault(score.class_name, {})[score.generator] = score
    tables_ = []
    for metric, scores in found.items():
        rows = tuple(dict.fromkeys(name for row in scores.values() for name in row))
        ranked = sorted(scores, key=lambda name: -_worst(scores[name]))
        tables_.append(ClassTable(metric, rows, {name: scores[name] for name in ranked}))
    return tables_


def _worst(row: dict[str, Score]) -> float:
    """The largest distance of a generated row."""
    values = [s.estimate.value for name, s in row.items() if s.estimate and name not in ANCHORS]
    return max(values, default=-1.0)


def shown(table: ClassTable) -> list[tuple[str, list[tuple[str, str]]]]:
    """Class and its cells, (value, small print), for a template."""
    return [(name, [_cell(row.get(column)) for column in table.rows]) for name, row in table.scores.items()]


def _cell(score: Score | None) -> tuple[str, str]:
    if score is None:
        return "–", "no samples"
    if score.estimate is None:
        return "–", score.reason or ""
    value, error = tables.cell_text(tables.Cell((score,)))
    return value, " · ".join(filter(None, [error, f"N = {score.estimate.num_samples}"]))


def sentences(run: Run) -> Iterator[str]:
    """Of every row the mean over the classes, and the worst of them."""
    means = {(s.generator, s.metric): s for s in run.scores if s.class_name is None and s.estimate}
    for table in class_tables(run):
        for row in table.rows:
            mine = {name: s[row].estimate for name, s in table.scores.items() if row in s}
            known = {name: estimate for name, estimate in mine.items() if estimate is not None}
            mean = means.get((row, f"intra_{table.metric}"))
            if not known or mean is None:
                yield f"{row}: {table.metric} of none of {len(mine)} classes is known."
                continue
            worst = sorted(known, key=lambda name: -known[name].value)[:NUM_NAMED]
            text = ", ".join(f"{name}: {_number(known[name])}" for name in worst)
            average, error = tables.cell_text(tables.Cell((mean,)))
            yield (
                f"{row}: {table.metric} by class: mean {' '.join(filter(None, [average, error]))} over {len(known)} of "
                f"{len(mine)} classes; worst: {text}."
            )


def _number(estimate: Estimate) -> str:
    return f"{number(estimate.value, estimate.standard_error)} (N = {estimate.num_samples})"

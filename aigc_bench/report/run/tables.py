"""Run => rows: one per generator, with the sampling error and the spread over training seeds apart."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from aigc_bench.core import Score
from aigc_bench.core.suites import ANCHORS
from aigc_bench.report.numbers import number, scaled
from aigc_bench.runs.records import Run


@dataclass(frozen=True, slots=True)
class Cell:
    """One generator's scores of one metric, over its training seeds."""

    scores: tuple[Score, ...]

    @property
    def values(self) -> list[float]:
        """The score of every training seed that has one."""
        return [score.estimate.value for score in self.scores if score.estimate]

    @property
    def value(self) -> float | None:
        """Mean over training seeds."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def sampling_error(self) -> float | None:
        """Root mean square of the standard errors: what one seed's score is uncertain by."""
        errors = [s.estimate.standard_error for s in self.scores if s.estimate and s.estimate.standard_error]
        error = math.sqrt(statistics.fmean(e * e for e in errors)) if errors else 0.0
        return error if error > 1e-9 else None  # rounding of blocks that all agree is not an error bar

    @property
    def seed_spread(self) -> float | None:
        """Standard deviation of the scores over training seeds; None with one seed."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def reason(self) -> str:
        """Why there is no value."""
        reasons = {f"{score.status}: {score.reason}" for score in self.scores if score.reason}
        return "; ".join(sorted(reasons))

    @property
    def interval(self) -> tuple[float, float] | None:
        """The mean of the seeds' intervals, for error bars."""
        bounds = [(s.estimate.low, s.estimate.high) for s in self.scores if s.estimate]
        lows = [low for low, _ in bounds if low is not None]
        highs = [high for _, high in bounds if high is not None]
        return (statistics.fmean(lows), statistics.fmean(highs)) if lows and highs else None


Table = dict[str, dict[str, Cell]]
"""generator => metric => cell"""


def table(run: Run, kind: str) -> Table:
    """Floor first, the generators in the suite's order, noise last; scores of single classes stand elsewhere."""
    names = [entry.name for entry in run.suite.generators]
    whole = [score for score in run.scores if score.class_name is None]
    found: Table = {}
    for name in ("floor", *names, "noise"):
        mine = [score for score in whole if score.generator == name and score.kind == kind]
        metrics = dict.fromkeys(score.metric for score in mine)
        if mine:
            found[name] = {m: Cell(tuple(s for s in mine if s.metric == m)) for m in metrics}
    return found


def frechet_metric(rows: Table) -> str | None:
    """The first Fréchet distance of the table, by whatever name."""
    return next((name for name in columns(rows) if name.removeprefix("r").startswith(("fd_", "fid"))), None)


def columns(rows: Table) -> list[str]:
    """Every metric that any row has, in order."""
    return list(dict.fromkeys(metric for row in rows.values() for metric in row))


def direction(run: Run, metric: str) -> bool:
    """Whether higher is better."""
    return next(score.higher_is_better for score in run.scores if score.metric == metric)


def cell_text(cell: Cell | None) -> tuple[str, str]:
    """(value, small print): "12.3", "± 0.4 sampling · ± 1.1 over 3 seeds"."""
    if cell is None or cell.value is None:
        return "–", ""
    factor, _ = scaled(cell.scores[0].unit)
    error = cell.sampling_error * factor if cell.sampling_error else None
    spread = cell.seed_spread * factor if cell.seed_spread is not None else None
    parts = [f"± {number(error, error)}"] if error else []
    if spread is not None and cell.scores[0].kind == "quality":
        parts.append(f"seeds ± {number(spread, spread)}")
    return number(cell.value * factor, error or spread), " · ".join(parts)


def above_floor(run: Run) -> list[str]:
    """Where a generator scores better than held-out real data, and what that means."""
    rows = table(run, "quality")
    meaning = {
        "precision": "its samples sit where real data are densest: typical, not better. Diversity shows in recall "
        "and coverage",
        "density": "its samples crowd into the densest regions of the real data; density has no upper bound and "
        "rewards that. Diversity shows in recall and coverage",
        "inception_score": "the classifier is surer of its samples than of real ones: ambiguous samples are missing",
        "recall": "its scattered samples have large neighbourhoods that swallow real ones: recall rewards outliers, "
        "so read it with precision",
    }
    notes = []
    for name, row in rows.items():
        for metric, text in meaning.items():
            mine, floor = row.get(metric), rows.get("floor", {}).get(metric)
            if name in ANCHORS or not mine or not floor or mine.value is None or floor.value is None:
                continue
            if mine.value > floor.value:
                notes.append(
                    f"{metric} of {name} ({number(mine.value)}) exceeds the floor's ({number(floor.value)}): {text}."
                )
    return notes


def caveats(run: Run) -> list[str]:
    """Intervals that are not to be trusted, and why."""
    return list(
        dict.fromkeys(
            f"The interval of {score.metric} of {score.generator} is not to be trusted: {score.estimate.caveat}."
            for score in run.scores
            if score.estimate and score.estimate.caveat
        )
    )


def best_rows(rows: Table, run: Run, metric: str) -> set[str]:
    """The generators that lead a column: several, where they are shown by the same number."""
    values = {
        name: cell.value
        for name, row in rows.items()
        if name not in ANCHORS and (cell := row.get(metric)) and cell.value is not None
    }
    if not values:
        return set()
    choose = max if direction(run, metric) else min
    best = choose(values, key=lambda name: values[name])
    shown = cell_text(rows[best][metric])[0]
    return {name for name in values if values[name] == values[best] or cell_text(rows[name][metric])[0] == shown}


def unavailable(rows: Table) -> Sequence[str]:
    """Every reason for a dash, once."""
    reasons = (f"{metric}: {cell.reason}" for row in rows.values() for metric, cell in row.items() if cell.reason)
    return list(dict.fromkeys(reasons))

"""Run => rows: one per generator, with the sampling error and the spread over training seeds apart."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from aigc_bench.core import Score
from aigc_bench.metrics.protocols import PROTOCOLS, Protocol
from aigc_bench.runs.records import Run

ANCHORS = ("floor", "noise")
UNITS = {"bytes": (1 / 2**20, "MiB"), "s": (1e3, "ms")}
"""unit => (factor, unit that is shown)"""


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


def number(value: float, error: float | None = None) -> str:
    """As many digits as the error supports (two of the error), else four significant ones."""
    if error and error > 0 and math.isfinite(error):
        decimals = max(0, 1 - math.floor(math.log10(error)))
        return f"{value:.{min(decimals, 6)}f}"
    if value and abs(value) >= 1e4:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def scaled(score_unit: str) -> tuple[float, str]:
    """Factor and name of the unit that people read."""
    return UNITS.get(score_unit, (1.0, score_unit))


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


def verdict(run: Run) -> str:
    """One sentence: which generator is best by the first metric, and how far from the floor."""
    rows = table(run, "quality")
    metric = frechet_metric(rows)
    if metric is None:
        return f"{len(rows)} rows were scored; see the table."
    ranked = sorted(
        ((cell.value, name) for name, row in rows.items() if name not in ANCHORS
         for cell in [row.get(metric)] if cell and cell.value is not None)
    )  # fmt: skip
    if not ranked:
        return "No generator has a Fréchet distance; see the reasons below."
    best, name = ranked[0]
    floor = rows["floor"][metric].value if "floor" in rows else None
    text = f"{name} is closest to the real data: {metric} = {number(best)}"
    if floor:
        text += f", {best / floor:.1f} times the floor of {number(floor)} that held-out real data reach"
    if len(ranked) > 1:
        text += f"; {_against(rows, metric, name, ranked[1][1])}"
    return text + "."


def _against(rows: Table, metric: str, best: str, second: str) -> str:
    a, b = rows[best][metric], rows[second][metric]
    assert a.value is not None
    assert b.value is not None
    apart = max(a.values) < min(b.values)
    if len(a.values) > 1 and len(b.values) > 1:
        how = "every training seed agrees" if apart else "the training seeds overlap, so the order is not settled"
    else:
        how = "from one training seed each, which says nothing about the recipe"
    return f"next is {second} with {number(b.value)} ({how})"


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


def best_rows(rows: Table, run: Run, metric: str) -> set[str]:
    """The generator that leads a column."""
    values = {
        name: cell.value
        for name, row in rows.items()
        if name not in ANCHORS and (cell := row.get(metric)) and cell.value is not None
    }
    if not values:
        return set()
    choose = max if direction(run, metric) else min
    return {choose(values, key=lambda name: values[name])}


CODE_COLUMNS = {
    "FID ↓": ("fd", "fid", "rfd", "rfid"),
    "sFID ↓": ("sfd", "sfid"),
    "KID ↓": ("kd", "kd_subsets", "kid"),
    "IS ↑": ("inception_score",),
    "precision ↑": ("precision",),
    "recall ↑": ("recall",),
}
"""column => metrics and published scores that stand in it"""


UNPUBLISHED = {"FID ↓": "FD ↓", "sFID ↓": "sFD ↓", "KID ↓": "KD ↓"}
"""column => what it is called where the weights or the precision are not the published ones"""
OWN_NAMES = ("fd_", "rfd_", "sfd_", "kd_")
"""how scores of other weights or another precision begin"""


def by_code(run: Run) -> dict[str, Table]:
    """The same samples under other published protocols. Row => code => column => cell, for what that code prints.

    Empty where fewer than two published protocols were used.
    """
    found: dict[str, Table] = {}
    for name, row in table(run, "quality").items():
        for metric, cell in row.items():
            protocol = _protocol_of(cell.scores[0])
            column = protocol and _column_of(metric.partition("@")[0], cell.scores[0].extractor, protocol)
            if protocol and column:
                # Other weights or another precision: the name still has the extractor in it, and is no FID.
                column = UNPUBLISHED.get(column, column) if metric.startswith(OWN_NAMES) else column
                found.setdefault(name, {}).setdefault(protocol.name, {}).setdefault(column, cell)
    return found if len({code for codes in found.values() for code in codes}) > 1 else {}


def code_columns(sets: dict[str, Table]) -> list[str]:
    """The columns of `by_code` that have a cell."""
    there = {column for codes in sets.values() for column in columns(codes)}
    known = (name for column in CODE_COLUMNS for name in (column, UNPUBLISHED.get(column, column)))
    return [column for column in dict.fromkeys(known) if column in there]


def _protocol_of(score: Score) -> Protocol | None:
    """Whose a score is, by what stands after the "@"; without one TensorFlow's, if its extractor is."""
    _, at, mark = score.metric.partition("@")
    if not at and (score.extractor or "").partition("[")[0].removesuffix("-bf16") != PROTOCOLS["tf"].features:
        return None
    return next((protocol for protocol in PROTOCOLS.values() if protocol.mark == at + mark), None)


def _column_of(score_name: str, extractor: str | None, protocol: Protocol) -> str | None:
    """The column of a score that this protocol's code prints."""
    name = score_name.removesuffix(f"_{extractor}")
    column = next((column for column, names in CODE_COLUMNS.items() if name in names), None)
    prints = {*protocol.metrics, *(asked for asked, to in protocol.variants.items() if to in protocol.metrics)}
    return column if column and (not prints or prints & set(CODE_COLUMNS[column])) else None


def unavailable(rows: Table) -> Sequence[str]:
    """Every reason for a dash, once."""
    reasons = (f"{metric}: {cell.reason}" for row in rows.values() for metric, cell in row.items() if cell.reason)
    return list(dict.fromkeys(reasons))

"""Run => one sentence that a reader takes away, which names no winner where there is none."""

from __future__ import annotations

import math
from collections.abc import Iterator

from aigc_bench.core.suites import ANCHORS
from aigc_bench.report.numbers import number
from aigc_bench.report.run.tables import Cell, frechet_metric, table
from aigc_bench.runs.records import Run

SAME = 1e-6
"""a Fréchet distance that is 0 but for rounding"""
BEYOND = 2.0
"""standard errors of a difference that are more than chance, roughly"""


def verdict(run: Run) -> str:
    """One sentence or two: which generator is best by the first Fréchet distance, against floor, noise and the next."""
    rows = table(run, "quality")
    metric = frechet_metric(rows)
    if metric is None:
        return f"{len(rows)} rows were scored; see the table."
    cells = {name: row[metric] for name, row in rows.items() if metric in row and row[metric].value is not None}
    ranked = sorted((name for name in cells if name not in ANCHORS), key=lambda name: _value(cells[name]))
    if not ranked:
        return "No generator has a Fréchet distance; see the reasons below."
    if _value(cells[ranked[0]]) < SAME:
        return (
            f"{metric} of {ranked[0]} is 0: these are the real samples themselves. Were the same files given on both "
            "sides? Nothing is said about a generator."
        )
    return " ".join(_sentences(metric, cells, ranked, scored=run.dataset.num_fit == 0))


def _sentences(metric: str, cells: dict[str, Cell], ranked: list[str], *, scored: bool) -> Iterator[str]:
    best, value = ranked[0], _value(cells[ranked[0]])
    floor, noise = (_value(cells[name]) if name in cells else math.nan for name in ANCHORS)
    if value >= noise:
        yield f"No generator beats noise: {metric} of {best} is {number(value)}, that of uniform noise {number(noise)}."
        return
    if value < floor:
        yield (
            f"{metric} of {best} is {number(value)}, below the floor of {number(floor)} that held-out real data reach: "
            "at this N the extractor cannot tell these samples from real ones, or the real side holds copies of them."
        )
    elif len(ranked) == 1:
        yield f"{metric} of {best} is {number(value)}{_times(value, floor)}; no other set was scored."
    else:
        yield (
            f"{best} is closest to the real data: {metric} = {number(value)}{_times(value, floor)}; next is "
            f"{ranked[1]} with {_against(cells, best, ranked[1], scored=scored)}."
        )
    worse = [name for name in ranked if _value(cells[name]) >= noise]
    if worse:
        yield f"No better than uniform noise ({number(noise)}): {', '.join(worse)}."


def _value(cell: Cell) -> float:
    assert cell.value is not None
    return cell.value


def _times(value: float, floor: float) -> str:
    if math.isnan(floor):
        return ", with no floor to hold it against"
    if floor < SAME:
        return ""
    return f", {value / floor:.1f} times the floor of {number(floor)} that held-out real data reach"


def _against(cells: dict[str, Cell], best: str, second: str, *, scored: bool) -> str:
    a, b = cells[best], cells[second]
    if len(a.values) > 1 and len(b.values) > 1:
        apart = max(a.values) < min(b.values)
        how = "every training seed agrees" if apart else "the training seeds overlap, so the order is not settled"
    elif scored:
        error = math.hypot(a.sampling_error or 0, b.sampling_error or 0)
        apart = _value(b) - _value(a) > BEYOND * error
        how = "beyond sampling error" if apart else "within sampling error, so the order is not settled"
    else:
        how = "from one training seed each, which says nothing about the recipe"
    return f"{number(_value(b))} ({how})"

"""The figures of a judgement: every change with its interval, and the units it rests on in the order of time."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from aigc_bench.gate.verdicts import Decision, Judgement
from aigc_bench.report.drawing import STYLE, svg
from aigc_bench.report.judgement import decisions
from aigc_bench.report.judgement.decisions import DecisionRow, State
from aigc_bench.runs.comparison.sides import Scale

MAX_ROWS = 60
"""of the forest plot: what changed and what is undecided comes first"""
MAX_PANELS = 24
TICK = 0.16
"""of an axis, that the label of a percentage takes"""
LABEL = 36
"""characters of a name"""

COLOURS: dict[State, str] = {  # of seaborn's "colorblind"
    "regression": "#d55e00",
    "failed": "#d55e00",
    "accepted": "#cc78bc",
    "improved": "#0173b2",
    "inconclusive": "#de8f05",
    "incomparable": "#949494",
    "pass": "#029e73",
}
NARROW_CHARACTERS = 44
"""that fit below a figure for narrow screens"""
XLABELS = {
    "log ratio": "head against base: further right is worse",
    "difference": "head against base, as a part of what must be detected: further right is worse",
}
TOLERANCE, DETECT = "#c9cdd3", "#ecedf0"


@dataclass(frozen=True, slots=True)
class Forest:
    """One forest plot; changes on unlike scales do not share an axis."""

    scale: Scale
    svg: str
    narrow_svg: str
    """for a telephone: names above their intervals"""
    states: tuple[State, ...]
    """whose colours are in it"""
    num_left_out: int


@dataclass(frozen=True, slots=True)
class Panel:
    """The units of one decision."""

    row: DecisionRow
    svg: str


def forests(judgement: Judgement) -> list[Forest]:
    """Log ratios, and differences in units of their `detect`."""
    found = []
    known = [row for row in decisions.grouped(judgement) if _position(row.decision, row.decision.worsening) is not None]
    with mpl.rc_context(STYLE):
        for scale in ("log ratio", "difference"):
            mine = [row for row in known if row.decision.scale == scale]
            if mine:
                shown = sorted(mine[:MAX_ROWS], key=_worsening)
                states = tuple(dict.fromkeys(row.state for row in mine[:MAX_ROWS]))
                wide, narrow = svg(_forest(shown, scale)), svg(_narrow_forest(shown, scale))
                found.append(Forest(scale, wide, narrow, states, len(mine) - len(shown)))
    return found


def panels(judgement: Judgement) -> tuple[list[Panel], int]:
    """Small multiples, those that do not pass first; and how many more there would be."""
    rows = [row for row in decisions.grouped(judgement) if len(row.decision.differences) > 1]
    with mpl.rc_context(STYLE):
        return [Panel(row, svg(_panel(row))) for row in rows[:MAX_PANELS]], len(rows[MAX_PANELS:])


def _worsening(row: DecisionRow) -> float:
    position = _position(row.decision, row.decision.worsening)
    assert position is not None
    return position


def _position(decision: Decision, worsening: float | None) -> float | None:
    """Where on the axis: log ratios as they are, differences in units of their `detect`, if there is one."""
    if worsening is None or decision.scale == "log ratio":
        return worsening
    return worsening / decision.detect if decision.detect else None


def _forest(rows: Sequence[DecisionRow], scale: Scale) -> Figure:
    """Names on the left, changes on the right."""
    figure, axes = _intervals(rows, scale, width=7.4, height=0.3)
    axes.set_yticks(range(len(rows)), [_shortened(row.name) for row in rows])
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(rows)), [row.change for row in rows])
    right.tick_params(length=0)
    return figure


def _narrow_forest(rows: Sequence[DecisionRow], scale: Scale) -> Figure:
    """For narrow screens: name and change stand above the interval."""
    figure, axes = _intervals(rows, scale, width=3.8, height=0.42)
    axes.set_yticks([])
    axes.set_xlabel(textwrap.fill(XLABELS[scale], NARROW_CHARACTERS))
    for y, row in enumerate(rows):
        for x, text, side in ((0.01, _shortened(row.name), "left"), (0.99, row.change, "right")):
            axes.text(x, y + 0.22, text, size=7.5, ha=side, va="bottom", transform=axes.get_yaxis_transform())
    return figure


def _intervals(rows: Sequence[DecisionRow], scale: Scale, width: float, height: float) -> tuple[Figure, Axes]:
    """The axes, without names; inches, the height of one row."""
    figure = Figure(figsize=(width, 0.9 + height * len(rows)), layout="constrained")
    axes = figure.subplots()
    limits = _limits(rows)
    for y, row in enumerate(rows):
        _band(axes, y, row.decision)
        _whisker(axes, y, row, limits)
    axes.axvline(0, color="#5f6873", lw=0.8)
    axes.set(xlim=limits, ylim=(-0.6, len(rows) - 0.4), xlabel=XLABELS[scale])
    axes.grid(visible=False, axis="y")
    if scale == "log ratio":
        _percent_ticks(axes, *limits)
    return figure, axes


def _band(axes: Axes, y: float, decision: Decision) -> None:
    """Up to what must be detected pale, the tolerance in it less so."""
    detect, tolerance = _position(decision, decision.detect), _position(decision, decision.tolerance)
    if detect:
        axes.barh(y, detect, height=1, color=DETECT, lw=0, zorder=0)
    if tolerance:
        axes.barh(y, 2 * tolerance, left=-tolerance, height=1, color=TOLERANCE, lw=0, zorder=0)


def _whisker(axes: Axes, y: float, row: DecisionRow, limits: tuple[float, float]) -> None:
    """The estimate and its interval; what lies beyond the axis is an arrow at its end."""
    colour, item = COLOURS[row.state], row.decision
    ends = [_position(item, bound) for bound in (item.low, item.high)]
    left, right = (edge if end is None else end for end, edge in zip(ends, limits, strict=True))
    if any(end is not None for end in ends):
        axes.plot([left, right], [y, y], color=colour, lw=2, solid_capstyle="butt")
    x = _worsening(row)
    marker = ">" if x > limits[1] else "<" if x < limits[0] else "o"
    face = "white" if row.state in ("accepted", "inconclusive") else colour
    axes.plot(np.clip(x, *limits), y, marker, ms=7, color=colour, markerfacecolor=face, clip_on=False, zorder=4)


def _limits(rows: Sequence[DecisionRow]) -> tuple[float, float]:
    """The span of the intervals, but one or two far out do not make a line of all the others."""
    items = [row.decision for row in rows]
    bounds = [[_position(item, x) or 0.0 for x in (item.low, item.worsening, item.high)] for item in items]
    better = _reach([-min(ends) for ends in bounds], 2 * max(_position(item, item.tolerance) or 0.0 for item in items))
    worse = _reach([max(ends) for ends in bounds], 1.1 * max(_position(item, item.detect) or 0.0 for item in items))
    pad = 0.04 * (better + worse) or 0.01
    return -better - pad, worse + pad


def _reach(ends: Sequence[float], least: float) -> float:
    """How far one side of the axis goes: as far as most of what lies there, and some more."""
    there = [end for end in ends if end > 0]
    return max(min(max(there), 3 * float(np.quantile(there, 0.8))), least) if there else least


def _percent_ticks(axes: Axes, low: float, high: float) -> None:
    """Round percentages, where they lie on an axis of log ratios; those that would touch are left out."""
    percent = MaxNLocator(7).tick_values(100 * math.expm1(low), 100 * math.expm1(high))
    places = [math.log1p(value / 100) for value in percent if value > -100]
    kept: list[float] = []
    for place in sorted((place for place in places if low <= place <= high), key=abs):
        if all(abs(place - other) >= TICK * (high - low) for other in kept):
            kept.append(place)
    axes.xaxis.set_major_locator(FixedLocator(kept))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * math.expm1(x):+.3g} %".replace("+0 ", "0 ")))


def _panel(row: DecisionRow) -> Figure:
    """Worsening of each unit against its number, with the band of the tolerance and the interval of the whole."""
    item = row.decision
    figure = Figure(figsize=(3.6, 2.1), layout="constrained")
    axes = figure.subplots()
    values = [_shown(item, value) for value in item.differences]
    numbers = range(1, len(values) + 1)
    if item.tolerance:
        axes.axhspan(_shown(item, -item.tolerance), _shown(item, item.tolerance), color=TOLERANCE, lw=0, zorder=0)
    if item.low is not None and item.high is not None:
        axes.axhspan(_shown(item, item.low), _shown(item, item.high), color=COLOURS[row.state], alpha=0.2, lw=0)
    if item.worsening is not None:
        axes.axhline(_shown(item, item.worsening), color=COLOURS[row.state], lw=1.5)
    axes.axhline(0, color="#5f6873", lw=0.8)
    axes.plot(numbers, values, "o-", ms=3, lw=0.6, color="#33393f", alpha=0.8)
    axes.set(xlabel="pair" if item.kind == "speed" else "unit", ylabel="worse by")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if item.scale == "log ratio":
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:.3g} %"))
    axes.margins(y=0.15)
    return figure


def _shown(decision: Decision, value: float) -> Any:
    """In per cent where the scale is a ratio."""
    return 100 * math.expm1(min(value, 700.0)) if decision.scale == "log ratio" else value


def _shortened(name: str) -> str:
    """The beginning and the end: names of tests differ at both."""
    if len(name) <= LABEL:
        return name
    return f"{name[: LABEL // 3]}…{name[-(LABEL - LABEL // 3 - 1) :]}"

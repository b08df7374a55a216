"""Tables in a terminal: what changed between two runs."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from aigc_bench.report.numbers import number, scaled
from aigc_bench.runs.comparison.comparison import ComparedScore, Comparison


def comparison_tables(found: Comparison) -> Iterator[Table | str]:
    """What changed first, then what did not; alone on one side, failed, and environments below."""
    yield _rows_table(found)
    for title, names in (("New", found.new), ("Removed", found.removed)):
        if names:
            yield escape(f"{title}: {', '.join(names)}")
    for one in found.failed:
        yield f"[red]{escape(f'{one.subject}: {one.reason}')}[/]"
    if found.environment:
        yield _environment_table(found)
    yield from map(escape, found.statements)


def _rows_table(found: Comparison) -> Table:
    changed = sum(row.changed is True for row in found.rows)
    out = Table(
        title=escape(f"{found.base.name} → {found.head.name}: {changed} of {len(found.rows)} changed"),
        caption="Changes with 95 % intervals of sampling, each taken alone; a row is said to have changed if it is "
        "among all rows (Holm, 5 %). ✓ to the better, ✗ to the worse. Base is what is known, head is what is new; what "
        "else a name means: aigc-bench terms NAME.",
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    out.add_column("", overflow="fold")
    for name in ("base", "head", "change"):
        out.add_column(name, justify="right", no_wrap=True)
    for row in sorted(found.rows, key=_place):
        factor, unit = scaled(row.unit)
        mark = {True: " ✓", False: " ✗", None: ""}[row.better] if row.changed else ""
        style = "none" if not row.changed else "green" if row.better else "bold red"
        arrow = "↑" if row.higher_is_better else "↓"
        out.add_row(
            f"{escape(row.subject)} {arrow}",
            f"{number(row.base * factor)} {unit}".rstrip(),
            f"{number(row.head * factor)} {unit}".rstrip(),
            f"[{style}]{_change(row)}{mark}[/]",
        )
        if row.reason:
            out.add_row(f"[magenta]{escape(row.reason)}[/]")
    return out


def _place(row: ComparedScore) -> tuple[int, bool]:
    """Changed rows first, then unchanged, unjudged and incomparable ones; timings last of each."""
    return (
        0 if row.changed else 1 if row.changed is False else 2 if row.change is not None else 3
    ), row.kind == "speed"


def _change(row: ComparedScore) -> str:
    if row.change is None:
        return "incomparable"
    if row.change == 0 and not row.low:
        return "="
    text = amount(row.change, row.scale)
    if row.low is None or row.high is None:
        return text
    return f"{text} \\[{amount(row.low, row.scale)}, {amount(row.high, row.scale)}]"


def amount(value: float, scale: str | None) -> str:
    """A change as people read it: "+7.1 %", or a difference."""
    value += 0.0  # no -0
    if scale == "log ratio":
        percent = 100 * math.expm1(min(value, 700.0))
        return f"{percent:+.1f} %" if abs(percent) < 1000 else f"{percent:+.2g} %"
    return f"{value:+.3g}"


def _environment_table(found: Comparison) -> Table:
    out = Table(title="What differs in the environment", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("", "base", "head"):
        out.add_column(name, overflow="fold")
    for name, (base, head) in found.environment.items():
        out.add_row(escape(name), escape(base), escape(head))
    return out

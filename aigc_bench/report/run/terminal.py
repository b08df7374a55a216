"""Tables in a terminal: the report's of a run, and the self-test's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from aigc_bench.report.run import classes, codes, tables
from aigc_bench.report.run.verdict import verdict
from aigc_bench.runs.records import Run
from aigc_bench.selftest.rows import SelfTest

ANCHOR_TEXTS = {
    "floor": "floor is held-out real data: the best any model can do at this N.",
    "noise": "noise is uniform noise: what any model must beat.",
}
GAP = 2
"""blanks between two columns: one of padding, one of the box"""


def summary(run: Run, width: int = 80) -> Iterator[RenderableType]:
    """Quality: a row per generator and a column per metric, in as many tables below each other as the width asks for.

    No number is cut and no row is left out; a terminal narrower than a name and one column of numbers wraps lines.
    """
    rows = tables.table(run, "quality")
    yield Text(f"{run.suite.name}: N = {run.suite.num_samples}", "bold")
    columns = [_column(run, rows, metric) for metric in tables.columns(rows)]
    for group in _grouped(columns, width - max(map(cell_len, rows), default=0)):
        yield Text()
        yield _table_of(list(rows), group)
    yield Text()
    lines = ["± is the standard error of sampling."]
    if any(line.startswith("~") for column in columns for cell in column.cells for line in cell):
        lines = ["± is the standard error of sampling, ~ the standard deviation over training seeds."]
    lines += [text for name, text in ANCHOR_TEXTS.items() if name in rows]
    lines.append("What a name means: aigc-bench terms NAME.")
    yield Text("\n".join([*lines, verdict(run), *classes.sentences(run)]))
    notes = dict.fromkeys([*tables.caveats(run), *run.dataset.notes])
    if notes:
        yield Text("Notes:\n" + "\n".join(f"* {note}" for note in notes), "dim")


@dataclass(frozen=True, slots=True)
class _Column:
    """A metric: its heading, and the lines of every row's cell."""

    heading: str
    cells: tuple[tuple[str, ...], ...]
    best: frozenset[int]
    """numbers of the rows that lead it"""

    @property
    def width(self) -> int:
        return max(cell_len(text) for text in (self.heading, *(line for cell in self.cells for line in cell)))


def _column(run: Run, rows: tables.Table, metric: str) -> _Column:
    best = tables.best_rows(rows, run, metric)
    cells = []
    for row in rows.values():
        value, error = tables.cell_text(row.get(metric))
        cells.append((value, *(part.replace("seeds ± ", "~ ") for part in error.split(" · ") if part)))
    leading = frozenset(number for number, name in enumerate(rows) if name in best)
    return _Column(f"{metric} {'↑' if tables.direction(run, metric) else '↓'}", tuple(cells), leading)


def _grouped(columns: Sequence[_Column], room: int) -> Iterator[list[_Column]]:
    """As many columns in a row as there is room for, and at least one."""
    group: list[_Column] = []
    for column in columns:
        if group and sum(one.width + GAP for one in [*group, column]) > room:
            yield group
            group = []
        group.append(column)
    if group:
        yield group


def _table_of(names: Sequence[str], columns: Sequence[_Column]) -> Table:
    out = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    out.add_column("", no_wrap=True, min_width=max(map(cell_len, names)))
    for column in columns:
        out.add_column(Text(column.heading), justify="right", no_wrap=True, min_width=column.width)
    for number, name in enumerate(names):
        cells = []
        for column in columns:
            value, *errors = column.cells[number]
            text = Text(value, "bold" if number in column.best else "")
            text.append("".join(f"\n{error}" for error in errors), "dim not bold")
            cells.append(text)
        out.add_row(Text(name), *cells)
    return out


def code_table(run: Run) -> Table | None:
    """The same samples under other published protocols; None where one protocol was used."""
    sets = codes.by_code(run)
    if not sets:
        return None
    out = Table(
        title="The same samples under other published protocols", title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    out.add_column("", no_wrap=True)
    shown = codes.code_columns(sets)
    for column in shown:
        out.add_column(column, justify="right", no_wrap=True)
    for name, by_code in sets.items():
        if len(sets) > 1:
            out.add_row(f"[bold]{escape(name)}[/]")
        for code, row in by_code.items():
            texts = [tables.cell_text(row[column]) if column in row else ("", "") for column in shown]
            out.add_row(code, *(f"{value}\n[dim]{error}[/]" if error else value for value, error in texts))
        out.add_section()
    return out


def selftest_table(found: SelfTest) -> Table:
    """What is known and what was found, row by row; below, what could not run and why."""
    counts = {status: sum(row.status == status for row in found.rows) for status in ("PASS", "REGRESSION", "not run")}
    wrong = [f"{row.name}: {row.reason or f'±: {row.why}'}" for row in found.rows if row.status == "REGRESSION"]
    reasons = dict.fromkeys(row.reason for row in found.rows if row.status == "not run" and row.reason)
    caption = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
    out = Table(
        title=f"self-test, {found.wall_s:.0f} s",
        caption="\n".join([f"{caption}.", *map(escape, wrong), *(f"Not run: {escape(reason)}." for reason in reasons)]),
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    out.add_column("", overflow="fold")
    for name in ("expected", "found"):
        out.add_column(name, justify="right", no_wrap=True)
    out.add_column("", no_wrap=True)
    for row in found.rows:
        style = {"PASS": "green", "REGRESSION": "bold red", "not run": "dim"}[row.status]
        out.add_row(
            escape(row.name) + ("" if row.status == "not run" else f"\n[dim]{escape(row.source)}[/]"),
            f"{row.expected:.7g}\n[dim]±{row.tolerance:.2g}[/]",
            "–" if row.found is None else f"{row.found:.7g}",
            f"[{style}]{row.status}[/]",
        )
    return out

"""Tables in a terminal: the report's of a run, and the self-test's."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from aigc_bench.report.run import classes, codes, tables
from aigc_bench.runs.records import Run
from aigc_bench.selftest.rows import SelfTest

ANCHOR_TEXTS = {
    "floor": "floor is held-out real data: the best any model can do at this N.\n",
    "noise": "noise is uniform noise: what any model must beat.\n",
}


def summary_table(run: Run) -> Table:
    """Quality by generator; metrics downwards, so that it fits in 80 columns."""
    rows = tables.table(run, "quality")
    title = f"{run.suite.name}: N = {run.suite.num_samples}"
    caption = (
        "± is the standard error of sampling, ~ the standard deviation over training seeds.\n"
        f"{''.join(text for name, text in ANCHOR_TEXTS.items() if name in rows)}{tables.verdict(run)}"
    )
    caption = "\n".join([caption, *classes.sentences(run)])
    out = Table(
        title=title, caption=caption, title_justify="left", caption_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    out.add_column("", no_wrap=True)
    for name in rows:
        out.add_column(escape(name), justify="right", no_wrap=True)
    for metric in tables.columns(rows):
        arrow = "↑" if tables.direction(run, metric) else "↓"
        best = tables.best_rows(rows, run, metric)
        cells = []
        for name, row in rows.items():
            value, error = tables.cell_text(row.get(metric))
            style = "bold" if name in best else "none"
            cells.append(
                f"[{style}]{value}[/]" + (f"\n[dim]{error.replace(' · seeds ±', chr(10) + '~')}[/]" if error else "")
            )
        out.add_row(escape(f"{metric} {arrow}"), *cells)
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

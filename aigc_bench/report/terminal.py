"""The same tables as the report's, in a terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from aigc_bench.report import classes, tables
from aigc_bench.store import Run


def summary_table(run: Run) -> Table:
    """Quality by generator; metrics downwards, so that it fits in 80 columns."""
    rows = tables.table(run, "quality")
    title = f"{run.suite.name}: N = {run.suite.num_samples}"
    caption = f"± standard error of sampling, ~ standard deviation over training seeds. {tables.verdict(run)}"
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
    """What would whose code have printed? None where one protocol was used."""
    sets = tables.by_code(run)
    if not sets:
        return None
    out = Table(title="What would whose code have printed?", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    out.add_column("", no_wrap=True)
    shown = tables.code_columns(sets)
    for column in shown:
        out.add_column(column, justify="right", no_wrap=True)
    for name, codes in sets.items():
        if len(sets) > 1:
            out.add_row(f"[bold]{escape(name)}[/]")
        for code, row in codes.items():
            texts = [tables.cell_text(row[column]) if column in row else ("", "") for column in shown]
            out.add_row(code, *(f"{value}\n[dim]{error}[/]" if error else value for value, error in texts))
        out.add_section()
    return out

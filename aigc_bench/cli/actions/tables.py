"""The tables of a run, as several commands print them."""

from __future__ import annotations

from rich.console import Console

from aigc_bench.report.run.terminal import code_table, summary
from aigc_bench.runs.records import Run


def print_tables(run: Run) -> None:
    """The tables of scores, and what whose code would have printed where there is more than one protocol."""
    console = Console()
    for part in summary(run, console.width):
        console.print(part)
    table = code_table(run)
    if table is not None:
        console.print(table)

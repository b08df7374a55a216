"""The tables of a run, as several commands print them."""

from __future__ import annotations

from rich.console import Console

from aigc_bench.report.run.terminal import code_table, summary_table
from aigc_bench.runs.records import Run


def print_tables(found: Run) -> None:
    """The table of scores, and what whose code would have printed where there is more than one protocol."""
    for table in (summary_table(found), code_table(found)):
        if table is not None:
            Console().print(table)

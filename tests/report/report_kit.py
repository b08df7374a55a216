"""What the tests of terminal tables share."""

from __future__ import annotations

from rich.console import Console

from aigc_bench.report.run.terminal import summary
from aigc_bench.runs.records import Run


def shown(run: Run, width: int) -> str:
    """What a terminal of so many columns shows of a run."""
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        for part in summary(run, width):
            console.print(part)
    return captured.get()

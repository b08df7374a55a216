"""The options that every command which judges shares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

OutputOption = Annotated[Path | None, typer.Option("-o", "--output", help="Write the result as JSON to this file.")]
MarkdownOption = Annotated[
    Path | None, typer.Option("--markdown", help="Write Markdown for a pull request to this file.")
]
JunitOption = Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML to this file.")]
HtmlOption = Annotated[Path | None, typer.Option("--html", help="Write an HTML page with figures to this file.")]
AcceptOption = Annotated[
    Path | None,
    typer.Option(
        "--accept",
        envvar="AIGC_BENCH_ACCEPT",
        help="TOML file of regressions that are accepted, with a size, a reason and an end.",
    ),
]
InconclusiveOption = Annotated[
    bool,
    typer.Option(
        "--fail-on-inconclusive",
        envvar="AIGC_BENCH_FAIL_ON_INCONCLUSIVE",
        help="End with exit code 3 where the gate is undecided, instead of 0.",
    ),
]

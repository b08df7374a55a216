"""The options that every command which judges shares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

OutputOption = Annotated[Path | None, typer.Option("-o", "--output", help="Write the JSON here, too.")]
MarkdownOption = Annotated[Path | None, typer.Option("--markdown", help="Write Markdown for a pull request here.")]
JunitOption = Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML here.")]
HtmlOption = Annotated[Path | None, typer.Option("--html", help="Write a page with figures here.")]
AcceptOption = Annotated[
    Path | None, typer.Option("--accept", envvar="AIGC_BENCH_ACCEPT", help="TOML file of costs that are accepted.")
]
InconclusiveOption = Annotated[
    bool,
    typer.Option(
        "--fail-on-inconclusive", envvar="AIGC_BENCH_FAIL_ON_INCONCLUSIVE", help="End with 3 where undecided, not 0."
    ),
]

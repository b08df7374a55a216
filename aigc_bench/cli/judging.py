"""The options that every command which judges shares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aigc_bench.cli import completion

BaseArgument = Annotated[
    str,
    typer.Argument(
        help="The run that is known: its path or id, latest, or a baseline's name.",
        autocompletion=completion.runs_and_baselines,
    ),
]
HeadArgument = Annotated[
    str,
    typer.Argument(help="The run that is judged, named in the same way.", autocompletion=completion.runs_and_baselines),
]
MetricsOption = Annotated[
    str | None,
    typer.Option(
        help="Names of metrics, comma-separated. Default: all quality metrics.", autocompletion=completion.metrics
    ),
]
ClaimOption = Annotated[
    str,
    typer.Option(
        help="Required. weights: the same weights, computed in another way; checkpoint: this one against that one; "
        "recipe: training, over several training seeds.",
        autocompletion=completion.one_of(completion.CLAIMS),
    ),
]
TOLERANCE = "The worsening that is allowed: a true one up to this size fails in at most 1 % of gate runs. 2% or 0.02."
DETECT = "The worsening that must be caught: a true one of this size is, with 95 % power, or nothing is decided."
ToleranceOption = Annotated[str, typer.Option("--tolerance", help=TOLERANCE)]
DetectOption = Annotated[str, typer.Option("--detect", help=DETECT)]
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

"""`gate quality`: whether a claim about two runs holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aigc_bench.cli import judging
from aigc_bench.cli.application import JsonOption, StoreOption, acts
from aigc_bench.cli.comparing import BaselinesOption
from aigc_bench.cli.gating import gate_app


@gate_app.command(no_args_is_help=True)
@acts("aigc_bench.cli.actions.gate_quality:quality")
def quality(
    base: Annotated[str, typer.Argument(help="A run's path or id, latest, or a baseline's name.")],
    head: Annotated[str, typer.Argument(help="The same of what is judged.")] = "latest",
    claim: Annotated[str, typer.Option(help="What is tested: weights, checkpoint or recipe. Required.")] = "",
    margin: Annotated[str, typer.Option(help="Worsening of a score that passes: 2% or 0.02.")] = "2%",
    dead_zone: Annotated[str, typer.Option(help="Worsening of a score that is none.")] = "0.5%",
    metrics: Annotated[str | None, typer.Option(help="Comma-separated. Without: all of quality.")] = None,
    paired_seeds: Annotated[
        bool, typer.Option("--paired-seeds", help="Of a recipe: a training seed means the same on both sides.")
    ] = False,
    accept: judging.AcceptOption = None,
    fail_on_inconclusive: judging.InconclusiveOption = False,
    store: StoreOption = Path("runs"),
    baselines: BaselinesOption = Path("baselines"),
    output: judging.OutputOption = None,
    markdown: judging.MarkdownOption = None,
    junit: judging.JunitOption = None,
    html: judging.HtmlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge whether HEAD is as good as BASE, score by score, by the test that the claim asks for."""

"""`gate all`: quality and speed of the same samples, under one verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aigc_bench.cli import judging
from aigc_bench.cli.application import JsonOption, QuietOption, StoreOption, acts
from aigc_bench.cli.comparing import BaselinesOption
from aigc_bench.cli.gate_speed import ApartOption, BudgetOption
from aigc_bench.cli.gating import gate_app


@gate_app.command("all", no_args_is_help=True)
@acts("aigc_bench.cli.actions.gate_all:all_")
def all_(
    base: Annotated[str, typer.Argument(help="A run's path or id, or latest.")],
    head: Annotated[str, typer.Argument(help="The same of what is judged.")] = "latest",
    claim: Annotated[str, typer.Option(help="Of quality: weights, checkpoint or recipe. Required.")] = "",
    margin: Annotated[str, typer.Option(help="Worsening of a score that passes: 2% or 0.02.")] = "2%",
    metrics: Annotated[str | None, typer.Option(help="Comma-separated. Without: all of quality.")] = None,
    base_python: Annotated[str | None, typer.Option(help="What builds base's generators. Without: this one.")] = None,
    head_python: Annotated[str | None, typer.Option(help="What builds head's generators. Without: this one.")] = None,
    budget: BudgetOption = None,
    effect: Annotated[str, typer.Option(help="The slowdown that must be caught.")] = "5%",
    timeout: Annotated[str, typer.Option(envvar="AIGC_BENCH_TIMEOUT", help="For one process.")] = "10m",
    seed: Annotated[int | None, typer.Option(help="Which side begins. Without: drawn.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget pairs of an earlier, interrupted gate.")] = False,
    apart: ApartOption = False,
    accept: judging.AcceptOption = None,
    fail_on_inconclusive: judging.InconclusiveOption = False,
    store: StoreOption = Path("runs"),
    baselines: BaselinesOption = Path("baselines"),
    output: judging.OutputOption = None,
    markdown: judging.MarkdownOption = None,
    junit: judging.JunitOption = None,
    html: judging.HtmlOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Judge whether HEAD's samples are as good as BASE's, and drawn as fast: by the weights that both runs scored."""

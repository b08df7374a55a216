"""`gate quality`: whether a claim about two runs holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from aigc_bench.cli.application import JsonOption, StoreOption, command_line, reported
from aigc_bench.cli.comparing import BaselinesOption
from aigc_bench.cli.gating import gate_app


@gate_app.command(no_args_is_help=True)
@reported
def quality(
    base: Annotated[str, typer.Argument(help="A run's path or id, latest, or a baseline's name.")],
    head: Annotated[str, typer.Argument(help="The same of what is judged.")] = "latest",
    claim: Annotated[str, typer.Option(help="What is tested: weights, checkpoint or recipe. Required.")] = "",
    margin: Annotated[str, typer.Option(help="Worsening of a score that passes: 2% or 0.02.")] = "2%",
    dead_zone: Annotated[str, typer.Option(help="Worsening of a score that is none.")] = "0.5%",
    metrics: Annotated[str | None, typer.Option(help="Comma-separated. [default: all of quality]")] = None,
    fail_on_inconclusive: Annotated[
        bool, typer.Option("--fail-on-inconclusive", help="Exit code 3 where a score is undecided.")
    ] = False,
    store: StoreOption = Path("runs"),
    baselines: BaselinesOption = Path("baselines"),
    as_json: JsonOption = False,
) -> None:
    """Judge whether HEAD is as good as BASE, score by score, by the test that the claim asks for."""
    from aigc_bench import api
    from aigc_bench.report.comparison import decision_table

    found = api.gate_quality(
        base,
        head,
        claim=claim,
        margin=api.ratio(margin, "--margin"),
        dead_zone=api.ratio(dead_zone, "--dead-zone"),
        metrics=metrics.split(",") if metrics else (),
        fail_on_inconclusive=fail_on_inconclusive,
        store=store,
        baselines=baselines,
        command=command_line(),
    )
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        Console().print(decision_table(found))
    if found.exit_code:
        raise typer.Exit(found.exit_code)

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
@acts("aigc_bench.cli.actions.gate_all:All")
def all_(
    base: judging.BaseArgument,
    head: judging.HeadArgument = "latest",
    claim: judging.ClaimOption = "",
    tolerance: judging.ToleranceOption = "2%",
    detect: judging.DetectOption = "5%",
    metrics: judging.MetricsOption = None,
    base_python: Annotated[
        str | None, typer.Option(help="Interpreter that builds base's generators. Default: this one.")
    ] = None,
    head_python: Annotated[
        str | None, typer.Option(help="Interpreter that builds head's generators. Default: this one.")
    ] = None,
    budget: BudgetOption = None,
    timeout: Annotated[str, typer.Option(envvar="AIGC_BENCH_TIMEOUT", help="Time limit for one process.")] = "10m",
    seed: Annotated[int | None, typer.Option(help="Seed of which side begins. Default: random.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Discard the measurements of an earlier, interrupted gate.")
    ] = False,
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
    """Judge whether HEAD's samples are as good as BASE's, and made as fast.

    Speed is measured now, with the weights whose samples both runs scored.
    """

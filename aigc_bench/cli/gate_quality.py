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
@acts("aigc_bench.cli.actions.gate_quality:Quality")
def quality(
    base: judging.BaseArgument,
    head: judging.HeadArgument = "latest",
    claim: judging.ClaimOption = "",
    tolerance: judging.ToleranceOption = "2%",
    detect: judging.DetectOption = "5%",
    metrics: judging.MetricsOption = None,
    paired_seeds: Annotated[
        bool, typer.Option("--paired-seeds", help="For recipe: compare the sides training seed by training seed.")
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
    """Judge whether HEAD's samples are as good as BASE's.

    Every score is tested by the method that fits the claim.
    Where nothing changed, at most 1 % of gates report a regression, over all scores together.
    """

"""`gate all`: quality and speed of the same samples, under one verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aigc_bench.cli import judging
from aigc_bench.cli.application import JsonOption, QuietOption, StoreOption, command_line, reported, stderr
from aigc_bench.cli.comparing import BaselinesOption
from aigc_bench.cli.gate_speed import ApartOption, BudgetOption
from aigc_bench.cli.gating import gate_app


@gate_app.command("all", no_args_is_help=True)
@reported
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
    from aigc_bench.api import comparing
    from aigc_bench.cli import progress
    from aigc_bench.gate.speed.planning import SpeedPolicy
    from aigc_bench.report.judgement.files import Outputs

    outputs = Outputs(as_json, output, markdown, junit, html)
    judged = judging.prepared(outputs, accept, fail_on_inconclusive=fail_on_inconclusive)
    policy = SpeedPolicy(
        effect=judging.log_ratio(effect, "--effect"),
        budget_s=None if budget is None else judging.seconds(budget, "--budget"),
        seed=seed,
        fresh=fresh,
        apart=apart,
    )
    with progress.shown(stderr(), quiet=quiet) as on_event:
        found, pictures = comparing.judged_all(
            base,
            head,
            claim=claim,
            margin=judging.ratio(margin, "--margin"),
            metrics=metrics.split(",") if metrics else (),
            pythons=(base_python, head_python),
            speed=policy,
            timeout_s=judging.seconds(timeout, "--timeout"),
            store=store,
            baselines=baselines,
            command=command_line(),
            on_event=on_event,
        )
    judging.finish(found, judged, pictures)

"""The work of `gate all`."""

from __future__ import annotations

from pathlib import Path

from aigc_bench.api import comparing
from aigc_bench.cli import progress
from aigc_bench.cli.actions import judging
from aigc_bench.cli.application import command_line, stderr
from aigc_bench.gate.speed.planning import SpeedPolicy
from aigc_bench.report.judgement.files import Outputs


def all_(
    base: str,
    head: str,
    claim: str,
    margin: str,
    metrics: str | None,
    base_python: str | None,
    head_python: str | None,
    budget: str | None,
    effect: str,
    timeout: str,
    seed: int | None,
    fresh: bool,
    apart: bool,
    accept: Path | None,
    fail_on_inconclusive: bool,
    store: Path,
    baselines: Path,
    output: Path | None,
    markdown: Path | None,
    junit: Path | None,
    html: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """See `aigc_bench.cli.gate_all.all_`."""
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

"""The work of `gate quality`."""

from __future__ import annotations

from pathlib import Path

from aigc_bench.api import comparing
from aigc_bench.cli.actions import judging
from aigc_bench.cli.application import command_line
from aigc_bench.report.judgement.files import Outputs


def quality(
    base: str,
    head: str,
    claim: str,
    margin: str,
    dead_zone: str,
    metrics: str | None,
    paired_seeds: bool,
    accept: Path | None,
    fail_on_inconclusive: bool,
    store: Path,
    baselines: Path,
    output: Path | None,
    markdown: Path | None,
    junit: Path | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """See `aigc_bench.cli.gate_quality.quality`."""
    outputs = Outputs(as_json, output, markdown, junit, html)
    asked = judging.prepared(outputs, accept, fail_on_inconclusive=fail_on_inconclusive)
    found, pictures = comparing.judged_quality(
        base,
        head,
        claim=claim,
        margin=judging.ratio(margin, "--margin"),
        dead_zone=judging.ratio(dead_zone, "--dead-zone"),
        metrics=metrics.split(",") if metrics else (),
        paired_seeds=paired_seeds,
        store=store,
        baselines=baselines,
        command=command_line(),
    )
    judging.finish(found, asked, pictures)

"""The work of `gate all`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aigc_bench.api import joint
from aigc_bench.cli import progress
from aigc_bench.cli.actions import judging
from aigc_bench.cli.application import command_line, stderr
from aigc_bench.gate.speed.planning import SpeedPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class All(judging.JudgingOptions):
    """What `gate all` was asked for, as it was typed; see `aigc_bench.cli.gate_all.all_`."""

    base: str
    head: str
    claim: str
    tolerance: str
    detect: str
    metrics: str | None
    base_python: str | None
    head_python: str | None
    budget: str | None
    timeout: str
    seed: int | None
    fresh: bool
    apart: bool
    store: Path
    baselines: Path
    quiet: bool

    def __call__(self) -> None:
        """Judge, print, write, and end with the verdict's exit code."""
        prepared = self.prepared()
        policy = SpeedPolicy(
            tolerance=judging.log_ratio(self.tolerance, "--tolerance"),
            detect=judging.log_ratio(self.detect, "--detect"),
            budget_s=None if self.budget is None else judging.seconds(self.budget, "--budget"),
            seed=self.seed,
            fresh=self.fresh,
            apart=self.apart,
        )
        with progress.shown(stderr(), quiet=self.quiet) as on_event:
            judgement, pictures = joint.judged_all(
                self.base,
                self.head,
                claim=self.claim,
                tolerance=judging.ratio(self.tolerance, "--tolerance"),
                detect=judging.ratio(self.detect, "--detect"),
                metrics=judging.names(self.metrics),
                pythons=(self.base_python, self.head_python),
                speed=policy,
                timeout_s=judging.seconds(self.timeout, "--timeout"),
                store=self.store,
                baselines=self.baselines,
                command=command_line(),
                on_event=on_event,
            )
        judging.finish(judgement, prepared, pictures)

"""The work of `gate quality`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aigc_bench.api import comparing
from aigc_bench.cli.actions import judging
from aigc_bench.cli.application import command_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality(judging.JudgingOptions):
    """What `gate quality` was asked for, as it was typed; see `aigc_bench.cli.gate_quality.quality`."""

    base: str
    head: str
    claim: str
    detect: str
    tolerance: str
    metrics: str | None
    paired_seeds: bool
    store: Path
    baselines: Path

    def __call__(self) -> None:
        """Judge, print, write, and end with the verdict's exit code."""
        prepared = self.prepared()
        judgement, pictures = comparing.judged_quality(
            self.base,
            self.head,
            claim=self.claim,
            detect=judging.ratio(self.detect, "--detect"),
            tolerance=judging.ratio(self.tolerance, "--tolerance"),
            metrics=judging.names(self.metrics),
            paired_seeds=self.paired_seeds,
            store=self.store,
            baselines=self.baselines,
            command=command_line(),
        )
        judging.finish(judgement, prepared, pictures)

"""What the command line asks about quality and speed of the same samples; it needs a POSIX system, as timing does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from aigc_bench.core import OnEvent
from aigc_bench.gate.joint import RunGenerators, judge_all
from aigc_bench.gate.quality.claims import Claim, QualityPolicy
from aigc_bench.gate.speed.planning import SpeedPolicy
from aigc_bench.gate.speed.processes import TIMEOUT_S
from aigc_bench.gate.speed.session import Request
from aigc_bench.gate.verdicts import Judgement
from aigc_bench.report.judgement.page import Pictures
from aigc_bench.runs.baselines import opened


def judged_all(
    base: str | Path,
    head: str | Path,
    *,
    claim: str,
    tolerance: float = 0.02,
    detect: float = 0.05,
    metrics: Sequence[str] = (),
    pythons: tuple[str | None, str | None] = (None, None),
    speed: SpeedPolicy | None = None,
    timeout_s: float = TIMEOUT_S,
    store: Path = Path("runs"),
    baselines: Path = Path("baselines"),
    command: str | None = None,
    on_event: OnEvent = lambda event: None,
) -> tuple[Judgement, Pictures]:
    """Whether head is as good as base, and as fast: speed is measured now, by the weights that both runs scored.

    Raises:
        AigcBenchError: see `aigc_bench.gate.joint`. A regression does not raise: it is the verdict.
    """
    policy = QualityPolicy(cast(Claim, claim), tolerance, detect, metrics=tuple(metrics))
    sides = opened(str(base), store, baselines), opened(str(head), store, baselines)
    generators = RunGenerators.of(*sides, timeout_s)
    request = Request(generators, speed or SpeedPolicy(), store, command or "aigc_bench.api.joint.judged_all(…)")
    found = judge_all(sides, pythons, policy, request, on_event)
    return found, Pictures(sides[0].exhibits(), sides[1].exhibits(), sides[0].run.dataset.modality)

"""Findings => Run: the one place where a run's record is put together."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import torch

from aigc_bench.core.suites import Suite
from aigc_bench.runs.records import DatasetRecord, Run
from aigc_bench.runs.scoring.loop import Findings
from aigc_bench.system.machine import environment


@dataclass(frozen=True, slots=True)
class Begun:
    """When a run began, by two clocks: for its name and for its duration."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.perf_counter)


def assembled(
    findings: Findings, begun: Begun, *, suite: Suite, dataset: DatasetRecord, command: str, device: torch.device
) -> Run:
    """The record of a finished run, named after its suite and the moment it began."""
    return Run(
        id=f"{suite.name}-{begun.at:%Y%m%d-%H%M%S-%f}"[:-3],
        created=begun.at.isoformat(timespec="seconds"),
        wall_s=time.perf_counter() - begun.clock,
        command=command,
        suite=suite,
        environment=environment(device),
        dataset=dataset,
        cases=tuple(findings.records),
        scores=tuple(findings.scores),
        features=findings.real_entries,
    )

"""What a run would do, before it does it: the lines of `--dry-run`."""

from __future__ import annotations

from dataclasses import dataclass

from aigc_bench.bench import Bench
from aigc_bench.suite import cases


@dataclass(frozen=True, slots=True)
class PlannedCase:
    """One row of the run to come."""

    name: str
    training_seed: int | None
    stages: tuple[str, ...]
    cached: tuple[str, ...]
    """those of `stages` whose results are in the store"""
    estimate_s: float | None
    """seconds of the training still to do, from the speed that this store last saw; None: never timed"""


def planned(bench: Bench) -> list[PlannedCase]:
    """Every case of the suite, anchors first."""
    lines = []
    for anchor in bench.anchors():
        lines.append(_line(bench, anchor.name, None, anchor.identity, 0.0))
    for case in cases(bench.suite):
        estimate = 0.0 if case.training_seed is None else bench.cache.last_seconds("train", case.entry.build)
        lines.append(_line(bench, case.entry.name, case.training_seed, bench.identity(case), estimate))
    return lines


def _line(
    bench: Bench, name: str, seed: int | None, identity: dict[str, object], estimate: float | None
) -> PlannedCase:
    inputs = {
        "train": identity,
        "samples": {**identity, "num_samples": bench.suite.num_samples},
        "speed": {**identity, "speed": bench.suite.speed.model_dump()},
    }
    stages = ["samples"] if "anchor" in identity else ["samples", "speed"] if seed is None else list(inputs)
    cached = [stage for stage in stages if bench.cache.is_finished(stage, inputs[stage])]
    return PlannedCase(name, seed, tuple(stages), tuple(cached), 0.0 if "train" in cached else estimate)

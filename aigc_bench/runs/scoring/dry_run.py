"""What a run would do and how long it would take, before it does it: the lines of `--dry-run`.

The times are rehearsed now, on this machine: a few training steps, a call of `sample` per batch size, and the scores
of a quarter of the samples, whose cost grows no faster than the square of their number.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

import torch

from aigc_bench.generators import blueprint, training
from aigc_bench.evidence import extraction
from aigc_bench.system import timing
from aigc_bench.runs.scoring.bench import Bench, Subject
from aigc_bench.core import FeaturePair, Trainable
from aigc_bench.core.errors import AigcBenchError, ConfigurationError, foreign_code
from aigc_bench.core.suites import Case, cases

QUARTER = 4
FRESH_PROCESS_S = 5.0
"""what starting torch anew costs, for the peak memory"""


@dataclass(frozen=True, slots=True)
class PlannedCase:
    """One row of the run to come."""

    name: str
    training_seed: int | None
    stages: tuple[str, ...]
    cached: tuple[str, ...]
    """those of `stages` whose results are in the store"""
    estimate_s: float | None
    """seconds of the stages that are not cached; None where the rehearsal failed"""
    reason: str | None = None
    """why there is no estimate"""


Costs = dict[str, float]
"""Stage => seconds."""


def planned(bench: Bench) -> list[PlannedCase]:
    """Every case of the suite, anchors first."""
    scoring = _scoring_s(bench)
    lines = [_line(bench, anchor.name, None, anchor.identity, {"samples": scoring}) for anchor in bench.anchors()]
    rehearsed: dict[str, Costs | str] = {}
    for case in cases(bench.suite):
        identity = bench.identity(case)
        name = case.entry.name
        if name not in rehearsed:
            rehearsed[name] = _rehearsal(bench, case, scoring)
        lines.append(_line(bench, name, case.training_seed, identity, rehearsed[name]))
    return lines


def _line(bench: Bench, name: str, seed: int | None, identity: dict[str, object], costs: Costs | str) -> PlannedCase:
    inputs = {
        "train": identity,
        "samples": {**identity, "num_samples": bench.suite.num_samples},
        "speed": {**identity, "speed": bench.suite.speed.model_dump()},
    }
    stages = ["samples"] if "anchor" in identity else ["samples", "speed"] if seed is None else list(inputs)
    cached = [stage for stage in stages if bench.cache.is_finished(stage, inputs[stage])]
    if isinstance(costs, str):
        return PlannedCase(name, seed, tuple(stages), tuple(cached), None, costs)
    estimate = sum(costs[stage] for stage in stages if stage not in cached)
    return PlannedCase(name, seed, tuple(stages), tuple(cached), estimate)


def _rehearsal(bench: Bench, case: Case, scoring_s: float) -> Costs | str:
    """What each stage of a case will cost, or why that cannot be told."""
    try:
        with training.seeded(0):
            generator = blueprint.Blueprint(case.entry, bench.dataset.spec, str(bench.device), None).build()
            return {
                "samples": scoring_s,
                "speed": _speed_s(bench, Subject(case.entry.name, None, generator, {})),
                "train": _training_s(bench, case, generator) if case.entry.budget else 0.0,
            }
    except AigcBenchError as error:
        return str(error)


def _training_s(bench: Bench, case: Case, generator: object) -> float:
    budget = case.entry.budget
    assert budget is not None
    if budget.steps is None:
        assert budget.seconds is not None
        return budget.seconds
    if not isinstance(generator, Trainable):
        raise ConfigurationError(f"{case.entry.build!r} has a budget but no `fit`; remove the budget")
    return budget.steps * training.seconds_per_step(generator, bench.dataset.fit, case.entry.batch_size, bench.device)


def _speed_s(bench: Bench, subject: Subject) -> float:
    """Warm-up and timed blocks per batch size, single calls, and one fresh process."""
    entry = bench.suite.speed

    def call_s(batch_size: int) -> float:
        seeds = torch.arange(batch_size, device=bench.device)
        with foreign_code("sample"):
            subject.generator.sample(seeds)
            return timing.elapsed_s(lambda: subject.generator.sample(seeds), 1, bench.device)

    calls = [call_s(batch_size) for batch_size in entry.batch_sizes]
    blocks = sum(min(10 * call, timing.WARM_UP_CAP_S) + entry.blocks * max(timing.BLOCK_S, call) for call in calls)
    return blocks + entry.latency_calls * call_s(1) + FRESH_PROCESS_S


def _scoring_s(bench: Bench) -> float:
    """Seconds of one row's features and quality scores, from a quarter of its samples."""
    num = max(bench.suite.num_samples // QUARTER, 40)
    total = 0.0
    for extractor in bench.extractors:
        started = time.perf_counter()
        splits = (bench.dataset.reference, bench.dataset.holdout)
        real, fake = (extraction.observed_features(extractor, split.samples[:num].to(bench.device)) for split in splits)
        total += (time.perf_counter() - started) * QUARTER / 2  # the real side is seen once for all rows
        pair = FeaturePair(real, fake, extractor.name, extractor.digest)
        started = time.perf_counter()
        for metric in bench.metrics:
            # Too few for this metric: the run will say so.
            with contextlib.suppress(AigcBenchError):
                if metric.evidence is FeaturePair:
                    metric.compute(pair)
        total += (time.perf_counter() - started) * QUARTER**2
    return total

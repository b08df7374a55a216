"""What a run would do and how long it would take, before it does it: the lines of `--dry-run`.

The times are rehearsed now, on this machine: a few training steps, a call of `sample` per batch size, and the scores
of a quarter of the samples, whose cost grows no faster than the square of their number.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any

import torch

from aigc_bench.core import FeaturePair, Generator, Trainable
from aigc_bench.core.errors import AigcBenchError, ConfigurationError
from aigc_bench.core.suites import Case, cases
from aigc_bench.evidence import extraction, extractors
from aigc_bench.generators import training
from aigc_bench.generators.blueprint import Blueprint
from aigc_bench.generators.generated import GeneratedSamples
from aigc_bench.runs.scoring.cases import SuiteRows
from aigc_bench.system import timing
from aigc_bench.system.foreign import foreign_code

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


def planned(rows: SuiteRows) -> list[PlannedCase]:
    """Every case of the suite, anchors first."""
    scoring = _scoring_s(rows)
    noise = rows.noise().samples
    assert isinstance(noise, GeneratedSamples)
    lines = [
        _line("floor", None, {"features": _are_extracted(rows)}, {"features": scoring}),
        _line("noise", None, {"samples": noise.is_kept}, {"samples": scoring}),
    ]
    rehearsed: dict[str, Costs | str] = {}
    for case in cases(rows.suite):
        name = case.entry.name
        if name not in rehearsed:
            rehearsed[name] = _rehearsal(rows, case, scoring)
        lines.append(_line(name, case.training_seed, _finished(rows, case), rehearsed[name]))
    return lines


def _are_extracted(rows: SuiteRows) -> bool:
    """Whether every extractor's features of the floor, which need not be drawn, are in the store."""
    floor, place = rows.floor().samples, rows.place
    entries = [
        extraction.entry_of(extractors.extractor_for(protocol, floor, place), floor, place)
        for protocol in rows.protocols
    ]
    return all(entry is not None and (place.cache.root / entry).is_dir() for entry in entries)


def _finished(rows: SuiteRows, case: Case) -> dict[str, bool]:
    """Stage => whether its results are in the store."""
    identity, cache = rows.identity(case), rows.place.cache
    finished = {"train": cache.is_finished("train", identity)} if case.training_seed is not None else {}
    subject: dict[str, Any] = {**identity}
    try:
        samples = rows.drawn(case, rows.unbuilt(case), identity)
        if case.training_seed is None:
            subject["samples"] = samples.digest
        finished["samples"] = samples.is_kept
    except AigcBenchError:
        finished["samples"] = False  # it cannot be built: the rehearsal says why
    timed = {**subject, "speed": rows.suite.speed.model_dump()}
    return {**finished, "speed": cache.is_finished("speed", timed)}


def _line(name: str, seed: int | None, finished: dict[str, bool], costs: Costs | str) -> PlannedCase:
    stages, cached = tuple(finished), tuple(stage for stage, done in finished.items() if done)
    if isinstance(costs, str):
        return PlannedCase(name, seed, stages, cached, None, costs)
    return PlannedCase(name, seed, stages, cached, sum(costs[stage] for stage in stages if stage not in cached))


def _rehearsal(rows: SuiteRows, case: Case, scoring_s: float) -> Costs | str:
    """What each stage of a case will cost, or why that cannot be told."""
    try:
        with training.seeded(0):
            generator = Blueprint(case.entry, rows.dataset.spec, str(rows.place.device), None).build()
            return {
                "samples": scoring_s,
                "speed": _speed_s(rows, generator),
                "train": _training_s(rows, case, generator) if case.entry.budget else 0.0,
            }
    except AigcBenchError as error:
        return str(error)


def _training_s(rows: SuiteRows, case: Case, generator: object) -> float:
    budget = case.entry.budget
    assert budget is not None
    if budget.steps is None:
        assert budget.seconds is not None
        return budget.seconds
    if not isinstance(generator, Trainable):
        raise ConfigurationError(f"{case.entry.build!r} has a budget but no `fit`; remove the budget")
    return budget.steps * training.seconds_per_step(
        generator, rows.dataset.fit.loaded(), case.entry.batch_size, rows.place.device
    )


def _speed_s(rows: SuiteRows, generator: Generator) -> float:
    """Warm-up and timed blocks per batch size, single calls, and one fresh process."""
    entry = rows.suite.speed

    def call_s(batch_size: int) -> float:
        seeds = torch.arange(batch_size, device=rows.place.device)
        with foreign_code("sample"):
            generator.sample(seeds)
            return timing.elapsed_s(lambda: generator.sample(seeds), 1, rows.place.device)

    calls = [call_s(batch_size) for batch_size in entry.batch_sizes]
    blocks = sum(min(10 * call, timing.WARM_UP_CAP_S) + entry.blocks * max(timing.BLOCK_S, call) for call in calls)
    return blocks + entry.latency_calls * call_s(1) + FRESH_PROCESS_S


def _scoring_s(rows: SuiteRows) -> float:
    """Seconds of one row's features and quality scores, from a quarter of its samples."""
    num = max(rows.suite.num_samples // QUARTER, 40)
    total = 0.0
    for protocol in rows.protocols:
        splits = [rows.split("reference", num), rows.split("holdout", num)]
        extractor = extractors.extractor_for(protocol, splits[0], rows.place)
        started = time.perf_counter()
        real, fake = (
            extractors.observed_features(extractor, torch.stack(split.take(range(num))).to(rows.place.device))
            for split in splits
        )
        total += (time.perf_counter() - started) * QUARTER / 2  # the real side is seen once for all rows
        pair = FeaturePair(real, fake, extractor.name, extractor.digest)
        started = time.perf_counter()
        for metric in rows.metrics[protocol.name].values():
            # Too few for this metric: the run will say so.
            with contextlib.suppress(AigcBenchError):
                metric.compute(pair)
        total += (time.perf_counter() - started) * QUARTER**2
    return total

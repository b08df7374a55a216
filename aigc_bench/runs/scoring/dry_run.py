"""What a run would do and how long it would take, before it does it: the lines of `--dry-run`.

The times are rehearsed now, on this machine: the fastest of a few training steps, a call of `sample` per batch size,
and the scores of a quarter of the samples, whose cost grows no faster than the square of their number.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any

import torch

from aigc_bench.core import FeaturePair
from aigc_bench.core.errors import AigcBenchError
from aigc_bench.core.suites import Case, cases
from aigc_bench.evidence import extraction, extractors
from aigc_bench.generators import training
from aigc_bench.generators.blueprint import Blueprint
from aigc_bench.generators.generated import GeneratedSamples
from aigc_bench.runs.scoring import rehearsal
from aigc_bench.runs.scoring.cases import SuiteRows

BUSY_CORES = 0.25
"""cores that other processes keep busy, from which on it is said"""
QUARTER = 4


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


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Every case of the suite, and how its seconds were found."""

    cases: tuple[PlannedCase, ...]
    method: str


Costs = dict[str, float]
"""Stage => seconds."""


def planned(rows: SuiteRows) -> Rehearsed:
    """Every case of the suite, anchors first."""
    other_work = rehearsal.OtherWork()
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
    return Rehearsed(tuple(lines), _method(other_work.cores()))


def _method(busy_cores: float) -> str:
    text = (
        "Rehearsed just now: of each generator the fastest of ten training steps and a call per batch size; the "
        f"scores of {100 // QUARTER} % of the samples"
    )
    if busy_cores < BUSY_CORES:
        return f"{text}. The machine was otherwise idle."
    return f"{text}. Other work kept {busy_cores:.1f} cores busy meanwhile: without it the run is faster."


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
                "speed": rehearsal.speed_s(rows, generator),
                "train": rehearsal.training_s(rows, case, generator) if case.entry.budget else 0.0,
            }
    except AigcBenchError as error:
        return str(error)


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

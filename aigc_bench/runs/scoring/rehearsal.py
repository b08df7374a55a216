"""What the stages of a case will cost, from a few steps and calls now."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import psutil
import torch

from aigc_bench.core import Generator, Trainable
from aigc_bench.core.errors import AigcBenchError, ConfigurationError
from aigc_bench.core.suites import Case, SpeedEntry, cases
from aigc_bench.generators import training
from aigc_bench.generators.blueprint import Blueprint
from aigc_bench.runs.scoring.cases import SuiteRows
from aigc_bench.system import timing
from aigc_bench.system.foreign import foreign_code

FRESH_PROCESS_S = 5.0
"""what starting torch anew costs, for the peak memory"""
SHORT_STEPS = 200
"""trainings up to so many steps are not worth a rehearsal"""


class OtherWork:
    """How many cores other processes keep busy, from its making on."""

    def __init__(self) -> None:
        self._start, self._all, self._own = time.perf_counter(), _busy_s(), _own_s()

    def cores(self) -> float:
        """On average until now."""
        seconds = time.perf_counter() - self._start
        return max(0.0, _busy_s() - self._all - (_own_s() - self._own)) / max(seconds, 1e-9)


def _busy_s() -> float:
    times = psutil.cpu_times()
    # A virtual machine's "steal" is time that the host gave to somebody else.
    return float(times.user + times.system + getattr(times, "nice", 0.0) + getattr(times, "steal", 0.0))


def _own_s() -> float:
    times = os.times()
    return times.user + times.system


def training_s(rows: SuiteRows, case: Case, generator: object) -> float:
    """Seconds of a training: its budget of seconds, or its steps by the time of a few.

    Raises:
        ConfigurationError: the generator cannot be trained.
        GeneratorError: an exception of the generator's own.
    """
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


def speed_s(rows: SuiteRows, generator: Generator) -> float:
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


def least_speed_s(entry: SpeedEntry) -> float:
    """`speed_s` of a generator whose calls are short."""
    return len(entry.batch_sizes) * entry.blocks * timing.BLOCK_S + FRESH_PROCESS_S


def expected(rows: SuiteRows) -> Iterator[dict[str, Any]]:
    """Of each row of a run, anchors first: its name and seed, seconds of training, and least of what else is its own.

    What scoring costs is not in it: the anchors, which come first, show that. Generators that cannot be rehearsed count
    nothing; their turn will tell why.
    """
    yield from ({"name": name, "seed": None, "training_s": 0.0, "own_s": 0.0} for name in ("floor", "noise"))
    own_s = least_speed_s(rows.suite.speed) if rows.generator_metrics else 0.0
    rehearsed: dict[str, float] = {}
    for case in cases(rows.suite):
        name, seconds = case.entry.name, 0.0
        if case.training_seed is not None and not rows.place.cache.is_finished("train", rows.identity(case)):
            if name not in rehearsed:
                rehearsed[name] = _rehearsed_s(rows, case)
            seconds = rehearsed[name]
        yield {"name": name, "seed": case.training_seed, "training_s": seconds, "own_s": own_s}


def _rehearsed_s(rows: SuiteRows, case: Case) -> float:
    budget = case.entry.budget
    if budget is None or (budget.steps is not None and budget.steps <= SHORT_STEPS):
        return 0.0
    try:
        with training.seeded(0):
            return training_s(
                rows, case, Blueprint(case.entry, rows.dataset.spec, str(rows.place.device), None).build()
            )
    except AigcBenchError:
        return 0.0

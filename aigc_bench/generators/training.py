"""Fitting a generator: batches, budgets, checkpoints.

The batches are a function of (training seed, step), and a checkpoint holds weights, optimisers, averages, the
state of torch's random numbers and the step; so training that was interrupted and resumed gives the same
weights as training that never stopped.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from aigc_bench.core import Batch, OnEvent, Trainable, TrainingLog
from aigc_bench.core.errors import GeneratorError
from aigc_bench.core.suites import Budget
from aigc_bench.generators.checkpoints import load_state, save_state
from aigc_bench.system import timing
from aigc_bench.system.foreign import foreign_code

CHECKPOINT_EVERY_S = 30.0


LOSS_POINTS = 200


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run with torch's global random numbers started from `seed`, and put them back afterwards."""
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def batches(data: Batch, batch_size: int, *, seed: int, first_step: int = 0) -> Iterator[Batch]:
    """Endless batches; batch t is a function of (seed, t) alone. Every epoch is a new permutation.

    The data stay on their device as one tensor and are shuffled by index.
    """
    num_samples = data.samples.shape[0]
    size = min(batch_size, num_samples)
    per_epoch = num_samples // size
    step = first_step
    while True:
        epoch = step // per_epoch
        order = torch.randperm(num_samples, generator=torch.Generator().manual_seed(1_000_003 * seed + epoch))
        order = order.to(data.samples.device)
        for index in range(step % per_epoch, per_epoch):
            rows = order[index * size : (index + 1) * size]
            yield Batch(data.samples[rows], None if data.labels is None else data.labels[rows])
        step = (epoch + 1) * per_epoch


@dataclass
class _Progress:
    """What a checkpoint remembers beside the weights."""

    step: int = 0
    wall_s: float = 0.0
    loss_steps: list[int] = field(default_factory=list)
    losses: dict[str, list[float]] = field(default_factory=dict)
    times: list[tuple[int, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train: budget, batch size and training seed."""

    budget: Budget
    batch_size: int
    seed: int
    """the training seed"""
    checkpoint: Path
    """written every half minute and at the end; an existing one is gone on from"""


def fit(generator: Trainable, data: Batch, plan: Plan, *, on_event: OnEvent = lambda event: None) -> TrainingLog:
    """Fit `generator` as planned, and leave its state in the checkpoint. Call inside `seeded(plan.seed)`.

    Raises:
        GeneratorError: a loss that is NaN or infinite, or an exception of the generator's own.
    """
    progress = _resume(generator, plan.checkpoint)
    stream = batches(data, plan.batch_size, seed=plan.seed, first_step=progress.step)
    steps = generator.fit(stream, seed=plan.seed)
    meter = _Meter(plan.budget, progress, on_event)
    while not meter.done():
        with foreign_code("fit"):
            losses = next(steps, None)
        if losses is None:
            meter.read()
            raise GeneratorError(f"fit stopped by itself after {progress.step} steps")
        meter.record(losses)
        if meter.checkpoint_due():
            save_checkpoint(plan.checkpoint, generator, progress)
    meter.read()
    save_checkpoint(plan.checkpoint, generator, progress)
    return meter.log()


def seconds_per_step(generator: Trainable, data: Batch, batch_size: int, device: torch.device) -> float:
    """What a training step costs: the fastest of up to ten after a first one, within a second.

    Other work only ever adds to a step, and what is asked for is what thousands of them take.

    Raises:
        GeneratorError: an exception of the generator's own, or no step at all.
    """
    moved = Batch(data.samples.to(device), None if data.labels is None else data.labels.to(device))
    steps = generator.fit(batches(moved, batch_size, seed=0), seed=0)
    with foreign_code("fit"):
        next(steps, None)
        timing.wait_for(device)
        moments = [time.perf_counter()]
        while len(moments) <= 10 and moments[-1] - moments[0] < 1.0:
            if next(steps, None) is None:
                raise GeneratorError("fit stopped by itself after a few steps")
            timing.wait_for(device)
            moments.append(time.perf_counter())
    return min(after - before for before, after in pairwise(moments))


class _Meter:
    """Counts steps, thins losses, watches the budget."""

    def __init__(self, budget: Budget, progress: _Progress, on_event: OnEvent) -> None:
        self._budget, self._progress, self._on_event = budget, progress, on_event
        self._before = progress.wall_s
        self._start = self._saved = self._told = time.perf_counter()
        self._every = max(1, (budget.steps or 2000) // LOSS_POINTS)
        self._pending: list[Mapping[str, float | Tensor]] = []

    def done(self) -> bool:
        if self._budget.steps is not None:
            return self._progress.step >= self._budget.steps
        return self._budget.seconds is not None and self._progress.wall_s >= self._budget.seconds

    def record(self, losses: Mapping[str, float | Tensor]) -> None:
        progress = self._progress
        progress.step += 1
        # Detached at once: ten steps' graphs would be held for their losses.
        self._pending.append(
            {name: loss.detach() if isinstance(loss, Tensor) else loss for name, loss in losses.items()}
        )
        whole = progress.step % self._every == 0
        values = self.read() if whole else {}
        now = time.perf_counter()
        progress.wall_s = self._before + now - self._start
        if whole:
            self._thin(values)
        if now - self._told > 0.2 or self.done():
            self._told = now
            total = self._budget.steps or 0
            self._on_event({"event": "progress", "done": progress.step, "total": total, "unit": "steps"})

    def read(self) -> dict[str, list[float]]:
        """Losses of the steps since the last point, by name; all of them at once.

        Raises:
            GeneratorError: one is NaN or infinite.
        """
        names = self._pending[-1] if self._pending else ()
        found = {name: _numbers([losses[name] for losses in self._pending]) for name in names}
        first = self._progress.step - len(self._pending) + 1
        for offset in range(len(self._pending)):
            for name, values in found.items():
                if not math.isfinite(values[offset]):
                    raise GeneratorError(f"loss {name!r} is {values[offset]} at step {first + offset}")
        return found

    def _thin(self, found: Mapping[str, Sequence[float]]) -> None:
        progress = self._progress
        progress.loss_steps.append(progress.step)
        progress.times.append((progress.step, progress.wall_s))
        for name, values in found.items():
            progress.losses.setdefault(name, []).append(sum(values) / len(values))
        self._pending = []

    def checkpoint_due(self) -> bool:
        # Only between thinned points: what is pending is not in a checkpoint.
        now = time.perf_counter()
        if self._pending or now - self._saved < CHECKPOINT_EVERY_S:
            return False
        self._saved = now
        return True

    def log(self) -> TrainingLog:
        progress = self._progress
        return TrainingLog(
            steps=progress.step,
            wall_s=progress.wall_s,
            peak_bytes=0,
            reproducible=self._budget.steps is not None,
            loss_steps=tuple(progress.loss_steps),
            losses={name: tuple(values) for name, values in progress.losses.items()},
            steps_per_s=_rates([(0, 0.0), *progress.times]),
        )


def _numbers(losses: Sequence[float | Tensor]) -> list[float]:
    """One copy from the device for all of them."""
    tensors = [loss for loss in losses if isinstance(loss, Tensor)]
    if len(tensors) < len(losses):
        return [float(loss) for loss in losses]
    found: list[float] = torch.stack(tensors).tolist()
    return found


def _rates(times: list[tuple[int, float]], parts: int = 10) -> tuple[float, ...]:
    """Steps per second in each tenth of the training."""
    marks = [times[round(i * (len(times) - 1) / parts)] for i in range(parts + 1)]
    spans = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(marks)]
    return tuple(steps / seconds for steps, seconds in spans if steps and seconds > 0)


def save_checkpoint(path: Path, generator: Trainable, progress: _Progress) -> None:
    """Write the generator's state, torch's random state and the progress."""
    rng = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
    save_state(path, {"generator": generator.state_dict(), "rng": rng}, progress=asdict(progress))


def _resume(generator: Trainable, checkpoint: Path) -> _Progress:
    if not checkpoint.is_file():
        return _Progress()
    state, metadata = load_state(checkpoint)
    generator.load_state_dict(state["generator"])
    torch.set_rng_state(state["rng"][0])
    if len(state["rng"]) > 1:
        torch.cuda.set_rng_state_all(state["rng"][1:])
    return _Progress(**metadata["progress"])

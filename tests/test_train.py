"""Batches, checkpoints, budgets and failures of training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from aigc_bench.core import Batch
from aigc_bench.core.errors import GeneratorError
from aigc_bench.core.suites import Budget
from aigc_bench.generators import checkpoints, training


def test_batches_are_a_function_of_seed_and_step() -> None:
    """Starting at step t gives the batches that a stream from 0 gives from t on; epochs cover the data."""
    data = Batch(torch.arange(10, dtype=torch.uint8)[:, None])
    stream = training.batches(data, 3, seed=1)
    first = [next(stream).samples for _ in range(9)]
    later = training.batches(data, 3, seed=1, first_step=4)
    assert all(torch.equal(next(later).samples, batch) for batch in first[4:])
    assert len(set(torch.cat(first[:3]).flatten().tolist())) == 9


def test_states_come_back_as_they_were(tmp_path: Path) -> None:
    """Nested dicts with integer keys, lists, tuples, tensors that share memory, and plain values."""
    tensor = torch.arange(6.0)
    state = {"a": {0: tensor, 1: [tensor.view(2, 3), None]}, "b": (1, 2.5, "x", True)}
    checkpoints.save_state(tmp_path / "s", state, note=[1, 2])
    found, metadata = checkpoints.load_state(tmp_path / "s")
    assert metadata == {"note": [1, 2]}
    assert found["b"] == state["b"]
    assert found["a"][1][1] is None
    assert torch.equal(found["a"][0], tensor)
    assert torch.equal(found["a"][1][0], tensor.view(2, 3))


def test_a_state_that_is_no_data_is_refused(tmp_path: Path) -> None:
    """Nothing is pickled."""
    with pytest.raises(GeneratorError, match="holds a object"):
        checkpoints.save_state(tmp_path / "s", {"x": object()})


class Odd:
    """A trainable whose losses are given."""

    def __init__(self, losses: list[float]) -> None:
        self._losses = losses

    def fit(self, batches: Iterator[Batch], *, seed: int) -> Iterator[dict[str, float]]:
        """Yield the given losses."""
        for loss in self._losses:
            if loss == 99:
                raise RuntimeError("boom")
            yield {"loss": loss}

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ([1.0, float("nan"), 1.0, 1.0, 1.0], "loss 'loss' is nan at step 2"),
        ([1.0, 99.0], "fit raised RuntimeError: boom"),
        ([1.0], "fit stopped by itself after 1 steps"),
    ],
)
def test_failed_training_says_why(losses: list[float], message: str, tmp_path: Path) -> None:
    """A NaN, an exception, or an early end."""
    data = Batch(torch.zeros(4, 1, dtype=torch.uint8))
    plan = training.Plan(Budget(steps=5), 2, 0, tmp_path / "c")
    with pytest.raises(GeneratorError, match=message):
        training.fit(Odd(losses), data, plan)


@pytest.mark.parametrize("steps", [25, 26], ids=["all read in bunches", "some left at the end"])
@pytest.mark.parametrize("bad", [None, 3, 25], ids=["fine", "infinite at step 3", "infinite at step 25"])
def test_losses_are_read_in_bunches(steps: int, bad: int | None) -> None:
    """Tensors as numbers would be; a loss that is not finite is found, the last one too, with its step."""
    numbers = [float(step) if step != bad else float("inf") for step in range(1, steps + 1)]

    def fitted(losses: list[Any]) -> Any:
        # Of 1,000 steps, five are a bunch.
        meter = training._Meter(Budget(steps=1000), progress := training._Progress(), lambda event: None)
        for loss in losses:
            meter.record({"loss": loss})
        meter.read()
        return progress.loss_steps, progress.losses

    tensors = [torch.tensor(number, requires_grad=True) for number in numbers]
    if bad is not None:
        for losses in (numbers, tensors):
            with pytest.raises(GeneratorError, match=f"is inf at step {bad}$"):
                fitted(losses)
        return
    assert fitted(tensors) == fitted(numbers) == ([5, 10, 15, 20, 25], {"loss": [3.0, 8.0, 13.0, 18.0, 23.0]})


def test_a_time_budget_is_marked_irreproducible(tmp_path: Path) -> None:
    """Steps repeat, seconds do not."""
    data = Batch(torch.zeros(4, 1, dtype=torch.uint8))
    plan = training.Plan(Budget(seconds=0.001), 2, 0, tmp_path / "c")
    log = training.fit(Odd([1.0] * 10**6), data, plan)
    assert not log.reproducible
    assert log.wall_s >= 0.001

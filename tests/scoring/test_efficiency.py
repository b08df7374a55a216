"""What a generator makes of the machine: arithmetic, its time in random numbers, energy where something counts it."""

from __future__ import annotations

import ctypes
import dataclasses
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import aigc_bench
from aigc_bench import noise
from aigc_bench.core import Efficiency, Estimate, SampleSpec
from aigc_bench.core.errors import NotAvailableError
from aigc_bench.evidence import efficiency
from aigc_bench.metrics import speed
from aigc_bench.system import energy

CPU = torch.device("cpu")
SIDE = 400


class Busy:
    """Spends its time on one product of matrices, or on random numbers."""

    spec = SampleSpec("image", (1, 2, 2))

    def __init__(self, *, draws: bool) -> None:
        self._draws = draws
        self._x = torch.ones(SIDE, SIDE)

    def sample(self, seeds: Tensor) -> Tensor:
        """(N,) => (N, 1, 2, 2)."""
        if self._draws:
            noise.uniform(seeds, 5000)
        else:
            self._x @ self._x
        return torch.zeros(len(seeds), 1, 2, 2, dtype=torch.uint8)


def found(**changes: Any) -> Efficiency:
    """100 operations a sample, ten samples in a millisecond, on a device of ten million a second."""
    return dataclasses.replace(Efficiency(10, (1e-3,) * 6, 100.0, 1e7, (0.25,) * 6), **changes)


def test_the_metrics_are_what_their_definitions_say() -> None:
    """By hand; what is not known is said."""
    assert speed.utilisation.compute(found()).value == pytest.approx(10 * 100 / 1e-3 / 1e7)
    assert speed.noise_share.compute(found()).value == 0.25
    with pytest.raises(NotAvailableError, match="operations per sample is not known"):
        speed.utilisation.compute(found(flops_per_sample=None))
    with pytest.raises(NotAvailableError, match="nothing here counts the device's energy"):
        speed.joules_per_sample.compute(found())
    joules: Estimate = speed.joules_per_sample.compute(found(joules_per_sample=(2.0,) * 6, energy_method="by a meter"))
    assert joules.value == 2.0
    assert joules.method.endswith("; by a meter")


def test_what_is_busy_with_products_uses_the_machine() -> None:
    """And what draws numbers is busy with these; neither is of the other kind."""
    products, numbers = (efficiency.efficiency(Busy(draws=draws), 8, 6, CPU) for draws in (False, True))
    assert products.flops_per_sample == 2 * SIDE**3 / 8
    assert 0.05 < speed.utilisation.compute(products).value < 1.5
    assert speed.noise_share.compute(products).value < 0.05
    assert 0.5 < speed.noise_share.compute(numbers).value <= 1
    assert numbers.joules_per_sample == ()


def test_a_meter_counts_each_call_once() -> None:
    """`uniform` draws words: their time is part of its own."""
    waits: list[int] = []
    with noise.metered(lambda: waits.append(1)) as meter:
        start = time.perf_counter()
        noise.uniform(torch.arange(4), 7)
        noise.normal(torch.arange(4), 7)
        spent = time.perf_counter() - start
    assert len(waits) == 4  # before and after each of the two
    assert 0 < meter.seconds < spent
    before = meter.seconds
    noise.uniform(torch.arange(4), 7)
    assert meter.seconds == before


def test_energy_is_what_the_counter_says_beyond_idling() -> None:
    """A board that takes 50 W, and 3 J more for each call."""
    start, calls = time.perf_counter(), 0

    def joules() -> float:
        return 50 * (time.perf_counter() - start) + 3 * calls

    def call() -> None:
        nonlocal calls
        calls += 1
        time.sleep(0.01)

    watts = energy.idle_watts(joules, 0.1)
    assert watts == pytest.approx(50, rel=1e-2)
    assert energy.per_call(call, joules, 50.0, 0.1) == pytest.approx(3, rel=0.2)
    assert calls >= 5


def test_nvml_is_asked_for_the_board_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its UUID; a driver without the counter, or without the library, is no error."""
    asked: list[bytes] = []

    class Nvml:
        failing = 0

        def nvmlInit_v2(self) -> int:
            return 0

        def nvmlDeviceGetHandleByUUID(self, uuid: bytes, handle: Any) -> int:
            asked.append(uuid)
            handle._obj.value = 7
            return 0

        def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any, millijoules: Any) -> int:
            assert handle.value == 7
            millijoules._obj.value = 12_500
            return self.failing

    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="1234-abcd"))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Nvml())
    joules = energy.counter(cuda)
    assert joules is not None
    assert joules() == 12.5
    assert asked == [b"GPU-1234-abcd"]
    monkeypatch.setattr(Nvml, "failing", 3)
    assert energy.counter(cuda) is None
    monkeypatch.setattr(ctypes, "CDLL", lambda name: (_ for _ in ()).throw(OSError("no such library")))
    assert energy.counter(cuda) is None
    assert energy.counter(CPU) is None


def test_a_suite_may_ask_for_them(tmp_path: Path) -> None:
    """Two are numbers, and of energy it is said why there is none."""
    suite = aigc_bench.resolve_suite(
        "smoke",
        overrides=[
            'metrics=["utilisation", "noise_share", "joules_per_sample"]',
            "generators.gan.budget.steps=2",
            "generators.vae.budget.steps=2",
        ],
    )
    run, _ = aigc_bench.run(suite, aigc_bench.Options(store=tmp_path))
    of_gan = {score.metric: score for score in run.scores if score.generator == "gan"}
    assert 0 < of_gan["utilisation"].estimate.value < 1.5  # type: ignore[union-attr]
    assert 0 < of_gan["noise_share"].estimate.value < 1  # type: ignore[union-attr]
    assert "NVML" in str(of_gan["joules_per_sample"].reason)

"""Speed, as ratios measured side by side in one run; pytest-benchmark tracks the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch

from aigc_bench import noise
from aigc_bench.core import Batch, FeaturePair, plugins
from aigc_bench.data import digits
from aigc_bench.generators import training
from aigc_bench.metrics.frechet import frechet_distance
from aigc_bench.metrics.kernel import kd
from aigc_bench.metrics.moments import Moments
from aigc_bench.metrics.neighbours import nearest_neighbours
from aigc_bench.noise import few

CPU = torch.device("cpu")


def seconds(call: Callable[[], Any], repeats: int) -> float:
    """Least wall time of a call: what other work on the machine adds is no property of the code."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.slow
def test_frechet_distance_beats_scipy_fivefold_at_full_size() -> None:
    """D = 2048: equal to scipy's matrix square root to 1e-6, and at least five times as fast."""
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(2048, 2048, generator=generator, dtype=torch.float64) / 45
    x = torch.randn(4000, 2048, generator=generator, dtype=torch.float64) @ mixing
    y = torch.randn(4000, 2048, generator=generator, dtype=torch.float64) @ mixing * 1.1 + 0.05
    a, b = Moments.of(x), Moments.of(y)
    root: list[Any] = []
    theirs = seconds(lambda: root.append(scipy.linalg.sqrtm(a.cov.numpy() @ b.cov.numpy())), 1)
    ours = seconds(lambda: frechet_distance(a, b), 5)
    shift = (a.mean - b.mean).numpy()
    expected = shift @ shift + float(a.cov.trace() + b.cov.trace()) - 2 * np.trace(root[0]).real
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    print(f"scipy {theirs:.2f} s, ours {ours:.2f} s: {theirs / ours:.1f} times")
    assert theirs / ours >= 5


def test_few_numbers_are_made_by_the_operations_that_start_fastest(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 words of one seed and of 64: as the few, and as the many are; the same bits."""
    for num, least in ((1, 6.0), (64, 1.5)):
        seeds = torch.arange(num)
        draw = partial(noise.words, seeds, 100)
        found, ours = draw(), seconds(draw, 200)
        with monkeypatch.context() as patch:
            patch.setattr(few, "FEW", 0)
            assert torch.equal(draw(), found)
            theirs = seconds(draw, 200)
        print(f"{num}: as the many {1e6 * theirs:.0f} µs, as the few {1e6 * ours:.0f} µs: {theirs / ours:.1f} times")
        assert theirs / ours >= least


def test_noise(benchmark: Any) -> None:
    """100,000 normals of 1,000 seeds."""
    benchmark(noise.normal, torch.arange(1000), 100)


def test_kernel_distance(benchmark: Any, pair: FeaturePair) -> None:
    """Exact, all pairs of 300 and 260."""
    benchmark(kd.compute, pair)


def test_neighbour_sweep(benchmark: Any) -> None:
    """2,000 against 2,000 of 64 dimensions, k = 5."""
    x = torch.randn(2000, 64, generator=torch.Generator().manual_seed(0))
    benchmark(nearest_neighbours, x, x, 5)


@pytest.mark.parametrize("name", ["gan", "dcgan", "vae"])
def test_sampling(benchmark: Any, name: str) -> None:
    """64 samples of 8 × 8."""
    generator = plugins.load("generator", name)(digits.build().spec, device=CPU)
    benchmark(generator.sample, torch.arange(64))


@pytest.mark.parametrize("name", ["gan", "dcgan", "vae"])
def test_a_training_step(benchmark: Any, name: str) -> None:
    """Batch 64 of 8 × 8."""
    data = digits.build()
    generator = plugins.load("generator", name)(data.spec, device=CPU)
    steps = generator.fit(training.batches(Batch(data.fit.loaded().samples), 64, seed=0), seed=0)
    benchmark(next, steps)

"""Random numbers and statistics on CUDA are those of a CPU."""

from __future__ import annotations

import pytest
import torch
from metrics_kit import OF_FEATURES, assert_near, outcome, pair, statistics_pair

from aigc_bench import noise
from aigc_bench.core import FeaturePair, Metric, StatisticsPair
from aigc_bench.metrics.frechet import influences
from aigc_bench.noise import tensors

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SEEDS = torch.tensor([0, 1, -1, 2**62, -(2**63), 0x12345678_9ABCDEF0])


@pytest.mark.parametrize("stream", [0, 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize("num", [1, 4, 7, 101, 3000])
def test_words_have_the_same_bits(num: int, stream: int) -> None:
    """By the kernels, and by tensor operations, which serve where there is no Triton."""
    expected = noise.words(SEEDS, num, stream)
    assert torch.equal(noise.words(SEEDS.to(CUDA), num, stream).cpu(), expected)
    assert torch.equal(tensors.words(SEEDS.to(CUDA), num, stream).cpu(), expected)


@pytest.mark.parametrize("num", [1, 2, 7, 100, 3001])
def test_normals_are_a_cpu_s_but_for_rounding(num: int) -> None:
    """And repeat to the bit, whatever the batch."""
    found = noise.normal(SEEDS.to(CUDA), num, 5)
    torch.testing.assert_close(found.cpu(), noise.normal(SEEDS, num, 5), rtol=1e-6, atol=1e-7)
    assert torch.equal(torch.cat([noise.normal(seed[None], num, 5) for seed in SEEDS.to(CUDA)]), found)


def test_the_kernels_are_used() -> None:
    """Triton comes with torch's builds for CUDA."""
    assert noise._kernels(SEEDS.to(CUDA)) is not None


@pytest.mark.parametrize("shape", [(2100, 2300, 16), (200, 300, 400), (5000, 4000, 256)], ids=str)
@pytest.mark.parametrize("metric", OF_FEATURES, ids=lambda metric: metric.name)
def test_metrics_are_a_cpu_s(metric: Metric[FeaturePair], shape: tuple[int, int, int]) -> None:
    """With their error bars."""
    expected, found = (outcome(metric, pair(place, *shape)) for place in (CPU, CUDA))
    if isinstance(expected, str):
        assert found == expected
    else:
        assert_near(found, expected)


@pytest.mark.parametrize("metric", [m.of_statistics for m in OF_FEATURES if m.of_statistics], ids=lambda m: m.name)
def test_metrics_of_moments_too(metric: Metric[StatisticsPair]) -> None:
    """Of published ones."""
    there, here = (metric.compute(statistics_pair(metric.evidence, place)) for place in (CUDA, CPU))
    assert_near(there, here)


def test_influences_too() -> None:
    """Of each sample on the Fréchet distance."""
    pairs = [pair(place, 500, 300, 16) for place in (CUDA, CPU)]
    there, here = (influences(one.real, one.fake.pool).cpu() for one in pairs)
    torch.testing.assert_close(there, here, rtol=1e-7, atol=1e-7)

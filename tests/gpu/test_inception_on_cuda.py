"""Inception's features on CUDA: a CPU's in fp32, and as close as their bits allow in the other precisions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_bench.core import SampleSpec
from aigc_bench.modalities.image.extractors import inception

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
ERRORS = {"fp32": 1e-3, "tf32": 0.3, "fp16": 0.3, "bf16": 1.5}
"""root mean square of the differences, in mean standard deviations of a pooled feature"""


@pytest.fixture(scope="module")
def batch() -> Tensor:
    """48 images of noise of one to eight pixels' grain, (48, 3, 32, 32) uint8."""
    generator = torch.Generator().manual_seed(1)
    noise = [torch.rand(12, 3, 32 // grain, 32 // grain, generator=generator) for grain in (1, 2, 4, 8)]
    return torch.cat([F.interpolate(z, (32, 32)) for z in noise]).mul(255).round().to(torch.uint8)


def built(device: torch.device, weights: Path, precision: inception.Precision) -> inception.InceptionFeatures:
    """On random weights."""
    return inception.build(SampleSpec("image", (3, 32, 32)), device=device, weights=str(weights), precision=precision)


@pytest.fixture(scope="module")
def expected(batch: Tensor, weights: Path) -> Tensor:
    """A CPU's."""
    return built(CPU, weights, "fp32")(batch).pool


@pytest.mark.parametrize("precision", list(ERRORS))
def test_features_are_as_close_as_their_bits(
    precision: inception.Precision, batch: Tensor, expected: Tensor, weights: Path
) -> None:
    """Of every precision; the same call gives the same bits."""
    extractor = built(CUDA, weights, precision)
    found = extractor(batch.to(CUDA)).pool
    assert found.device.type == "cuda"
    error = float((found.cpu() - expected).square().mean().sqrt() / expected.std(0).mean())
    print(f"{precision}: {error:.2g}")
    assert error < ERRORS[precision]
    assert torch.equal(extractor(batch.to(CUDA)).pool, found)


def test_the_batch_changes_nothing_but_rounding(batch: Tensor, expected: Tensor, weights: Path) -> None:
    """And what is filled up does not count."""
    extractor = built(CUDA, weights, "fp32")
    whole = extractor(batch.to(CUDA)).pool
    extractor.batch_size = 16
    torch.testing.assert_close(extractor(batch.to(CUDA)).pool, whole, rtol=1e-3, atol=float(1e-3 * expected.std()))

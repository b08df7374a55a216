"""The extractor `inception` against the code of torch-fidelity and pytorch-fid, on the same random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_bench.core import Features, SampleSpec
from aigc_bench.modalities.image.extractors import inception
from aigc_bench.modalities.image.extractors.resize import Kernel

pytestmark = pytest.mark.filterwarnings("ignore")  # the peers' own

ROUNDING = 1e-4
"""float32 rounding over 48 layers on both sides, as a share of the largest feature or logit; measured: 4e-5, the
peers' own distance from float64 being 3e-5 and ours 2e-5"""


@pytest.fixture(scope="module")
def batch() -> Tensor:
    """Sixteen images of noise of one to eight pixels' grain, (16, 3, 32, 32) uint8."""
    generator = torch.Generator().manual_seed(1)
    noise = [torch.rand(4, 3, 32 // grain, 32 // grain, generator=generator) for grain in (1, 2, 4, 8)]
    return torch.cat([F.interpolate(z, (32, 32)) for z in noise]).mul(255).round().to(torch.uint8)


def ours(batch: Tensor, weights: Path, kernel: Kernel) -> Features:
    """What is compared."""
    spec = SampleSpec("image", (3, 32, 32))
    return inception.build(spec, device=torch.device("cpu"), weights=str(weights), resize=kernel)(batch)


def share(found: Tensor | None, expected: Tensor) -> float:
    """The largest difference as a share of the largest value."""
    assert found is not None
    return float((found.double() - expected.double()).abs().max() / expected.abs().max())


def test_torch_fidelity_agrees(torch_fidelity: Any, random_weights: Path, batch: Tensor) -> None:
    """Features and logits without bias, its own resizing included."""
    blocks = torch_fidelity.feature_extractor_inceptionv3
    peer = blocks.FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], str(random_weights))
    with torch.inference_mode():
        pool, logits = peer(batch)
    found = ours(batch, random_weights, "tf1-bilinear")
    assert share(found.pool, pool) <= ROUNDING
    assert share(found.logits, logits) <= ROUNDING


def test_pytorch_fid_agrees(pytorch_fid: Any, random_weights: Path, batch: Tensor) -> None:
    """Features, its own resizing and scaling included."""
    with torch.inference_mode():
        (pool,) = pytorch_fid.InceptionV3([3]).eval()(batch.float() / 255)
    assert share(ours(batch, random_weights, "torch-bilinear").pool, pool[:, :, 0, 0]) <= ROUNDING

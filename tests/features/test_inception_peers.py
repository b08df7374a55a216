"""The extractor `inception` against the code of torch-fidelity and pytorch-fid, on the same random weights."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_bench.core import Features, SampleSpec
from aigc_bench.features import inception
from aigc_bench.features.inception_layout import variance_preserving_weights
from aigc_bench.features.resize import Kernel

pytestmark = pytest.mark.filterwarnings("ignore")  # the peers' own

ROUNDING = 1e-4
"""float32 rounding over 48 layers on both sides, as a share of the largest feature or logit; measured: 4e-5, the
peers' own distance from float64 being 3e-5 and ours 2e-5"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the peers' file format."""
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(variance_preserving_weights(0), path)
    return path


@pytest.fixture
def blocks(torch_fidelity: Any) -> Any:
    """torch-fidelity's module of the network."""
    return torch_fidelity.feature_extractor_inceptionv3


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


def test_torch_fidelity_agrees(blocks: Any, weights: Path, batch: Tensor) -> None:
    """Features and logits without bias, its own resizing included."""
    peer = blocks.FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], str(weights))
    with torch.inference_mode():
        pool, logits = peer(batch)
    found = ours(batch, weights, "tf1-bilinear")
    assert share(found.pool, pool) <= ROUNDING
    assert share(found.logits, logits) <= ROUNDING


def test_pytorch_fid_agrees(blocks: Any, weights: Path, batch: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features, its own resizing and scaling included."""
    if importlib.util.find_spec("pytorch_fid") is None:
        pytest.skip("pytorch-fid is not installed")
    # Its blocks derive from torchvision's, which have the same layers as torch-fidelity's.
    network = blocks.FeatureExtractorInceptionV3("inception", ["2048"], str(weights))
    names = {"InceptionA": blocks.InceptionA, "InceptionC": blocks.InceptionC, "InceptionE": blocks.InceptionE_1}
    torchvision = types.ModuleType("torchvision")
    models = types.SimpleNamespace(inception=types.SimpleNamespace(**names), inception_v3=lambda **_: network)
    vars(torchvision).update(__version__="0.20.0", models=models)
    monkeypatch.setitem(sys.modules, "torchvision", torchvision)
    monkeypatch.delitem(sys.modules, "pytorch_fid.inception", raising=False)
    peer = importlib.import_module("pytorch_fid.inception")
    monkeypatch.setattr(peer, "load_state_dict_from_url", lambda *_, **__: torch.load(weights))
    with torch.inference_mode():
        (pool,) = peer.InceptionV3([3]).eval()(batch.float() / 255)
    assert share(ours(batch, weights, "torch-bilinear").pool, pool[:, :, 0, 0]) <= ROUNDING

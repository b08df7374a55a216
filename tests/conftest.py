"""What several test files need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from aigc_bench.core import FeaturePair, Features


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets, or a skip."""
    folder = Path(os.environ.get("AIGC_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "mnist").is_dir():
        pytest.skip("MNIST is not here: set AIGC_BENCH_DATA to a folder that holds mnist/")
    return folder


@pytest.fixture
def pair() -> FeaturePair:
    """300 real and 260 generated heavy-tailed features of 12 dimensions, ten logits each."""
    generator = torch.Generator().manual_seed(3)

    def features(num: int, shift: float) -> Features:
        z = torch.randn(num, 12, generator=generator)
        scale = torch.rand(num, 1, generator=generator) + 0.5
        return Features(z * scale + shift, 3 * torch.randn(num, 10, generator=generator))

    return FeaturePair(features(300, 0.0), features(260, 0.4), "made", "0" * 64)

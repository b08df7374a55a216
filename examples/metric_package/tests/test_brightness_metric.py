"""The metric against a case whose answer is known."""

from __future__ import annotations

import pytest
import torch
from brightness_metric import brightness_gap

from aigc_bench.core import FeaturePair, Features


def test_a_known_shift_is_measured() -> None:
    """Samples that are brighter by 0.1, feature by feature, have a gap of 0.1."""
    real = torch.rand(200, 16, generator=torch.Generator().manual_seed(0))
    estimate = brightness_gap.compute(FeaturePair(Features(real), Features(real + 0.1), "pixels", "digest"))
    assert estimate.value == pytest.approx(0.1, abs=1e-6)
    assert estimate.low < 0.1 < estimate.high

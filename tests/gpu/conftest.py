"""What needs a GPU of NVIDIA: skipped, with this reason, where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aigc_bench.modalities.image.extractors.inception_layout import variance_preserving_weights

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip all of this folder at once."""
    if not torch.cuda.is_available():
        reason = "no CUDA device here; experiments/gpu.py runs these where there is one"
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random ones of Inception, in the published layout."""
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(variance_preserving_weights(0), path)
    return path

"""The degradations of the report on quality are what their names say."""

from __future__ import annotations

import pytest
import torch
from degradations import OF_IMAGES, collapsed, jittered, quantised, without_class

from aigc_bench.core import Features
from aigc_bench.data import digits


@pytest.mark.parametrize("name", OF_IMAGES)
def test_images_stay_images_and_change_a_little(name: str) -> None:
    """Of the same type and shape, and by less than a tenth of full scale on average."""
    images = digits.build().holdout.loaded().samples[:50]
    found = OF_IMAGES[name](images)
    assert found.dtype == torch.uint8
    assert found.shape == images.shape
    assert 0 < float((found.float() - images.float()).abs().mean()) < 25.5


def test_a_jitter_is_one_level_at_most() -> None:
    """And repeats by its seed."""
    images = digits.build().holdout.loaded().samples[:50]
    found = jittered(images, 3)
    assert int((found.int() - images.int()).abs().max()) == 1
    assert torch.equal(found, jittered(images, 3))


def test_a_dropped_class_is_gone_and_nothing_else_moves() -> None:
    """What stands in its place are fresh samples, each once."""
    logits = torch.eye(10).repeat(20, 1)
    features = Features(torch.arange(200.0)[:, None], logits)
    spare = Features(1000 + torch.arange(60.0)[:, None], torch.eye(10).repeat(6, 1))
    found = without_class(features, spare, 3)
    assert found.logits is not None
    assert not (found.logits.argmax(1) == 3).any()
    kept = logits.argmax(1) != 3
    assert torch.equal(found.pool[kept], features.pool[kept])
    assert len(found.pool.unique()) == 200


def test_a_collapse_gives_ten_samples_for_a_tenth_of_the_seeds() -> None:
    """The other seeds keep theirs."""
    rows = collapsed(10_000, 0.1)
    gone = rows != torch.arange(10_000)
    assert float(gone.float().mean()) == pytest.approx(0.1, abs=0.01)
    assert len(rows[gone].unique()) == 10


def test_weights_have_as_many_values_as_bits_allow() -> None:
    """Matrices alone; biases stay."""
    state = {"net": {"weight": torch.randn(30, 40), "bias": torch.randn(30)}, "step": 7}
    found = quantised(state, 4)
    assert len(found["net"]["weight"].unique()) <= 15
    assert torch.equal(found["net"]["bias"], state["net"]["bias"])
    assert found["step"] == 7

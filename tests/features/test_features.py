"""The shipped classifiers are as accurate as promised, and do not see the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aigc_bench.core import Batch, SampleSpec
from aigc_bench.data import digits, idx
from aigc_bench.errors import ConfigurationError
from aigc_bench.features import classifier, pixels

CPU = torch.device("cpu")


def accuracy(extractor: classifier.ClassifierFeatures, data: Batch) -> float:
    """Share of samples classified as labelled."""
    logits = extractor(data.samples).logits
    assert logits is not None
    assert data.labels is not None
    return float((logits.argmax(1) == data.labels).double().mean())


def test_digits_cnn_is_right_on_what_it_never_saw() -> None:
    """At least 98 % on reference and holdout."""
    data = digits.build()
    extractor = classifier.build_digits_cnn(data.spec, device=CPU)
    assert accuracy(extractor, data.reference) >= 0.98
    assert accuracy(extractor, data.holdout) >= 0.98


def test_mnist_cnn_is_right_on_the_test_set(real_data: Path) -> None:
    """At least 99.2 % on the 10,000 test images."""
    data = idx.build_mnist(data_dir=real_data)
    assert accuracy(classifier.build_mnist_cnn(data.spec, device=CPU), data.holdout) >= 0.992


@pytest.mark.parametrize("name", ["digits-cnn", "mnist-cnn"])
def test_weights_are_small(name: str) -> None:
    """Below 1 MB each, as shipped."""
    assert classifier.weights_path(name).stat().st_size < 1_000_000


def test_features_do_not_depend_on_the_batch() -> None:
    """A sample alone has the features it has among 700, to float rounding."""
    data = digits.build()
    extractor = classifier.build_digits_cnn(data.spec, device=CPU)
    together = extractor(data.fit.samples[:700]).pool
    alone = torch.cat([extractor(data.fit.samples[i : i + 1]).pool for i in (0, 3, 699)])
    torch.testing.assert_close(alone, together[[0, 3, 699]], rtol=1e-5, atol=1e-5)


def test_other_images_are_refused() -> None:
    """The message says what the extractor takes, and what takes any image."""
    with pytest.raises(ConfigurationError, match=r"expects images of shape \(1, 28, 28\).*'pixels'"):
        classifier.build_mnist_cnn(SampleSpec("image", (3, 32, 32)), device=CPU)


def test_pixels_are_scaled_and_flat() -> None:
    """0 and 255 become 0 and 1."""
    batch = torch.tensor([0, 255], dtype=torch.uint8).reshape(1, 1, 1, 2)
    extractor = pixels.build(SampleSpec("image", (1, 1, 2)), device=CPU)
    assert extractor(batch).pool.tolist() == [[0.0, 1.0]]

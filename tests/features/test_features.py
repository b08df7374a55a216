"""The shipped classifiers are as accurate as promised, and do not see the batch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from aigc_bench.core import Batch, SampleSpec, plugins
from aigc_bench.core.errors import ConfigurationError, DataError
from aigc_bench.data import digits, idx
from aigc_bench.modalities.image.extractors import classifier, pixels

CPU = torch.device("cpu")
BUILDERS = {"digits-cnn": classifier.build_digits_cnn, "mnist-cnn": classifier.build_mnist_cnn}


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
    """Below 1 MB each, as shipped, with a note of where they come from."""
    path = classifier.weights_path(name)
    assert path.stat().st_size < 1_000_000
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["about"])
    assert about["script"] == "reports/train_extractors.py"
    assert about["holdout_accuracy"] >= 0.98


def test_digits_cnn_was_fitted_on_today_s_split() -> None:
    """Were the data split anew, the extractor would have seen the reference: the weights name their data."""
    with safe_open(classifier.weights_path("digits-cnn"), "pt") as file:
        assert json.loads(file.metadata()["about"])["data_digest"] == digits.build().digest


def test_features_do_not_depend_on_the_batch() -> None:
    """To the bit where a sample keeps its place in the micro-batch, to float rounding elsewhere."""
    data = digits.build()
    extractor = classifier.build_digits_cnn(data.spec, device=CPU)
    together = extractor(data.fit.loaded().samples[:700]).pool
    assert together.shape == (700, classifier.NUM_FEATURES)
    for num in (1, 63, 512, 513):
        assert torch.equal(extractor(data.fit.loaded().samples[:num]).pool, together[:num])
    alone = torch.cat([extractor(data.fit.loaded().samples[i : i + 1]).pool for i in (3, 511, 699)])
    torch.testing.assert_close(alone, together[[3, 511, 699]], rtol=1e-5, atol=1e-5)
    assert extractor(data.fit.loaded().samples[:0]).pool.shape == (0, classifier.NUM_FEATURES)


@pytest.mark.parametrize("name", ["digits-cnn", "mnist-cnn"])
def test_folding_the_batch_norms_changes_nothing(name: str) -> None:
    """The shipped network in evaluation mode, as it was trained, is the reference."""
    shape, width = classifier.SHAPES[name]
    network = classifier.Network(shape, width).eval()
    network.load_state_dict(load_file(classifier.weights_path(name)))
    batch = torch.randint(0, 256, (40, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = BUILDERS[name](SampleSpec("image", shape), device=CPU)(batch)
    assert found.logits is not None
    with torch.inference_mode():
        pool, logits = network(batch.float() / 127.5 - 1)
    torch.testing.assert_close(found.pool, pool, rtol=1e-4, atol=1e-4)  # float32 over five layers
    torch.testing.assert_close(found.logits, logits, rtol=1e-4, atol=1e-4)


def test_digests_tell_extractors_apart() -> None:
    """SHA-256 each, and no two alike."""
    found = {BUILDERS[name](SampleSpec("image", classifier.SHAPES[name][0]), device=CPU).digest for name in BUILDERS}
    found.add(pixels.build(SampleSpec("image", (1, 8, 8)), device=CPU).digest)
    assert len(found) == 3
    assert all(len(digest) == 64 for digest in found)


@pytest.mark.parametrize("name", sorted(plugins.installed("features")))
def test_every_installed_extractor_keeps_the_contract(name: str) -> None:
    """One finite float32 row per sample, which depends on that sample alone; none for none; a name and a SHA-256."""
    shape = classifier.SHAPES.get(name, ((3, 8, 8), 0))[0]
    try:
        extractor = plugins.load("features", name)(SampleSpec("image", shape), device=CPU)
    except DataError as error:
        pytest.skip(f"its weights are not here: {error}")
    batch = torch.randint(0, 256, (5, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found, reversed_ = extractor(batch), extractor(batch.flip(0))
    for features, others in ((found.pool, reversed_.pool), (found.logits, reversed_.logits)):
        if features is not None:
            assert (features.dtype, features.ndim, len(features)) == (torch.float32, 2, 5)
            assert bool(torch.isfinite(features).all())
            torch.testing.assert_close(features.flip(0), others, rtol=1e-4, atol=1e-4)
    assert extractor(batch[:0]).pool.shape == (0, found.pool.shape[1])
    assert extractor.name.startswith(name)
    assert len(extractor.digest) == 64


def test_other_images_are_refused() -> None:
    """The message says what the extractor takes, and what takes any image."""
    with pytest.raises(
        ConfigurationError, match=r"expects images of shape \(1, 28, 28\), got .*\(3, 32, 32\).*'pixels'"
    ):
        classifier.build_mnist_cnn(SampleSpec("image", (3, 32, 32)), device=CPU)


def test_pixels_are_scaled_and_flat() -> None:
    """0 and 255 become 0 and 1."""
    batch = torch.tensor([0, 255], dtype=torch.uint8).reshape(1, 1, 1, 2)
    extractor = pixels.build(SampleSpec("image", (1, 1, 2)), device=CPU)
    assert extractor(batch).pool.tolist() == [[0.0, 1.0]]
    with pytest.raises(ConfigurationError, match="expects images, got audio"):
        pixels.build(SampleSpec("audio", (100,), 8000), device=CPU)

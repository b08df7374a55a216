"""Everything is computed where its data lie, on devices that this machine does not have, too.

Under FakeTensorMode tensors have a place and a shape, and no values; an operation of two places raises, as on a GPU.
The other place is called "meta": torch without CUDA refuses to index what is said to lie on "cuda". What asks for
values (losses, neighbours) cannot be tested so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from aigc_bench import noise
from aigc_bench.core import SampleSpec, plugins
from aigc_bench.modalities.image.extractors import inception, resize
from aigc_bench.modalities.image.extractors.inception_layout import variance_preserving_weights

ELSEWHERE = torch.device("meta")
SPEC = SampleSpec("image", (1, 28, 28))
SEEDS = torch.arange(3, device=ELSEWHERE)


def images(*shape: int) -> Tensor:
    """Without values."""
    return torch.zeros(shape, dtype=torch.uint8, device=ELSEWHERE)


@pytest.fixture
def fake() -> Iterator[FakeTensorMode]:
    """What is built before it is entered has a place, too; nothing fake is left in the caches."""
    resize.matrix.cache_clear()
    yield FakeTensorMode(allow_non_fake_inputs=True)
    resize.matrix.cache_clear()


def test_a_mixture_is_seen(fake: FakeTensorMode) -> None:
    """Else the tests below could not fail."""
    x = torch.zeros(3, 4, device=ELSEWHERE)
    for mixed in (lambda: x @ torch.zeros(4, 5), lambda: torch.cat([x, torch.zeros(3, 4)]), lambda: x + torch.zeros(4)):
        with fake, pytest.raises(RuntimeError, match="device"):
            mixed()


@pytest.mark.parametrize("draw", [noise.words, noise.uniform, noise.normal])
def test_noise_is_made_where_the_seeds_are(draw: Callable[[Tensor, int], Tensor], fake: FakeTensorMode) -> None:
    """And integers."""
    with fake:
        assert draw(SEEDS, 5).device == ELSEWHERE
        assert draw(torch.arange(3), 5).device.type == "cpu"
        assert noise.integers(SEEDS, 5, 7).device == ELSEWHERE


@pytest.mark.parametrize("name", ["gan", "dcgan", "vae", "gaussian", "noise"])
def test_generators_work_where_they_were_built(name: str, fake: FakeTensorMode) -> None:
    """Samples, and what else they can."""
    generator, batch = plugins.load("generator", name)(SPEC, device=ELSEWHERE), images(3, *SPEC.shape)
    with fake:
        assert generator.sample(SEEDS).device == ELSEWHERE
        for ability in ("reconstruct", "log_prob"):
            if hasattr(generator, ability):
                assert getattr(generator, ability)(batch).device == ELSEWHERE


@pytest.mark.parametrize("name", ["digits-cnn", "mnist-cnn", "pixels"])
def test_extractors_work_where_they_were_built(name: str, fake: FakeTensorMode) -> None:
    """Features and logits."""
    spec = SampleSpec("image", (1, 8, 8)) if name == "digits-cnn" else SPEC
    extractor, batch = plugins.load("features", name)(spec, device=ELSEWHERE), images(4, *spec.shape)
    with fake:
        found = extractor(batch)
    assert {value.device for value in tensors_of(found)} == {ELSEWHERE}


@pytest.mark.parametrize("kernel", ["tf1-bilinear", "torch-bilinear", "pil-bicubic-float"])
@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16", "bf16"])
def test_inception_resizes_and_sees_where_it_was_built(
    kernel: resize.Kernel, precision: inception.Precision, weights: Path, fake: FakeTensorMode
) -> None:
    """By every kernel, in every precision, from every size."""
    extractor = inception.build(
        SampleSpec("image", (3, 32, 32)), device=ELSEWHERE, weights=str(weights), resize=kernel, precision=precision
    )
    batches = images(2, 3, 32, 32), images(2, 1, 301, 20), images(2, 3, 299, 299)
    with fake:
        for batch in batches:
            assert {value.device for value in tensors_of(extractor(batch))} == {ELSEWHERE}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random ones in the published layout."""
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(variance_preserving_weights(0), path)
    return path


def tensors_of(features: object) -> list[Tensor]:
    """Its tensors."""
    values = [getattr(features, name) for name in ("pool", "logits", "spatial") if hasattr(features, name)]
    return [value for value in values if value is not None]

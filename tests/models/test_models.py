"""Every installed generator keeps the contract; the trainable ones resume to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from aigc_bench.core import Batch, SampleSpec, Trainable, plugins
from aigc_bench.core.errors import ConfigurationError
from aigc_bench.core.suites import Budget
from aigc_bench.data import digits
from aigc_bench.generators import training
from aigc_bench.testing import check_generator
from aigc_bench_models.vae import log_likelihood

CPU = torch.device("cpu")
TRAINABLE = ["gan", "dcgan", "vae"]


def build(name: str, shape: tuple[int, ...], seed: int = 0) -> Any:
    """A fresh generator by its entry point."""
    with training.seeded(seed):
        return plugins.load("generator", name)(SampleSpec("image", shape), device=CPU)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 10, 13)])
@pytest.mark.parametrize("name", sorted(plugins.installed("generator")))
def test_every_installed_generator_keeps_the_contract(name: str, shape: tuple[int, ...]) -> None:
    """A seed names a sample, for grey and colour images whose sides are no powers of two."""
    check_generator(build(name, shape))


@pytest.mark.parametrize("name", TRAINABLE)
def test_resumed_training_equals_training_that_never_stopped(name: str, tmp_path: Path) -> None:
    """12 steps in one go, and 5 + 7 with everything rebuilt from the checkpoint in between: the same bits."""
    data = digits.build().fit

    def fitted(steps: int, checkpoint: Path) -> Trainable:
        with training.seeded(4):
            generator: Any = build(name, (1, 8, 8), seed=4)
            training.fit(generator, data, training.Plan(Budget(steps=steps), 64, 4, checkpoint))
        return generator

    whole = fitted(12, tmp_path / "a")
    fitted(5, tmp_path / "b")
    resumed = fitted(12, tmp_path / "b")
    seeds = torch.arange(32)
    assert torch.equal(whole.sample(seeds), resumed.sample(seeds))  # type: ignore[attr-defined]
    # Weights, optimisers, averages, random state and step: everything but the clock.
    states = [safetensors.torch.load_file(tmp_path / name) for name in "ab"]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def test_a_dcgan_told_the_labels_makes_what_it_is_asked_for() -> None:
    """Two classes, black and white images: after few steps each label gives its own."""
    labels = torch.arange(512) % 2
    data = Batch((labels * 255).to(torch.uint8)[:, None, None, None].expand(-1, 1, 8, 8).contiguous(), labels)
    with training.seeded(0):
        dcgan = plugins.load("generator", "dcgan")(SampleSpec("image", (1, 8, 8)), device=CPU, num_classes=2, ema=0.9)
        for _ in dcgan.fit(iter([data] * 30), seed=0):
            pass
    check_generator(dcgan)
    seeds = torch.arange(16)
    black, white = (dcgan.sample(seeds, torch.full((16,), label)).float().mean() for label in (0, 1))
    assert float(white - black) > 100


@pytest.mark.parametrize(("labels", "reason"), [(None, "have no labels"), (torch.tensor([0, 3]), "have label 3")])
def test_a_dcgan_refuses_other_labels_than_it_was_told_of(labels: torch.Tensor | None, reason: str) -> None:
    """Before the first step, with the way out."""
    dcgan = plugins.load("generator", "dcgan")(SampleSpec("image", (1, 8, 8)), device=CPU, num_classes=3)
    batch = Batch(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), labels)
    with pytest.raises(ConfigurationError, match=f"num_classes = 3, but the data {reason}"):
        next(dcgan.fit(iter([batch]), seed=0))


@pytest.mark.parametrize("name", TRAINABLE)
def test_models_refuse_what_is_no_image(name: str) -> None:
    """The message names the model and what came."""
    with pytest.raises(ConfigurationError, match=f"{name} makes images.*got text"):
        plugins.load("generator", name)(SampleSpec("text", (64,)), device=CPU)


def test_the_discretised_likelihood_sums_to_one() -> None:
    """The masses of the 256 levels of every pixel, for random mixtures, sharp and wide."""
    parameters = 3 * torch.randn(1, 3, 4, 5, generator=torch.Generator().manual_seed(0)).double()
    for pixel in range(5):
        levels = torch.arange(256, dtype=torch.uint8)[:, None]
        one = parameters[:, :, :, pixel : pixel + 1].expand(256, -1, -1, -1)
        assert float(log_likelihood(levels, one).exp().sum()) == pytest.approx(1, abs=1e-9)


def test_the_importance_weighted_bound_tightens_with_samples() -> None:
    """Burda et al., theorem 1: on average more samples never loosen the bound."""
    data = digits.build()
    bounds = []
    for num in (1, 32):
        with training.seeded(0):
            vae = plugins.load("generator", "vae")(data.spec, device=CPU, importance_samples=num)
        bounds.append(float(vae.log_prob(data.holdout.loaded().samples[:200]).mean()))
    assert bounds[1] > bounds[0]

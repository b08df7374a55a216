"""What every modality has to keep, on the images that ship with the package; and which modality opens a source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from aigc_bench.core import SampleSpec
from aigc_bench.core.errors import ConfigurationError
from aigc_bench.modalities import modality
from aigc_bench.modalities.image.modality import image

SPECS = [SampleSpec("image", (1, 8, 8)), SampleSpec("image", (3, 16, 12))]


def smooth(spec: SampleSpec) -> Tensor:
    """(5, C, H, W) uint8 ramps, unlike in every channel and along both axes."""
    channels, height, width = spec.shape
    y, x = torch.arange(height)[:, None] * (200 // height), torch.arange(width) * (50 // width)
    ramp = (y + x)[None] + 5 * torch.arange(channels)[:, None, None]
    return (ramp[None] + torch.arange(5)[:, None, None, None]).to(torch.uint8)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_noise_is_canonical_and_named_by_its_seeds(spec: SampleSpec) -> None:
    """Of the right type and shape, the same for the same seed, in whatever order."""
    seeds = torch.tensor([4, 9, 4])
    samples = spec.check(image.noise(seeds, spec), 3)
    assert torch.equal(samples[0], samples[2])
    assert not torch.equal(samples[0], samples[1])


@pytest.mark.parametrize("name", sorted(image.corruptions))
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_corruption_gives_samples_that_get_worse_with_its_strength(spec: SampleSpec, name: str) -> None:
    """Canonical ones; hardly changed at strength 0, so that channels and axes are where they were."""
    samples = smooth(spec)
    changes = []
    for strength in (0.0, 0.3, 1.0):
        worse = spec.check(image.corruptions[name](samples, strength), len(samples))
        changes.append(float((worse.double() - samples.double()).abs().mean()))
    assert changes[0] < 1.5  # grey levels
    assert changes[0] < changes[1] < changes[2]


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_sheet_is_a_picture_and_knows_what_is_equal(spec: SampleSpec) -> None:
    """A PNG; equal sheets are the same to the bit; no reconstruction error without a difference."""
    samples = smooth(spec)
    sheet = image.sheet(list(samples))
    assert torch.equal(sheet, samples)
    assert image.picture(sheet, 2, None).startswith(b"\x89PNG")
    assert image.difference(sheet, sheet) == "the same to the bit"
    assert "differ" in image.difference(sheet, 255 - sheet)
    assert float(image.pairwise_errors(samples, samples).squared.max()) == 0


def claims(wanted: str) -> Callable[[object], bool]:
    """Sources that are named so."""
    return lambda source: source == wanted


def test_a_source_is_opened_by_whoever_claims_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default one where nobody does; where two do, nothing is guessed."""
    known = {
        "image": image,
        "a": replace(image, name="a", is_default=False, claims=claims("x")),
        "b": replace(image, name="b", is_default=False, claims=lambda source: source in ("x", "y")),
    }
    monkeypatch.setattr(modality.plugins, "installed", lambda kind: known)
    monkeypatch.setattr(modality, "named", known.__getitem__)
    assert modality.claiming("y").name == "b"
    assert modality.claiming("z").name == "image"
    with pytest.raises(ConfigurationError, match=r"several modalities \(a, b\); expected a form that one of them"):
        modality.claiming("x")

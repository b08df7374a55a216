"""For authors of plug-ins: the contract test of generators, and the twenty-line example.

from aigc_bench.testing import check_generator
def test_my_generator():
    check_generator(build(SampleSpec("image", (1, 8, 8)), device=torch.device("cpu")))
"""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_bench import noise
from aigc_bench.core import Generator, Reconstructor, SampleSpec
from aigc_bench.errors import GeneratorError

GREY_LEVELS = 3
"""how far a sample may move with the batch it is drawn in: float rounding before quantisation, not another image"""


class GaussianGenerator:
    """Pixels drawn from one normal distribution: the smallest generator there is."""

    def __init__(self, spec: SampleSpec, device: torch.device, mean: float, std: float) -> None:
        self.spec = spec
        self._device, self._mean, self._std = device, mean, std

    def sample(self, seeds: Tensor) -> Tensor:
        """(N,) int64 => (N, *shape) uint8."""
        z = noise.normal(seeds.to(self._device), self.spec.num_dims)
        pixels = (self._mean + self._std * z).clamp(0, 255).round().to(torch.uint8)
        return pixels.reshape(-1, *self.spec.shape)


def build_gaussian(
    spec: SampleSpec, *, device: torch.device, mean: float = 127.5, std: float = 64.0
) -> GaussianGenerator:
    """Build the example generator; mean and std are grey levels."""
    return GaussianGenerator(spec, device, mean, std)


class NoiseGenerator:
    """Uniform noise over all canonical values: the anchor that every model must beat."""

    def __init__(self, spec: SampleSpec, device: torch.device) -> None:
        self.spec = spec
        self._device = device

    def sample(self, seeds: Tensor) -> Tensor:
        """(N,) int64 => (N, *shape) of the modality's dtype."""
        seeds = seeds.to(self._device)
        if self.spec.dtype == torch.uint8:
            values = noise.integers(seeds, self.spec.num_dims, 256).to(torch.uint8)
        else:
            values = noise.uniform(seeds, self.spec.num_dims) * 2 - 1
        return values.reshape(-1, *self.spec.shape)


def build_noise(spec: SampleSpec, *, device: torch.device) -> NoiseGenerator:
    """Build the noise anchor."""
    return NoiseGenerator(spec, device)


def check_generator(generator: Generator, *, num_samples: int = 9, device: str = "cpu") -> None:
    """Prove that `generator` keeps the contract.

    A seed names a sample: drawing the same seeds again, alone, in another order or in another batch gives the
    same samples (to a few grey levels); unlike seeds give unlike samples.

    Raises:
        GeneratorError: the first broken clause, in words.
    """
    seeds = torch.arange(1, num_samples + 1, device=device) * 7919
    samples = generator.spec.check(generator.sample(seeds), num_samples)
    _same(generator, generator.sample(seeds), samples, "the same seeds, drawn twice, gave other samples")
    order = torch.arange(num_samples - 1, -1, -1, device=device)
    _same(generator, generator.sample(seeds[order]), samples[order], "samples depend on the order of the seeds")
    alone = torch.cat([generator.spec.check(generator.sample(seeds[i : i + 1]), 1) for i in range(3)])
    _same(generator, alone, samples[:3], "a sample depends on the batch it is drawn in")
    if bool((samples[1:] == samples[:1]).all()):
        raise GeneratorError("every seed gave the same sample: expected the sample to depend on its seed")
    if samples.device.type != torch.device(device).type:
        raise GeneratorError(f"expected samples on the seeds' device {device}, got {samples.device}")
    if isinstance(generator, Reconstructor):
        generator.spec.check(generator.reconstruct(samples), num_samples)


def _same(generator: Generator, ours: Tensor, theirs: Tensor, complaint: str) -> None:
    """Within a few grey levels, or a few hundredths of full scale in audio; text to the byte."""
    tolerance = {"image": float(GREY_LEVELS), "text": 0.0, "audio": GREY_LEVELS / 127.5}[generator.spec.modality]
    difference = float((ours.to(torch.float32) - theirs.to(torch.float32)).abs().max())
    if difference > tolerance:
        raise GeneratorError(f"{complaint} (they differ by up to {difference:g}, allowed {tolerance:g})")

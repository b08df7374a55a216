"""The anchor rows, held-out real data and uniform noise, and the smallest generator there is."""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_bench import noise
from aigc_bench.core import SampleSpec
from aigc_bench.modalities.modality import modality_of


class NoiseGenerator:
    """Uniform noise over all canonical values: the anchor that every model must beat."""

    def __init__(self, spec: SampleSpec, device: torch.device) -> None:
        self.spec = spec
        self._device = device

    def sample(self, seeds: Tensor) -> Tensor:
        """(N,) int64 => (N, *shape) of the modality's dtype."""
        return modality_of(self.spec).noise(seeds.to(self._device), self.spec)


def build_noise(spec: SampleSpec, *, device: torch.device) -> NoiseGenerator:
    """Build the noise anchor."""
    return NoiseGenerator(spec, device)


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

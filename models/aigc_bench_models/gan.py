"""The MLP GAN (Goodfellow et al., arXiv 1406.2661), as most tutorials train it, without their two bugs.

Generator 100 → 256 → 512 → 1024 → pixels with batch norm and tanh, data in [-1, 1]; discriminator
pixels → 256 → 128 → one *logit* with dropout. Non-saturating loss, Adam. (A sigmoid before a from-logits loss, and
[0, 1] data for a tanh generator, are the bugs.) Expected: readable digits with speckle, some classes rare.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_bench import noise
from aigc_bench.core import Batch, SampleSpec
from aigc_bench.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Config:
    """What can be changed."""

    latent_dim: int
    """numbers of noise per sample"""
    lr: float
    """Adam's step size, of both networks"""


def generator(latent_dim: int, num_pixels: int) -> nn.Sequential:
    """(N, latent_dim) => (N, pixels) in [-1, 1]."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((latent_dim, 256), (256, 512), (512, 1024)):
        layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(1024, num_pixels), nn.Tanh())


def discriminator(num_pixels: int) -> nn.Sequential:
    """(N, pixels) => (N, 1) logit of being real."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((num_pixels, 256), (256, 128)):
        layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(0.2), nn.Dropout(0.3)]
    return nn.Sequential(*layers, nn.Linear(128, 1))


class GAN:
    """The MLP GAN as a trainable generator."""

    def __init__(self, spec: SampleSpec, device: torch.device, config: Config) -> None:
        self.spec = spec
        self._device, self._config, self._step = device, config, 0
        self._g = generator(config.latent_dim, spec.num_dims).to(device)
        self._d = discriminator(spec.num_dims).to(device)
        self._g_opt, self._d_opt = (
            torch.optim.Adam(net.parameters(), config.lr, betas=(0.5, 0.999), fused=device.type == "cuda" or None)
            for net in (self._g, self._d)
        )

    @property
    def num_parameters(self) -> int:
        """Weights that sampling needs."""
        return sum(weight.numel() for weight in self._g.parameters())

    @torch.inference_mode()
    def sample(self, seeds: Tensor) -> Tensor:
        """(N,) int64 => (N, C, H, W) uint8."""
        pixels: Tensor = self._g.eval()(noise.normal(seeds, self._config.latent_dim))
        return ((pixels + 1) * 127.5).round().to(torch.uint8).reshape(-1, *self.spec.shape)

    def fit(self, batches: Iterator[Batch], *, seed: int) -> Iterator[dict[str, Tensor]]:
        """One step of the discriminator and one of the generator per batch."""
        for batch in batches:
            self._g.train()
            self._d.train()
            real = batch.samples.flatten(1).to(torch.float32) / 127.5 - 1
            fake = self._g(self._latent(len(real), seed))

            real_logit, fake_logit = self._d(real), self._d(fake.detach())
            d_loss = F.softplus(-real_logit).mean() + F.softplus(fake_logit).mean()
            _update(self._d_opt, d_loss)
            # Non-saturating: maximise log D(G(z)) instead of minimising log(1 - D(G(z))).
            g_loss = F.softplus(-self._d(fake)).mean()
            _update(self._g_opt, g_loss)
            self._step += 1
            yield {"discriminator": d_loss.detach(), "generator": g_loss.detach()}

    def _latent(self, num: int, seed: int) -> Tensor:
        """Noise of this step: a function of (seed, step) alone."""
        rows = torch.arange(num, device=self._device) + (self._step << 20)
        return noise.normal(rows, self._config.latent_dim, stream=seed + 1)

    def state_dict(self) -> dict[str, Any]:
        """Networks, optimisers and the step."""
        parts: dict[str, Any] = {"g": self._g, "d": self._d, "g_opt": self._g_opt, "d_opt": self._d_opt}
        return {"step": self._step, **{name: part.state_dict() for name, part in parts.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        parts: dict[str, Any] = {"g": self._g, "d": self._d, "g_opt": self._g_opt, "d_opt": self._d_opt}
        for name, part in parts.items():
            part.load_state_dict(state[name])
        self._step = state["step"]


def _update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def build(spec: SampleSpec, *, device: torch.device, latent_dim: int = 100, lr: float = 2e-4) -> GAN:
    """Build the MLP GAN for images of any shape."""
    if spec.modality != "image" or math.prod(spec.shape) < 2:
        raise ConfigurationError(f"gan makes images, got {spec.modality} of shape {spec.shape}")
    return GAN(spec, device, Config(latent_dim, lr))

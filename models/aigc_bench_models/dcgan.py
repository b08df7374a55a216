"""A small convolutional GAN (Radford et al., arXiv 1511.06434), with what is known to help at this size.

Changed against the paper: the discriminator has no batch norm but an R1 penalty (Mescheder et al., arXiv 1801.04406),
taken every few steps (Karras et al., arXiv 1912.04958, appendix B); samples come from an exponential average of the
generator's weights (Yazıcı et al., arXiv 1806.04498), whose batch-norm statistics are averaged with it.
Expected: clean strokes and all classes, clearly better than `gan` at the same training time.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_bench import noise
from aigc_bench.core import Batch, SampleSpec
from aigc_bench.errors import ConfigurationError

R1_EVERY = 8
"""steps between two penalties, each weighted that much"""


@dataclass(frozen=True, slots=True)
class Config:
    """What can be changed."""

    latent_dim: int
    """numbers of noise per sample"""
    width: int
    """channels at full resolution, doubled at every halving"""
    lr: float
    """Adam's step size, of both networks"""
    r1: float
    """weight of the penalty on the discriminator's squared gradient at real images"""
    ema: float
    """decay of the averaged weights per step, reached after a warm-up"""


class GeneratorNet(nn.Module):
    """(N, latent_dim) => (N, C, H, W) in [-1, 1]: two doublings from a quarter of the size, then a crop."""

    def __init__(self, shape: tuple[int, ...], config: Config) -> None:
        super().__init__()
        channels, self.height, self.width = shape
        self.small = (4 * config.width, math.ceil(self.height / 4), math.ceil(self.width / 4))
        w = config.width
        self.start = nn.Linear(config.latent_dim, math.prod(self.small), bias=False)
        self.body = nn.Sequential(
            nn.BatchNorm2d(4 * w),
            nn.ReLU(),
            nn.ConvTranspose2d(4 * w, 2 * w, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(2 * w),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * w, w, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(w),
            nn.ReLU(),
            nn.Conv2d(w, channels, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Make images."""
        image: Tensor = self.body(self.start(z).reshape(-1, *self.small))
        return image[:, :, : self.height, : self.width]


def discriminator(shape: tuple[int, ...], width: int) -> nn.Sequential:
    """(N, C, H, W) => (N, 1) logit of being real."""
    channels, height, columns = shape
    layers: list[nn.Module] = []
    for inputs, outputs, kernel, stride in (
        (channels, width, 3, 1),
        (width, 2 * width, 4, 2),
        (2 * width, 4 * width, 4, 2),
    ):
        layers += [nn.Conv2d(inputs, outputs, kernel, stride, padding=1), nn.LeakyReLU(0.2)]
    flat = 4 * width * (height // 2 // 2) * (columns // 2 // 2)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 1))


class DCGAN:
    """The convolutional GAN as a trainable generator."""

    def __init__(self, spec: SampleSpec, device: torch.device, config: Config) -> None:
        self.spec = spec
        self._device, self._config, self._step = device, config, 0
        self._g = GeneratorNet(spec.shape, config).to(device)
        self._d = discriminator(spec.shape, config.width).to(device)
        self._ema = copy.deepcopy(self._g).requires_grad_(False).eval()
        self._g_opt = torch.optim.Adam(self._g.parameters(), config.lr, betas=(0.5, 0.999))
        self._d_opt = torch.optim.Adam(self._d.parameters(), config.lr, betas=(0.5, 0.999))

    @property
    def num_parameters(self) -> int:
        """Weights that sampling needs."""
        return sum(weight.numel() for weight in self._ema.parameters())

    @torch.inference_mode()
    def sample(self, seeds: Tensor) -> Tensor:
        """(N,) int64 => (N, C, H, W) uint8, from the averaged weights."""
        pixels: Tensor = self._ema(noise.normal(seeds, self._config.latent_dim))
        return ((pixels + 1) * 127.5).round().to(torch.uint8).contiguous()

    def fit(self, batches: Iterator[Batch], *, seed: int) -> Iterator[dict[str, float]]:
        """One step of the discriminator and one of the generator per batch."""
        for batch in batches:
            self._g.train()
            self._d.train()
            real = batch.samples.to(torch.float32) / 127.5 - 1
            fake = self._g(self._latent(len(real), seed))

            d_loss = F.softplus(-self._d(real)).mean() + F.softplus(self._d(fake.detach())).mean()
            penalised = d_loss
            if self._step % R1_EVERY == 0:
                penalised = d_loss + R1_EVERY * self._config.r1 / 2 * self._squared_gradient(real)
            _update(self._d_opt, penalised)
            g_loss = F.softplus(-self._d(fake)).mean()
            _update(self._g_opt, g_loss)
            self._step += 1
            self._average()
            yield {"discriminator": d_loss.item(), "generator": g_loss.item()}

    def _squared_gradient(self, real: Tensor) -> Tensor:
        """Mean squared norm of the logit's gradient at real images."""
        real = real.requires_grad_()
        (gradient,) = torch.autograd.grad(self._d(real).sum(), real, create_graph=True)
        return gradient.square().sum((1, 2, 3)).mean()

    @torch.no_grad()
    def _average(self) -> None:
        # A short memory at first, so that the initial weights are forgotten.
        decay = min(self._config.ema, (1 + self._step) / (10 + self._step))
        average, current = self._ema.state_dict(), self._g.state_dict()
        for name, value in average.items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - decay)
            else:
                value.copy_(current[name])

    def _latent(self, num: int, seed: int) -> Tensor:
        """Noise of this step: a function of (seed, step) alone."""
        rows = torch.arange(num, device=self._device) + (self._step << 20)
        return noise.normal(rows, self._config.latent_dim, stream=seed + 1)

    def _parts(self) -> dict[str, Any]:
        return {"g": self._g, "d": self._d, "ema": self._ema, "g_opt": self._g_opt, "d_opt": self._d_opt}

    def state_dict(self) -> dict[str, Any]:
        """Networks, their average, optimisers and the step."""
        return {"step": self._step, **{name: part.state_dict() for name, part in self._parts().items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self._step = state["step"]


def _update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def build(
    spec: SampleSpec,
    *,
    device: torch.device,
    latent_dim: int = 64,
    width: int = 32,
    lr: float = 1e-3,
    r1: float = 0.1,
    ema: float = 0.99,
) -> DCGAN:
    """Build the convolutional GAN for images of at least 8 × 8."""
    if spec.modality != "image" or min(spec.shape[-2:]) < 8:
        raise ConfigurationError(f"dcgan makes images of at least 8 × 8, got {spec.modality} of shape {spec.shape}")
    return DCGAN(spec, device, Config(latent_dim, width, lr, r1, ema))

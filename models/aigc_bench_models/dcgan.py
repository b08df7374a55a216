"""A small convolutional GAN (Radford et al., arXiv 1511.06434), with what is known to help at this size.

Changed against the paper: where the data have labels, both networks are told them (Mirza and Osindero,
arXiv 1411.1784), the discriminator by projection (Miyato and Koyama, arXiv 1802.05637); the discriminator has no batch
norm but an R1 penalty (Mescheder et al., arXiv 1801.04406), taken every few steps (Karras et al., arXiv 1912.04958,
appendix B); the step size falls to zero in the second half of a known number of steps; samples come from an
exponential average of the generator's weights (Yazıcı et al., arXiv 1806.04498), whose batch-norm statistics are
averaged with it.
Expected: clean strokes and all classes, clearly better than `gan` at the same training time. The labels make most of
the difference on MNIST: in equal time a Fréchet distance of 1.5 instead of 16.
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
from aigc_bench.core.errors import ConfigurationError

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
    num_classes: int
    """labels that both networks are told; 0 where they are told none"""
    decay_steps: int
    """the step size is constant for half as many steps and then falls linearly to zero; 0: it stays"""


class GeneratorNet(nn.Module):
    """(N, latent_dim + num_classes) => (N, C, H, W) in [-1, 1]: two doublings from a quarter of the size, a crop."""

    def __init__(self, shape: tuple[int, ...], config: Config) -> None:
        super().__init__()
        channels, self.height, self.width = shape
        self.small = (4 * config.width, math.ceil(self.height / 4), math.ceil(self.width / 4))
        w = config.width
        self.start = nn.Linear(config.latent_dim + config.num_classes, math.prod(self.small), bias=False)
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


class DiscriminatorNet(nn.Module):
    """(N, C, H, W), labels (N,) or None => (N,) logit of being real."""

    def __init__(self, shape: tuple[int, ...], config: Config) -> None:
        super().__init__()
        channels, height, columns = shape
        w = config.width
        self.body = nn.Sequential(
            nn.Conv2d(channels, 2 * w, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * w, 4 * w, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
        )
        num_features = 4 * w * (height // 2 // 2) * (columns // 2 // 2)
        self.logit = nn.Linear(num_features, 1)
        self.by_class = nn.Linear(num_features, config.num_classes, bias=False) if config.num_classes else None

    def forward(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Judge images: a term of their own, and one of the label's."""
        features = self.body(images)
        logit: Tensor = self.logit(features)[:, 0]
        if self.by_class is None or labels is None:
            return logit
        by_class: Tensor = self.by_class(features)
        return logit + by_class.gather(1, labels[:, None])[:, 0]


class DCGAN:
    """The convolutional GAN as a trainable generator."""

    def __init__(self, spec: SampleSpec, device: torch.device, config: Config) -> None:
        self.spec = spec
        self._device, self._config, self._step = device, config, 0
        self._g = GeneratorNet(spec.shape, config).to(device)
        self._d = DiscriminatorNet(spec.shape, config).to(device)
        self._ema = copy.deepcopy(self._g).requires_grad_(False).eval()
        self._g_opt, self._d_opt = (
            torch.optim.Adam(net.parameters(), config.lr, betas=(0.5, 0.999), fused=device.type == "cuda" or None)
            for net in (self._g, self._d)
        )

    @property
    def num_parameters(self) -> int:
        """Weights that sampling needs."""
        return sum(weight.numel() for weight in self._ema.parameters())

    @property
    def num_classes(self) -> int:
        """Labels that can be asked for; 0 where it was not told any."""
        return self._config.num_classes

    @torch.inference_mode()
    def sample(self, seeds: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N,) int64 => (N, C, H, W) uint8, from the averaged weights; labels (N,) int64, else drawn from the seeds."""
        pixels: Tensor = self._ema(self._code(seeds, 0, self._labels(seeds, 1) if labels is None else labels))
        return ((pixels + 1) * 127.5).round().to(torch.uint8).contiguous()

    def _labels(self, seeds: Tensor, stream: int) -> Tensor | None:
        num = self._config.num_classes
        return noise.integers(seeds, 1, num, stream=stream)[:, 0] if num else None

    def _code(self, seeds: Tensor, stream: int, labels: Tensor | None) -> Tensor:
        z = noise.normal(seeds, self._config.latent_dim, stream=stream)
        return z if labels is None else torch.cat([z, F.one_hot(labels, self._config.num_classes).to(z.dtype)], 1)

    def fit(self, batches: Iterator[Batch], *, seed: int) -> Iterator[dict[str, Tensor]]:
        """One step of the discriminator and one of the generator per batch.

        Raises:
            ConfigurationError: it was told to expect labels and the data have none, or more.
        """
        for batch in batches:
            given = self._checked(batch.labels) if self._config.num_classes else None
            self._g.train()
            self._d.train()
            self._set_lr()
            real = batch.samples.to(torch.float32) / 127.5 - 1
            # Noise of this step: a function of (seed, step) alone.
            rows = torch.arange(len(real), device=self._device) + (self._step << 20)
            wanted = self._labels(rows, 2 * seed + 3)
            fake = self._g(self._code(rows, 2 * seed + 2, wanted))

            d_loss = F.softplus(-self._d(real, given)).mean() + F.softplus(self._d(fake.detach(), wanted)).mean()
            penalised = d_loss
            if self._step % R1_EVERY == 0:
                penalised = d_loss + R1_EVERY * self._config.r1 / 2 * self._squared_gradient(real, given)
            _update(self._d_opt, penalised)
            g_loss = F.softplus(-self._d(fake, wanted)).mean()
            _update(self._g_opt, g_loss)
            self._step += 1
            self._average()
            yield {"discriminator": d_loss.detach(), "generator": g_loss.detach()}

    def _checked(self, labels: Tensor | None) -> Tensor:
        num = self._config.num_classes
        if labels is None:
            raise ConfigurationError(f"dcgan was told num_classes = {num}, but the data have no labels; leave it at 0")
        # To look at labels is to wait for a GPU: there the first batch stands for all.
        if (labels.device.type == "cpu" or not self._step) and int(labels.max()) >= num:
            raise ConfigurationError(f"dcgan was told num_classes = {num}, but the data have label {int(labels.max())}")
        return labels

    def _set_lr(self) -> None:
        steps = self._config.decay_steps
        share = min(1.0, max(0.0, 2 * (1 - self._step / steps))) if steps else 1.0
        for optimizer in (self._g_opt, self._d_opt):
            for group in optimizer.param_groups:
                group["lr"] = share * self._config.lr

    def _squared_gradient(self, real: Tensor, labels: Tensor | None) -> Tensor:
        """Mean squared norm of the logit's gradient at real images."""
        real = real.requires_grad_()
        (gradient,) = torch.autograd.grad(self._d(real, labels).sum(), real, create_graph=True)
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
    width: int = 16,
    lr: float = 2e-3,
    r1: float = 0.03,
    ema: float = 0.998,
    num_classes: int = 0,
    decay_steps: int = 0,
) -> DCGAN:
    """Build the convolutional GAN for images of at least 8 × 8."""
    if spec.modality != "image" or min(spec.shape[-2:]) < 8:
        raise ConfigurationError(f"dcgan makes images of at least 8 × 8, got {spec.modality} of shape {spec.shape}")
    return DCGAN(spec, device, Config(latent_dim, width, lr, r1, ema, num_classes, decay_steps))

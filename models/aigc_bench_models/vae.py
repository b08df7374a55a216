"""A variational autoencoder (Kingma and Welling, arXiv 1312.6114) with a discretised 8-bit likelihood.

Every pixel is a mixture of discretised logistics over the 256 grey levels with exact mass at the ends (Salimans et al.,
arXiv 1701.05517, without their dependence between channels): the ELBO is a bound on the probability of the bytes
themselves, so bits/dim mean something. `log_prob` is the importance-weighted bound (Burda et al., arXiv 1509.00519).
`sample` and `reconstruct` show the mean of the likelihood, not a draw from it: pixel noise is not what the eye wants.
Expected on MNIST: 1.2 to 1.5 bits/dim; blurry but complete digits.
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

MAX_ROWS = 4096
"""rows of the decoder at once while likelihoods are estimated"""


@dataclass(frozen=True, slots=True)
class Config:
    """What can be changed."""

    latent_dim: int
    """numbers in the code"""
    hidden: int
    """width of the two hidden layers on each side"""
    mixtures: int
    """logistics per pixel"""
    lr: float
    """Adam's step size"""
    importance_samples: int
    """of the likelihood bound"""


def log_likelihood(pixels: Tensor, parameters: Tensor) -> Tensor:
    """Log p of bytes: pixels (N, P) uint8, parameters (N, 3, M, P) => (N,) float64 nats.

    The cell of level v is (v - ½, v + ½) / 127.5 - 1; the first and the last reach to infinity, so the 256 masses sum
    to 1.
    """
    weight, mean, log_scale = parameters.unbind(1)
    x = pixels[:, None].to(parameters.dtype) / 127.5 - 1
    inverse = torch.exp(-log_scale.clamp_min(-7.0))
    upper = (x - mean + 1 / 255) * inverse
    lower = (x - mean - 1 / 255) * inverse
    # log(σ(u) - σ(l)) = log σ(u) + log σ(-l) + log(1 - e^(l - u)), which never subtracts nearly equal numbers.
    inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(lower - upper))
    mass = torch.where(pixels[:, None] == 0, F.logsigmoid(upper), inside)
    mass = torch.where(pixels[:, None] == 255, F.logsigmoid(-lower), mass)
    per_pixel = torch.logsumexp(mass + torch.log_softmax(weight, dim=1), dim=1)
    return per_pixel.double().sum(1)


def mean_pixels(parameters: Tensor) -> Tensor:
    """(N, 3, M, P) => (N, P) mean of the mixture, clamped to [-1, 1]."""
    weight, mean, _ = parameters.unbind(1)
    return (torch.softmax(weight, dim=1) * mean.clamp(-1, 1)).sum(1)


class Network(nn.Module):
    """Encoder and decoder, two hidden layers each."""

    def __init__(self, num_pixels: int, config: Config) -> None:
        super().__init__()
        h, z, outputs = config.hidden, config.latent_dim, 3 * config.mixtures * num_pixels
        self.mixtures, self.num_pixels = config.mixtures, num_pixels
        self.encoder = nn.Sequential(
            nn.Linear(num_pixels, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 2 * z)
        )
        self.decoder = nn.Sequential(nn.Linear(z, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, outputs))
        # Start with the mixture's parts spread over the grey scale.
        spread = torch.linspace(-1, 1, config.mixtures)[:, None].expand(-1, num_pixels)
        last = self.decoder[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            zero = torch.zeros_like(spread)
            last.bias.copy_(torch.stack([zero, spread, zero - 2]).flatten())

    def encode(self, pixels: Tensor) -> tuple[Tensor, Tensor]:  # (N, P) uint8 => mean, log-sd (N, Z)
        """The approximate posterior."""
        mean, log_std = self.encoder(pixels.to(torch.float32) / 127.5 - 1).chunk(2, dim=1)
        return mean, log_std.clamp(-7, 5)

    def decode(self, z: Tensor) -> Tensor:  # (N, Z) => (N, 3, M, P)
        """Mixture weights, means and log-scales of every pixel."""
        out: Tensor = self.decoder(z)
        return out.reshape(-1, 3, self.mixtures, self.num_pixels)


class VAE:
    """The autoencoder as a trainable generator with reconstructions and likelihoods."""

    def __init__(self, spec: SampleSpec, device: torch.device, config: Config) -> None:
        self.spec = spec
        self.log_prob_method = f"importance-weighted lower bound, {config.importance_samples} samples"
        self._device, self._config, self._step = device, config, 0
        self._net = Network(spec.num_dims, config).to(device)
        self._opt = torch.optim.Adam(self._net.parameters(), config.lr, fused=device.type == "cuda" or None)

    @property
    def num_parameters(self) -> int:
        """Weights that sampling needs: the decoder's."""
        return sum(weight.numel() for weight in self._net.decoder.parameters())

    @torch.inference_mode()
    def sample(self, seeds: Tensor) -> Tensor:
        """(N,) int64 => (N, C, H, W) uint8."""
        return self._images(self._net.decode(noise.normal(seeds, self._config.latent_dim)))

    @torch.inference_mode()
    def reconstruct(self, batch: Tensor) -> Tensor:
        """(N, C, H, W) uint8 => the same, through the posterior's mean."""
        return self._images(self._net.decode(self._net.encode(batch.flatten(1))[0]))

    def _images(self, parameters: Tensor) -> Tensor:
        return ((mean_pixels(parameters) + 1) * 127.5).round().to(torch.uint8).reshape(-1, *self.spec.shape)

    @torch.inference_mode()
    def log_prob(self, batch: Tensor) -> Tensor:
        """(N, C, H, W) uint8 => (N,) nats: log 1/K Σ p(x, z_k) / q(z_k | x), a lower bound in expectation."""
        rows = max(1, MAX_ROWS // self._config.importance_samples)
        return torch.cat([self._bound(chunk.flatten(1)) for chunk in batch.split(rows)])

    def _bound(self, pixels: Tensor) -> Tensor:
        k, num = self._config.importance_samples, len(pixels)
        mean, log_std = self._net.encode(pixels)
        # The noise belongs to (k, dimension) alone, so a sample's bound does not depend on its batch.
        seeds = torch.arange(k, device=pixels.device)
        epsilon = noise.normal(seeds, mean.shape[1], stream=1 << 20).repeat_interleave(num, 0)
        z = mean.repeat(k, 1) + log_std.exp().repeat(k, 1) * epsilon
        log_p = log_likelihood(pixels.repeat(k, 1), self._net.decode(z))
        # log N(z; 0, 1) - log N(z; mean, std); the constants cancel.
        prior = -0.5 * z.double().square().sum(1)
        posterior = -0.5 * epsilon.double().square().sum(1) - log_std.double().sum(1).repeat(k)
        weights = (log_p + prior - posterior).reshape(k, num)
        return torch.logsumexp(weights, dim=0) - math.log(k)

    def fit(self, batches: Iterator[Batch], *, seed: int) -> Iterator[dict[str, Tensor]]:
        """One step on the evidence lower bound per batch."""
        for batch in batches:
            pixels = batch.samples.flatten(1)
            mean, log_std = self._net.encode(pixels)
            rows = torch.arange(len(pixels), device=self._device) + (self._step << 20)
            z = mean + log_std.exp() * noise.normal(rows, mean.shape[1], stream=seed + 1)
            reconstruction = -log_likelihood(pixels, self._net.decode(z)).mean()
            divergence = 0.5 * (mean.square() + (2 * log_std).exp() - 1 - 2 * log_std).sum(1).mean()
            loss = reconstruction + divergence
            self._opt.zero_grad(set_to_none=True)
            loss.backward()
            self._opt.step()
            self._step += 1
            bits = self.spec.num_dims * math.log(2)
            yield {"reconstruction": reconstruction.detach() / bits, "divergence": divergence.detach().double() / bits}

    def state_dict(self) -> dict[str, Any]:
        """Network, optimiser and the step."""
        return {"net": self._net.state_dict(), "opt": self._opt.state_dict(), "step": self._step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        self._net.load_state_dict(state["net"])
        self._opt.load_state_dict(state["opt"])
        self._step = state["step"]


def build(
    spec: SampleSpec,
    *,
    device: torch.device,
    latent_dim: int = 32,
    hidden: int = 512,
    mixtures: int = 3,
    lr: float = 1e-3,
    importance_samples: int = 64,
) -> VAE:
    """Build the autoencoder for images of any shape."""
    if spec.modality != "image":
        raise ConfigurationError(f"vae makes images, got {spec.modality} of shape {spec.shape}")
    return VAE(spec, device, Config(latent_dim, hidden, mixtures, lr, importance_samples))

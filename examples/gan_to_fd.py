"""From your GAN to a Fréchet distance with an error bar: python examples/gan_to_fd.py.

Put your network in the place of `TinyGenerator`. Any function from seeds to uint8 images will do, and so will an
array of images that were drawn before.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import aigc_bench
from aigc_bench import noise
from aigc_bench.core import Estimate

LATENT_DIM = 16


class TinyGenerator(nn.Module):
    """An untrained network in the shape of a GAN's generator: (N, LATENT_DIM) => (N, 1, 8, 8) in -1…1."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(LATENT_DIM, 64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh())

    def forward(self, latent: Tensor) -> Tensor:
        """(N, LATENT_DIM) => (N, 1, 8, 8)."""
        images: Tensor = self.layers(latent)
        return images.reshape(-1, 1, 8, 8)


def distances(store: Path, num_samples: int = 400) -> dict[str, Estimate]:
    """Fréchet distance of each set of samples to real digits, with its 95 % interval."""
    torch.manual_seed(0)
    network = TinyGenerator().eval()

    @torch.no_grad()
    def draw(seeds: Tensor) -> Tensor:  # (N,) int64 => (N, 1, 8, 8) uint8
        latent = noise.normal(seeds, LATENT_DIM)  # sample i depends on seed i alone
        images: Tensor = network(latent)
        return (images * 127.5 + 127.5).round().to(torch.uint8)

    digits = torch.from_numpy(load_digits().images).mul(255 / 16).round().to(torch.uint8)[:, None]
    real, others = digits[:num_samples], digits[num_samples : 2 * num_samples]
    run, _ = aigc_bench.score(
        {"my GAN": draw, "an array": draw(torch.arange(num_samples))},
        real,
        holdout=others,  # the floor: the best that any model can do with so many samples
        features=["pixels"],  # no weights needed; leave it out for FID by the Inception network
        metrics=["fd"],
        limit=num_samples,
        options=aigc_bench.Options(store=store),
    )
    return {score.generator: score.estimate for score in run.scores if score.estimate is not None}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for name, distance in distances(Path(folder)).items():
            print(f"{name:10} {distance.value:8.3f}   [{distance.low:.3f}, {distance.high:.3f}]")

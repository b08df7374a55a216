"""A checkpoint that is trained already, behind the generator protocol: python examples/trained_checkpoint.py.

`build` loads the weights, so nothing is trained by the benchmark. In a suite:

    [[generators]]
    build = "trained_checkpoint:build"
    options = { checkpoint = "decoder.safetensors" }
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

import aigc_bench
from aigc_bench import noise
from aigc_bench.core import SampleSpec
from aigc_bench.core.suites import parse_suite
from aigc_bench.testing import check_generator

LATENT_DIM = 8


def network(spec: SampleSpec) -> nn.Sequential:
    """Your architecture: (N, LATENT_DIM) => (N, num_dims) in 0…1."""
    return nn.Sequential(nn.Linear(LATENT_DIM, 32), nn.ReLU(), nn.Linear(32, spec.num_dims), nn.Sigmoid())


class Trained:
    """A network with its weights."""

    def __init__(self, spec: SampleSpec, decoder: nn.Module, device: torch.device) -> None:
        self.spec = spec
        self.decoder = decoder.eval().to(device)

    @torch.no_grad()
    def sample(self, seeds: Tensor) -> Tensor:
        """(N,) int64 => (N, *spec.shape) uint8."""
        images: Tensor = self.decoder(noise.normal(seeds, LATENT_DIM))
        return images.mul(255).round().to(torch.uint8).reshape(-1, *self.spec.shape)

    def parameters(self) -> list[nn.Parameter]:
        """The weights that `sample` needs."""
        return list(self.decoder.parameters())


def build(spec: SampleSpec, *, device: torch.device, checkpoint: str) -> Trained:
    """Load a safetensors file; `checkpoint` is an option of the suite."""
    decoder = network(spec)
    decoder.load_state_dict(safetensors.torch.load_file(checkpoint))
    return Trained(spec, decoder, device)


def main(folder: Path) -> aigc_bench.core.scores.Score:
    """Write a checkpoint, check the contract, and score the model on digits; its Fréchet distance."""
    spec = SampleSpec("image", (1, 8, 8))
    path = folder / "decoder.safetensors"
    torch.manual_seed(0)
    safetensors.torch.save_file(network(spec).state_dict(), path)  # in your project: what the training wrote
    check_generator(build(spec, device=torch.device("cpu"), checkpoint=str(path)))
    document = {
        "name": "checkpoint",
        "features": ["pixels"],
        "metrics": ["fd"],
        "num_samples": 200,
        "data": {"name": "digits"},
        "generators": [{"build": "trained_checkpoint:build", "name": "mine", "options": {"checkpoint": str(path)}}],
    }
    run, _ = aigc_bench.run(parse_suite(document, source="example"), aigc_bench.Options(store=folder / "runs"))
    return next(score for score in run.scores if score.generator == "mine")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(main(Path(folder)))

"""For authors of plug-ins: the contract test of generators.

from aigc_bench.testing import check_generator
def test_my_generator():
    check_generator(build(SampleSpec("image", (1, 8, 8)), device=torch.device("cpu")))
"""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_bench.core import Generator, Reconstructor
from aigc_bench.core.errors import GeneratorError
from aigc_bench.generators.anchors import GaussianGenerator, NoiseGenerator, build_gaussian, build_noise
from aigc_bench.modalities.modality import modality_of

__all__ = ["GaussianGenerator", "NoiseGenerator", "build_gaussian", "build_noise", "check_generator"]


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
    """Within what the modality allows for rounding: a few grey levels of images."""
    tolerance = modality_of(generator.spec).tolerance
    difference = float((ours.to(torch.float32) - theirs.to(torch.float32)).abs().max())
    if difference > tolerance:
        raise GeneratorError(f"{complaint} (they differ by up to {difference:g}, allowed {tolerance:g})")

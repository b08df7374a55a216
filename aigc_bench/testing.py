"""For authors of plug-ins: the contract test of generators.

from aigc_bench.testing import check_generator
def test_my_generator():
    check_generator(build(SampleSpec("image", (1, 8, 8)), device=torch.device("cpu")))
"""

from __future__ import annotations

import torch

from aigc_bench.core import Generator, Reconstructor
from aigc_bench.core.errors import GeneratorError
from aigc_bench.generators.anchors import GaussianGenerator, NoiseGenerator, build_gaussian, build_noise
from aigc_bench.generators.contract import departure

__all__ = ["GaussianGenerator", "NoiseGenerator", "build_gaussian", "build_noise", "check_generator"]


def check_generator(generator: Generator, *, num_samples: int = 9, device: str = "cpu") -> None:
    """Prove that `generator` keeps the contract.

    A seed names a sample: drawing the same seeds again, alone, in another order or in another batch gives the
    same samples (to a few grey levels); unlike seeds give unlike samples.

    Raises:
        GeneratorError: the first broken clause, in words.
    """
    seeds = torch.arange(1, num_samples + 1, device=device) * 7919
    found = departure(generator, seeds)
    if found is not None:
        raise GeneratorError(found)
    samples = generator.spec.check(generator.sample(seeds), num_samples)
    if samples.device.type != torch.device(device).type:
        raise GeneratorError(f"expected samples on the seeds' device {device}, got {samples.device}")
    if isinstance(generator, Reconstructor):
        generator.spec.check(generator.reconstruct(samples), num_samples)

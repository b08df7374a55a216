"""Drawing: the samples of seeds 0 … N - 1, and proof that what foreign code returned are samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from aigc_bench.core import Generator
from aigc_bench.system.foreign import foreign_code

SAMPLE_BATCH = 512
"""batch size of drawing: fixed, so that float rounding does not depend on how much is asked for"""


def checked(generator: Generator, what: str, call: Callable[[], Tensor], num_samples: int) -> Tensor:
    """The canonical samples that code which is not ours returns.

    Raises:
        GeneratorError: an exception, or samples that are not canonical.
    """
    with foreign_code(what):
        samples = call()
    return generator.spec.check(samples, num_samples)


def batch_of(generator: Generator, number: int, num_samples: int, device: torch.device) -> Tensor:
    """Batch `number` of the samples of seeds 0 … num_samples - 1, on `device`."""
    first = number * SAMPLE_BATCH
    return samples_of(generator, torch.arange(first, min(first + SAMPLE_BATCH, num_samples), device=device))


def samples_of(generator: Generator, seeds: Tensor) -> Tensor:
    """The samples of seeds (N,), in one call."""
    return checked(generator, "sample", partial(generator.sample, seeds), len(seeds))


def batches(generator: Generator, num_samples: int, device: torch.device) -> Iterator[Tensor]:
    """Yield the samples of seeds 0 … num_samples - 1, `SAMPLE_BATCH` at a time."""
    for number in range(-(-num_samples // SAMPLE_BATCH)):
        yield batch_of(generator, number, num_samples, device)


def draw(generator: Generator, num_samples: int, device: torch.device) -> Tensor:
    """Samples of seeds 0 … num_samples - 1, (num_samples, *shape), on `device`."""
    return torch.cat(list(batches(generator, num_samples, device)))

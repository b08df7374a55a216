"""Samples: what one is, a batch of them, and the three splits of a data set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import torch
from torch import Tensor

from aigc_bench.core import plugins
from aigc_bench.core.errors import GeneratorError


@lru_cache
def _modality(name: str) -> Any:
    """The value that knows what samples of this kind are; see `aigc_bench.modalities.modality`."""
    return plugins.load("modality", name)


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """What one sample is. A batch is this with N in front.

    What canonical values are, the modality says: of images uint8 0…255. There is one quantisation, at the
    generator's mouth, as when images are saved to disk.
    """

    modality: str
    """entry point of `aigc_bench.modalities`"""
    shape: tuple[int, ...]
    """(C, H, W) of an image"""
    sample_rate: int | None = None
    """Hz, of what is sampled in time"""

    @property
    def dtype(self) -> torch.dtype:
        """The canonical element type of this modality."""
        dtype: torch.dtype = _modality(self.modality).dtype
        return dtype

    @property
    def num_dims(self) -> int:
        """Numbers in one sample, the denominator of bits per dimension."""
        return math.prod(self.shape)

    def check(self, batch: Tensor, num_samples: int) -> Tensor:
        """Return `batch` if it is `num_samples` canonical samples.

        Raises:
            GeneratorError: wrong type, shape, or values (NaN, infinity, or what the modality excludes).
        """
        if not isinstance(batch, Tensor):
            raise GeneratorError(f"expected a torch.Tensor of samples, got {type(batch).__name__}")
        expected = (num_samples, *self.shape)
        if tuple(batch.shape) != expected:
            raise GeneratorError(f"expected samples of shape {expected}, got {tuple(batch.shape)}")
        if batch.is_floating_point() and not bool(torch.isfinite(batch).all()):
            raise GeneratorError("expected finite samples, got NaN or infinity")
        modality = _modality(self.modality)
        if batch.dtype != modality.dtype:
            raise GeneratorError(
                f"expected {self.modality} samples of dtype {modality.dtype}, got {batch.dtype}; quantise "
                f"once, at the generator's mouth ({modality.quantise})"
            )
        problem = modality.check_values(batch)
        if problem is not None:
            raise GeneratorError(problem)
        return batch


@dataclass(frozen=True, slots=True)
class Batch:
    """Training data for one step: samples (N, *shape) in canonical values, labels (N,) int64 or None."""

    samples: Tensor
    labels: Tensor | None = None

    @property
    def num_samples(self) -> int:
        """The number of samples, N."""
        return len(self.samples)

    def loaded(self) -> Batch:
        """This batch: it is in memory already; see `Split`."""
        return self


class Split(Protocol):
    """One of the three parts of a data set: a `Batch` in memory, or samples that are read when they are asked for."""

    @property
    def num_samples(self) -> int:
        """How many samples it holds."""
        ...

    def loaded(self) -> Batch:
        """All of it in memory, as training needs it."""
        ...


@dataclass(frozen=True, slots=True)
class Dataset:
    """Three disjoint splits of real data.

    `fit` trains models and the extractors trained here, `reference` is the real side of every score,
    `holdout` is the floor row and the input of likelihoods and reconstructions.
    """

    name: str
    spec: SampleSpec
    fit: Split
    reference: Split
    holdout: Split
    digest: str
    """SHA-256 over the samples and labels of all three splits"""
    num_classes: int | None = None
    notes: tuple[str, ...] = ()
    """what a reader of the scores has to know about these data; the report prints them"""

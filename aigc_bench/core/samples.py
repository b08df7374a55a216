"""Samples: what one is, a batch of them, and the three splits of a data set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from aigc_bench.core.errors import GeneratorError

Modality = Literal["image", "text", "audio"]


_DTYPES = {"image": torch.uint8, "text": torch.uint8, "audio": torch.float32}


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """What one sample is. A batch is this with N in front.

    Canonical values: image uint8 0…255, text uint8 UTF-8 bytes with 0 as padding, audio float32 in
    [-1, 1]. There is one quantisation, at the generator's mouth, as when images are saved to disk.
    """

    modality: Modality
    shape: tuple[int, ...]
    """image (C, H, W), text (L,), audio (T,)"""
    sample_rate: int | None = None
    """Hz; audio only"""

    @property
    def dtype(self) -> torch.dtype:
        """The canonical element type of this modality."""
        return _DTYPES[self.modality]

    @property
    def num_dims(self) -> int:
        """Numbers in one sample, the denominator of bits per dimension."""
        return math.prod(self.shape)

    def check(self, batch: Tensor, num_samples: int) -> Tensor:
        """Return `batch` if it is `num_samples` canonical samples.

        Raises:
            GeneratorError: wrong type, shape, or values (NaN, infinity, outside [-1, 1] in audio).
        """
        if not isinstance(batch, Tensor):
            raise GeneratorError(f"expected a torch.Tensor of samples, got {type(batch).__name__}")
        expected = (num_samples, *self.shape)
        if tuple(batch.shape) != expected:
            raise GeneratorError(f"expected samples of shape {expected}, got {tuple(batch.shape)}")
        if batch.is_floating_point() and not bool(torch.isfinite(batch).all()):
            raise GeneratorError("expected finite samples, got NaN or infinity")
        if batch.dtype != self.dtype:
            raise GeneratorError(
                f"expected {self.modality} samples of dtype {self.dtype}, got {batch.dtype}; quantise "
                "once, at the generator's mouth (for images: x.mul(255).round().to(torch.uint8))"
            )
        if self.modality == "audio" and batch.numel() and float(batch.abs().max()) > 1.0:
            raise GeneratorError(f"expected audio in [-1, 1], got {float(batch.abs().max()):.3g}")
        return batch


@dataclass(frozen=True, slots=True)
class Batch:
    """Training data for one step: samples (N, *shape) in canonical values, labels (N,) int64 or None."""

    samples: Tensor
    labels: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Three disjoint splits of real data.

    `fit` trains models and the extractors trained here, `reference` is the real side of every score,
    `holdout` is the floor row and the input of likelihoods and reconstructions.
    """

    name: str
    spec: SampleSpec
    fit: Batch
    reference: Batch
    holdout: Batch
    digest: str
    """SHA-256 over the samples and labels of all three splits"""
    num_classes: int | None = None
    notes: tuple[str, ...] = ()
    """what a reader of the scores has to know about these data; the report prints them"""

"""The modality `image`: uint8 pixels 0…255, one or three channels."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aigc_bench import noise
from aigc_bench.core import ReconstructionErrors, SampleSpec
from aigc_bench.metrics import reconstruction
from aigc_bench.modalities.image import NAME
from aigc_bench.modalities.image.corruptions import CORRUPTIONS
from aigc_bench.modalities.image.opening import open_samples
from aigc_bench.modalities.image.sheets import difference, grid, tiled
from aigc_bench.modalities.modality import Modality

GREY_LEVELS = 3.0
"""how far a sample may move with the batch it is drawn in: float rounding before quantisation, not another image"""


def _check_shape(shape: tuple[int, ...]) -> str | None:
    fits = len(shape) == 3 and shape[0] in (1, 3) and math.prod(shape) > 0
    return None if fits else "expected images (C, H, W) with C = 1 or 3"


def _noise(seeds: Tensor, spec: SampleSpec) -> Tensor:
    """Every pixel uniform over all grey levels."""
    return noise.integers(seeds, spec.num_dims, 256).to(torch.uint8).reshape(-1, *spec.shape)


def _pairwise_errors(original: Tensor, made: Tensor) -> ReconstructionErrors:
    return reconstruction.errors_of(original, made)


image = Modality(
    name=NAME,
    dtype=torch.uint8,
    check_shape=_check_shape,
    check_values=lambda batch: None,
    quantise="x.mul(255).round().to(torch.uint8)",
    tolerance=GREY_LEVELS,
    open=open_samples,
    claims=lambda source: False,
    noise=_noise,
    pairwise_errors=_pairwise_errors,
    sheet=tiled,
    picture=grid,
    difference=difference,
    corruptions=CORRUPTIONS,
    is_default=True,
)

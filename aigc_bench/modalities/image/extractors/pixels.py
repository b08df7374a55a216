"""The pixels themselves as features: no weights, any shape; a baseline, not a judge of looks."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from aigc_bench.core import Features, SampleSpec
from aigc_bench.core.errors import ConfigurationError


class Pixels:
    """(N, *shape) => pool (N, D) float32 in [0, 1]."""

    name = "pixels"
    digest = hashlib.sha256(b"pixels: flattened, /255, float32").hexdigest()

    def __call__(self, batch: Tensor) -> Features:
        """(N, C, H, W) uint8 => (N, C·H·W) float32 in 0 … 1."""
        return Features(batch.flatten(1).to(torch.float32) / 255)


def build(spec: SampleSpec, *, device: torch.device) -> Pixels:
    """Build the extractor; it works on the batch's device.

    Raises:
        ConfigurationError: the samples are no images.
    """
    if spec.modality != "image":
        raise ConfigurationError(f"extractor 'pixels' expects images, got {spec.modality} of shape {spec.shape}")
    return Pixels()

"""An extractor that takes images of any size, and one with spatial features."""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_bench.core import Features, SampleSpec


class Corner:
    """The four corners' grey levels."""

    name, digest = "corner", "c" * 64

    def __call__(self, batch: Tensor) -> Features:
        """(N, C, H, W) => (N, 4)."""
        return Features(batch[:, 0][:, [0, 0, -1, -1], [0, -1, 0, -1]].float())


def build_corner(spec: SampleSpec, *, device: torch.device) -> Corner:
    """Build it."""
    return Corner()


class Halves:
    """The upper half of an 8 × 8 image as pooled features, the lower as spatial ones."""

    name, digest = "halves", "d" * 64

    def __call__(self, batch: Tensor) -> Features:
        """(N, 1, 8, 8) => (N, 32) and (N, 32)."""
        flat = batch.flatten(1).float() / 255
        return Features(flat[:, :32], None, flat[:, 32:])


def build_halves(spec: SampleSpec, *, device: torch.device) -> Halves:
    """Build it."""
    return Halves()

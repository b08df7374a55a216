"""An extractor that takes images of any size."""

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


class Rounded:
    """Grey levels over 255, in one of two precisions."""

    def __init__(self, precision: str) -> None:
        self.name = "rounded" + ("" if precision == "fp32" else f"-{precision}")
        self.digest = {"fp32": "a", "bf16": "b"}[precision] * 64
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32

    def __call__(self, batch: Tensor) -> Features:
        """(N, C, H, W) => (N, C · H · W)."""
        return Features((batch.flatten(1).to(self._dtype) / 255).float())


def build_rounded(spec: SampleSpec, *, device: torch.device, precision: str = "fp32") -> Rounded:
    """Build it."""
    return Rounded(precision)

"""Ways in which a generator gets worse, on images (N, C, H, W) uint8, and one that is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from aigc_bench.core import Features
from aigc_bench.modalities.image.corruptions import blurred, compressed, jittered, noised

__all__ = ["OF_IMAGES", "blurred", "collapsed", "compressed", "jittered", "noised", "quantised", "without_class"]


def without_class(features: Features, spare: Features, dropped: int) -> Features:
    """Of a generator that never makes one class: spare samples of others stand in their place."""
    assert features.logits is not None and spare.logits is not None  # noqa: PT018 (both extractors classify)
    gone = (features.logits.argmax(1) == dropped).nonzero()[:, 0]
    others = (spare.logits.argmax(1) != dropped).nonzero()[: len(gone), 0]
    assert len(others) == len(gone)  # a quarter more samples than the pool has, and a tenth of it to replace
    pool, logits = features.pool.clone(), features.logits.clone()
    pool[gone], logits[gone] = spare.pool[others], spare.logits[others]
    return Features(pool, logits)


def collapsed(num: int, share: float, num_modes: int = 10) -> Tensor:
    """Rows (N,) of a generator that gives one of a few samples for a share of its seeds."""
    generator = torch.Generator().manual_seed(3)
    rows = torch.arange(num)
    gone = torch.rand(num, generator=generator) < share
    modes = torch.randint(num, (num_modes,), generator=generator)
    rows[gone] = modes[torch.randint(num_modes, (int(gone.sum()),), generator=generator)]
    return rows


def quantised(state: Mapping[str, Any], bits: int) -> dict[str, Any]:
    """A generator's state with every weight matrix of its network rounded to so many bits, one scale each."""

    def rounded(weights: Tensor) -> Tensor:
        if weights.dim() < 2 or not weights.is_floating_point():
            return weights
        scale = weights.abs().max() / (2 ** (bits - 1) - 1)
        return (weights / scale).round() * scale

    return {**state, "net": {name: rounded(weights) for name, weights in state["net"].items()}}


OfImages = Callable[[Tensor], Tensor]

OF_IMAGES: Mapping[str, OfImages] = {
    "blur, 10 % of 3 × 3": lambda images: blurred(images, 0.1),
    "blur, 30 % of 3 × 3": lambda images: blurred(images, 0.3),
    "noise of 4 levels": lambda images: noised(images, 4),
    "noise of 12 levels": lambda images: noised(images, 12),
    "JPEG, quality 90": lambda images: compressed(images, 90),
    "JPEG, quality 50": lambda images: compressed(images, 50),
}

"""Ways in which a generator gets worse, on images (N, C, H, W) uint8, and one that is none."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from aigc_bench.core import Features


def jittered(images: Tensor, seed: int) -> Tensor:
    """Every pixel up, down or as it was, by one grey level: what another order of summation does at worst."""
    steps = torch.randint(-1, 2, images.shape, generator=torch.Generator().manual_seed(seed))
    return (images.to(torch.int16) + steps).clamp(0, 255).to(torch.uint8)


def blurred(images: Tensor, share: float) -> Tensor:
    """Mixed with their means over 3 × 3 pixels, by a share of these."""
    means = F.avg_pool2d(F.pad(images.float(), (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return ((1 - share) * images.float() + share * means).round().to(torch.uint8)


def noised(images: Tensor, levels: float) -> Tensor:
    """With normal noise of so many grey levels."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    return (images.float() + levels * noise).round().clamp(0, 255).to(torch.uint8)


def compressed(images: Tensor, quality: int) -> Tensor:
    """As JPEG of that quality, and back."""
    found = []
    for image in images.squeeze(1).numpy():
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
        found.append(np.asarray(Image.open(buffer)))
    return torch.from_numpy(np.stack(found))[:, None]


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

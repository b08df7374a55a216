"""Ways in which images (N, C, H, W) uint8 get worse, on purpose: for degradations and self-tests."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

WORST_QUALITY = 5
"""of JPEG, at strength 1"""


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
    for image in images.permute(0, 2, 3, 1).numpy():
        buffer = io.BytesIO()
        Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).save(buffer, "JPEG", quality=quality)
        found.append(np.asarray(Image.open(buffer)))
    return torch.from_numpy(np.stack(found)).reshape(len(found), *images.shape[2:], -1).permute(0, 3, 1, 2)


CORRUPTIONS: Mapping[str, Callable[[Tensor, float], Tensor]] = {
    "blur": blurred,
    "noise": lambda images, strength: noised(images, 255 * strength),
    "jpeg": lambda images, strength: compressed(images, round(100 - strength * (100 - WORST_QUALITY))),
}
"""name => images and a strength from 0 to 1 => worse images"""

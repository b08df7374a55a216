"""How a few images look: thumbnails that are kept with a run, and grids of them as PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

THUMBNAIL_PX = 64
MARGIN_LEVEL = 128
"""of grey, around pictures that are smaller than others"""
GAP = 1
"""pixels between pictures"""
PICTURE_PX = 40
"""about the side of a picture in a grid, unless a scale is given"""


def tiled(images: Sequence[Tensor]) -> Tensor:
    """Images (C, H, W) uint8 of any sizes => thumbnails (N, C, H, W) uint8 of one size, the smaller ones centred."""
    small = [thumbnail(image) for image in images]
    channels, height, width = (max(image.shape[axis] for image in small) for axis in range(3))
    canvas = torch.full((len(small), channels, height, width), MARGIN_LEVEL, dtype=torch.uint8)
    for place, image in zip(canvas, small, strict=True):
        top, left = (height - image.shape[1]) // 2, (width - image.shape[2]) // 2
        place[:, top : top + image.shape[1], left : left + image.shape[2]] = image
    return canvas


def thumbnail(image: Tensor) -> Tensor:
    """(C, H, W) uint8, scaled down where a side is longer than a thumbnail's."""
    side = max(image.shape[1:])
    if side <= THUMBNAIL_PX:
        return image.contiguous()
    size = [max(1, length * THUMBNAIL_PX // side) for length in image.shape[1:]]
    small = F.interpolate(image[None].float(), size=size, mode="bilinear", antialias=True)[0]
    return small.round().clamp(0, 255).to(torch.uint8)


def grid(images: Tensor, num_columns: int, scale: int | None = None) -> bytes:
    """(N, C, H, W) uint8 => PNG with `num_columns` images a row; nearest-neighbour scaled, so that pixels stay pixels.

    Without a scale an image is about 40 pixels wide.
    """
    num, channels, height, width = images.shape
    num_rows = -(-num // num_columns)
    canvas = torch.full(
        (channels, num_rows * (height + GAP) + GAP, num_columns * (width + GAP) + GAP),
        MARGIN_LEVEL,
        dtype=torch.uint8,
    )
    for i, image in enumerate(images):
        top, left = (i // num_columns) * (height + GAP) + GAP, (i % num_columns) * (width + GAP) + GAP
        canvas[:, top : top + height, left : left + width] = image
    pixels = canvas[0].numpy() if channels == 1 else np.ascontiguousarray(canvas[:3].permute(1, 2, 0).numpy())
    picture = Image.fromarray(pixels)
    factor = scale or max(1, round(PICTURE_PX / max(height, width)))
    picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def difference(base: Tensor, head: Tensor) -> str:
    """How far apart the same thumbnails (N, C, H, W) of two sides are, in words."""
    apart = (base.int() - head.int()).abs()
    if not apart.any():
        return "the same to the bit"
    changed = apart.flatten(1).any(1).float().mean().item()
    mean = apart.float().mean().item()
    return f"{changed:.0%} of them differ; a pixel by {mean:.4g} of 255 on average and {int(apart.max())} at most"

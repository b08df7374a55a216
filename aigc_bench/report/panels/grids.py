"""Grids of samples as PNG: nearest-neighbour scaled, so that pixels stay pixels."""

from __future__ import annotations

import base64
import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

GAP = 1
GAP_LEVEL = 128


def grid(images: Tensor, num_columns: int, scale: int | None = None) -> bytes:
    """(N, C, H, W) uint8 => PNG with `num_columns` images a row; scaled up to about 40 pixels an image."""
    num, channels, height, width = images.shape
    num_rows = -(-num // num_columns)
    canvas = torch.full(
        (channels, num_rows * (height + GAP) + GAP, num_columns * (width + GAP) + GAP),
        GAP_LEVEL,
        dtype=torch.uint8,
    )
    for i, image in enumerate(images):
        top, left = (i // num_columns) * (height + GAP) + GAP, (i % num_columns) * (width + GAP) + GAP
        canvas[:, top : top + height, left : left + width] = image
    pixels = canvas[0].numpy() if channels == 1 else np.ascontiguousarray(canvas[:3].permute(1, 2, 0).numpy())
    picture = Image.fromarray(pixels)
    factor = scale or max(1, round(40 / max(height, width)))
    picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def data_uri(png: bytes) -> str:
    """For an <img> of a page that is one file."""
    return "data:image/png;base64," + base64.b64encode(png).decode()

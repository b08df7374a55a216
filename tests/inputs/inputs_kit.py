"""What the tests of inputs share."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

Images = NDArray[np.uint8]


class Pairs(Dataset[tuple[Tensor, int]]):
    """A map-style data set of (image, label)."""

    def __init__(self, images: Images) -> None:
        self.images = images

    def __len__(self) -> int:
        """N."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """(C, H, W) uint8, and a label."""
        return torch.from_numpy(self.images[index].transpose(2, 0, 1).copy()), index % 3


def encoded(image: Image.Image | Images, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of an image file."""
    stream = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(stream, kind, **options)
    return stream.getvalue()

"""The same images in every kind of input."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset


class Pairs(Dataset[tuple[Tensor, int]]):
    """A map-style data set of (image, label)."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self.images = images

    def __len__(self) -> int:
        """N."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """(C, H, W) uint8, and a label."""
        return torch.from_numpy(self.images[index].transpose(2, 0, 1).copy()), index % 3


@pytest.fixture
def images() -> NDArray[np.uint8]:
    """37 images (N, H, W, C)."""
    return np.random.default_rng(0).integers(0, 256, (37, 5, 7, 3), dtype=np.uint8)


@pytest.fixture
def folder(images: NDArray[np.uint8], tmp_path: Path) -> Path:
    """The images as nested png files whose names sort in their order."""
    for number, image in enumerate(images):
        path = tmp_path / "folder" / f"part{number // 20}" / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return tmp_path / "folder"


@pytest.fixture
def pack(tmp_path: Path) -> Callable[[dict[str, bytes], str], Path]:
    """Write members to an archive, in reverse order, since readers have to sort them."""

    def packed(members: dict[str, bytes], suffix: str) -> Path:
        path = tmp_path / f"archive{suffix}"
        items = reversed(members.items())
        if suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                for name, data in items:
                    archive.writestr(name, data)
        else:
            with tarfile.open(path, "w:gz" if suffix.endswith("gz") else "w") as tar:
                for name, data in items:
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
        return path

    return packed


def png(image: Image.Image, kind: str = "PNG") -> bytes:
    """The bytes of an image file."""
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()

"""The same images in every kind of input."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from inputs_kit import Images, encoded


@pytest.fixture
def images() -> Images:
    """37 images (N, H, W, C)."""
    return np.random.default_rng(0).integers(0, 256, (37, 5, 7, 3), dtype=np.uint8)


@pytest.fixture
def members(images: Images) -> dict[str, bytes]:
    """The images as nested png files whose names sort in their order."""
    return {f"part{number // 20}/{number:03}.png": encoded(image) for number, image in enumerate(images)}


@pytest.fixture
def folder(members: dict[str, bytes], tmp_path: Path) -> Path:
    """The members as files."""
    for name, data in members.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "folder"


@pytest.fixture
def pack(tmp_path: Path) -> Callable[[dict[str, bytes], str], Path]:
    """Write members to an archive, in reverse order, since readers have to sort them."""

    def packed(members: dict[str, bytes], suffix: str) -> Path:
        path = tmp_path / f"archive{suffix}"
        items = reversed(members.items())
        if suffix == ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
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

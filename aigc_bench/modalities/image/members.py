"""Image files in one order, from a folder or an archive: names, and bytes on demand from any thread."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from aigc_bench.core.errors import DataError
from aigc_bench.modalities.image.decoding import SUFFIXES, BadImageError

MAX_MEMBER_BYTES = 512 * 2**20
"""an image file is held in memory as a whole"""


class Members(Protocol):
    """Image files, sorted by their names as strings with `/` between folders."""

    @property
    def name(self) -> str:
        """The path of the folder or archive."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """Relative names, ascending."""
        ...

    def read(self, index: int) -> bytes:
        """Read a file as a whole; from any thread.

        Raises:
            BadImageError: it cannot be read.
        """
        ...

    def close(self) -> None:
        """Give back what is held open."""
        ...


def is_image(name: str) -> bool:
    """Tell by its suffix; hidden files and folders, and what macOS adds to archives, are no samples."""
    parts = name.split("/")
    hidden = any((part.startswith(".") and part != ".") or part == "__MACOSX" for part in parts)
    return name.lower().endswith(SUFFIXES) and not hidden


def required(names: list[str], where: str) -> list[str]:
    """Return the names if there are any.

    Raises:
        DataError: there are none.
    """
    if not names:
        raise DataError(f"{where} holds no images; expected files that end in {', '.join(SUFFIXES)}")
    return names


def class_names(names: Sequence[str]) -> tuple[str, ...] | None:
    """The class of every file: its folder at the first level where there are several; None where there is no such.

    A folder that holds everything, as archives often have, is no class.
    """
    folders = [name.split("/")[:-1] for name in names]
    for level in range(min(map(len, folders))):
        found = tuple(path[level] for path in folders)
        if len(set(found)) > 1:
            return found
    return None


class FolderMembers:
    """The image files below a folder. Linked files are read, linked folders are not entered."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self._folder = folder
        found = (
            Path(root, file).relative_to(folder).as_posix() for root, _, files in os.walk(folder) for file in files
        )
        self.names = required(sorted(filter(is_image, found)), self.name)

    def read(self, index: int) -> bytes:
        """Read a file as a whole."""
        path = self._folder / self.names[index]
        try:
            if not path.is_file():  # reading a pipe would wait for ever
                raise BadImageError("no regular file")
            if path.stat().st_size > MAX_MEMBER_BYTES:
                raise BadImageError(f"larger than {MAX_MEMBER_BYTES} bytes")
            return path.read_bytes()
        except OSError as error:
            raise BadImageError(str(error)) from error

    def close(self) -> None:
        """Nothing is held open."""

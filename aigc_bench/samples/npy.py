"""The npy format and npz archives, read so that nothing is ever unpickled.

The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html; an npz file is a zip of them.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from aigc_bench.core.errors import DataError
from aigc_bench.samples.archives import ZIP_ERRORS, check_ratio, checked_zip


class NpyHeader(NamedTuple):
    """The header of an npy file: type, order and shape of the array that follows it."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]
    offset: int
    """bytes before the first number"""

    @property
    def num_bytes(self) -> int:
        """What the whole file must hold."""
        return self.offset + math.prod(self.shape) * self.dtype.itemsize


def read_header(file: IO[bytes], num_bytes: int, where: str) -> NpyHeader:
    """Read the header of an npy file that is `num_bytes` long, and stop at its first number.

    Raises:
        DataError: no npy file, a pickled array, or not as long as its shape says.
    """
    try:
        version = npy_format.read_magic(file)
        if version != (1, 0):  # later ones exist for structured types, and allow headers of gigabytes
            raise ValueError(f"version {version}, expected (1, 0)")
        shape, fortran_order, dtype = npy_format.read_array_header_1_0(file)
        offset = file.tell()
    except ZIP_ERRORS as error:
        raise DataError(f"{where} is not a readable npy array: {error}") from error
    if dtype.hasobject:
        raise DataError(
            f"{where} is a pickled array ({dtype}), and unpickling can run code; save numbers, e.g. as uint8"
        )
    found = NpyHeader(shape, fortran_order, dtype, offset)
    if found.num_bytes != num_bytes or min(shape, default=0) < 0:
        raise DataError(
            f"{where} is truncated or damaged: {shape} of {dtype} take {found.num_bytes} bytes, not {num_bytes}"
        )
    return found


class Npz:
    """An open npz archive; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._archive = checked_zip(path)

    @property
    def keys(self) -> list[str]:
        """Names of the arrays."""
        return sorted(name.removesuffix(".npy") for name in self._archive.namelist())

    def open(self, key: str) -> tuple[NpyHeader, IO[bytes]]:
        """Return the header of an array, and a stream of its numbers.

        Raises:
            DataError: no such array, pickled, or damaged.
        """
        where = f"{self.path}[{key!r}]"
        try:
            info = self._archive.getinfo(f"{key}.npy")
            check_ratio(info, str(self.path))
            stream = self._archive.open(info)
        except KeyError as error:
            raise DataError(f"{self.path} holds no array {key!r}; it holds {', '.join(self.keys) or 'none'}") from error
        except ZIP_ERRORS as error:
            raise DataError(f"{where} cannot be read: {error}") from error
        try:
            return read_header(stream, info.file_size, where), stream
        except DataError:
            stream.close()
            raise

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()

    def __enter__(self) -> Npz:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_numbers(stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any], where: str) -> NDArray[Any]:
    """Read the next numbers of a stream, in C order.

    Raises:
        DataError: it ends early or is damaged.
    """
    num_bytes = math.prod(shape) * dtype.itemsize
    numbers = np.empty(shape, dtype)
    view = numbers.reshape(-1).view(np.uint8).data
    num_read = 0
    try:
        while num_read < num_bytes:
            block = stream.read(min(num_bytes - num_read, 2**20))
            if not block:
                raise EOFError(f"it ends {num_bytes - num_read} bytes early")
            view[num_read : num_read + len(block)] = block
            num_read += len(block)
    except (zipfile.BadZipFile, *ZIP_ERRORS) as error:
        raise DataError(f"{where} is truncated or damaged: {error}") from error
    return numbers

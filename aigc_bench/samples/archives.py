"""Zip and tar archives of samples. Members are read in memory and never unpacked, and odd ones refused all the same.

An archive that holds a name which would escape its folder, a link or a device was made to deceive or by mistake: it is
refused as a whole, whichever members are images.
"""

from __future__ import annotations

import gzip
import re
import stat
import tarfile
import tempfile
import threading
import weakref
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from aigc_bench.core.errors import DataError
from aigc_bench.core.wording import printable
from aigc_bench.samples.members import MAX_MEMBER_BYTES, BadFileError, FileKind

MAX_RATIO = 200
"""Unpacked to packed size; checked above MIN_BOMB_BYTES, since a small blank image packs as well as a bomb."""
MIN_BOMB_BYTES = 16 * 2**20
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
"""RuntimeError: encrypted; NotImplementedError: a packing that zipfile does not know"""


def check_names(names: Iterable[str], where: str) -> None:
    """Refuse names that are absolute, leave the archive, or stand there twice.

    Raises:
        DataError: there is such a name.
    """
    seen: set[str] = set()
    for name in names:
        if name.startswith(("/", "\\")) or re.match("[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
            raise DataError(f"{where} holds a member named {name!r}, which leads out of the archive; refused as unsafe")
        if name in seen:
            raise DataError(f"{where} holds two members named {name!r}; expected one: which is meant?")
        seen.add(name)


def checked_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip archive whose members are plain files, not encrypted, with harmless names.

    Raises:
        DataError: truncated, no zip archive, or holding anything else.
    """
    try:
        archive = zipfile.ZipFile(path)
    except ZIP_ERRORS as error:
        raise DataError(f"{path} is not a readable zip archive, or truncated: {error}") from error
    try:
        check_names((info.filename for info in archive.infolist()), str(path))
        for info in archive.infolist():
            if info.flag_bits & 1:
                raise DataError(f"{path} is encrypted ({info.filename}); unpack it with its password first")
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise DataError(f"{path} holds a link or device, {info.filename!r}; expected files only")
    except DataError:
        archive.close()
        raise
    return archive


def check_ratio(info: zipfile.ZipInfo, where: str) -> None:
    """Refuse a member that is packed too well to hold pictures.

    Raises:
        DataError: it is.
    """
    ratio = info.file_size / max(info.compress_size, 1)
    if info.file_size > MIN_BOMB_BYTES and ratio > MAX_RATIO:
        raise DataError(
            f"{where} holds {info.filename!r}, {info.file_size} bytes packed {ratio:.0f}-fold; refused as a "
            f"decompression bomb (at most {MAX_RATIO}-fold above {MIN_BOMB_BYTES} bytes)"
        )


class ZipMembers:
    """The files of one kind in a zip archive."""

    def __init__(self, path: Path, kind: FileKind) -> None:
        self.name = printable(str(path))
        self._archive = checked_zip(path)
        try:
            infos = self._archive.infolist()
            self._infos = {info.filename: info for info in infos if kind.reads(info.filename)}
            self.notes = kind.left_out(info.filename for info in infos)
            self._keys = kind.required(sorted(self._infos), self.name, self.notes)
            self.names = [printable(key) for key in self._keys]
            for info in self._infos.values():
                if info.file_size > MAX_MEMBER_BYTES:
                    raise DataError(
                        f"{path} holds {info.filename!r} of {info.file_size} bytes, over {MAX_MEMBER_BYTES}"
                    )
                check_ratio(info, self.name)
        except DataError:
            self._archive.close()
            raise

    def read(self, index: int) -> bytes:
        """Read a file as a whole. zipfile locks the archive and checks the CRC."""
        try:
            return self._archive.read(self._infos[self._keys[index]])
        except ZIP_ERRORS as error:
            raise BadFileError(str(error)) from error

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()


class TarMembers:
    """The files of one kind in a tar archive, packed with gzip or not.

    Members come in the order of their names, not of the archive, and gzip cannot seek: a packed archive is first
    unpacked as a whole, into a temporary file without a name.
    """

    def __init__(self, path: Path, kind: FileKind) -> None:
        self.name = printable(str(path))
        self._lock = threading.Lock()
        try:
            self._file = _plain_tar(path)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} is not a readable tar archive, or truncated: {error}") from error
        self._finalizer = weakref.finalize(self, self._file.close)
        try:
            infos = _tar_members(self._file, self.name)
            self._infos = {info.name: info for info in infos if kind.reads(info.name)}
            self.notes = kind.left_out(info.name for info in infos)
            self._keys = kind.required(sorted(self._infos), self.name, self.notes)
            self.names = [printable(key) for key in self._keys]
        except DataError:
            self.close()
            raise

    def read(self, index: int) -> bytes:
        """Read a file as a whole."""
        info = self._infos[self._keys[index]]
        if info.size > MAX_MEMBER_BYTES:
            raise BadFileError(f"larger than {MAX_MEMBER_BYTES} bytes")
        try:
            with self._lock:
                self._file.seek(info.offset_data)
                return self._file.read(info.size)
        except OSError as error:
            raise BadFileError(str(error)) from error

    def close(self) -> None:
        """Close the archive; a temporary file ceases to exist."""
        self._finalizer()


def _plain_tar(path: Path) -> IO[bytes]:
    file = path.open("rb")
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if not packed:
        return file
    limit = max(MAX_MEMBER_BYTES, MAX_RATIO * path.stat().st_size)
    plain = tempfile.TemporaryFile()  # noqa: SIM115  it outlives this function
    try:
        with file, gzip.open(file) as stream:
            while block := stream.read(2**20):
                if plain.tell() > limit:
                    raise DataError(f"{path} unpacks to more than {limit} bytes; refused as a decompression bomb")
                plain.write(block)
        plain.seek(0)
    except BaseException:
        plain.close()
        raise
    return plain


def _tar_members(file: IO[bytes], where: str) -> list[tarfile.TarInfo]:
    try:
        # Not closed: closing a TarFile that was opened for reading does nothing, and the file is ours.
        members = tarfile.open(fileobj=file, mode="r:").getmembers()  # noqa: SIM115
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise DataError(f"{where} is not a readable tar archive, or truncated: {error}") from error
    for info in members:
        if not (info.isreg() or info.isdir()) or info.issparse():
            raise DataError(f"{where} holds a link, device or sparse file, {info.name!r}; expected plain files only")
    files = [info for info in members if info.isreg()]
    check_names((info.name for info in files), where)
    check_names({info.name for info in members if info.isdir()}, where)
    # tarfile takes a damaged header for the end; the end is a block of zeros, and without one something is missing.
    end = max((info.offset_data + -(-info.size // 512) * 512 for info in members), default=0)
    if not _is_blank(file, end):
        raise DataError(f"{where} is a truncated or damaged tar archive: its end is missing after {len(files)} files")
    return files


def _is_blank(file: IO[bytes], start: int) -> bool:
    """Whether there is a block of zeros; a damaged size leads to where no file can be read."""
    try:
        file.seek(start)
        return file.read(512) == bytes(512)
    except (OSError, ValueError):
        return False

"""Files that are samples, in one order, from a folder or an archive: names, and bytes on demand from any thread."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aigc_bench.core.errors import DataError
from aigc_bench.core.wording import listed, printable

MAX_MEMBER_BYTES = 512 * 2**20
"""a file is held in memory as a whole"""

CACHE_TAG = "CACHEDIR.TAG"
"""marks a folder whose content a program made for itself (https://bford.info/cachedir/)"""
RUN_FILES = ("run.json", "exhibits.safetensors")
"""mark the folder of a finished run, whose figures are no samples"""


class BadFileError(DataError):
    """A file that cannot be read as a sample; the message does not say which, its reader does."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """Which files are samples of one kind, told by their suffixes."""

    plural: str
    """as in "images" """
    suffixes: tuple[str, ...]
    """in lower case, of files that are read"""
    others: tuple[str, ...]
    """of files that may well be such samples, and are not read: they are counted and named"""

    def reads(self, name: str) -> bool:
        """Tell by the suffix; hidden files and folders, and what macOS adds to archives, are no samples."""
        return name.lower().endswith(self.suffixes) and not _is_hidden(name)

    def required(self, names: list[str], where: str, notes: Sequence[str] = ()) -> list[str]:
        """Return the names if there are any.

        Raises:
            DataError: there are none.
        """
        if not names:
            also = "".join(f"; {note}" for note in notes)
            raise DataError(
                f"{where} holds no {self.plural}; expected files that end in {', '.join(self.suffixes)}{also}"
            )
        return names

    def left_out(self, names: Iterable[str]) -> list[str]:
        """A sentence about files that look like samples and are not read, if there are any."""
        left = sorted(name for name in names if name.lower().endswith(self.others) and not _is_hidden(name))
        if not left:
            return []
        suffixes = Counter(os.path.splitext(name)[1].lower() for name in left)
        counts = ", ".join(f"{num} {suffix}" for suffix, num in sorted(suffixes.items()))
        return [
            f"{len(left)} files that look like {self.plural} are left out, since their format is not read ({counts}): "
            f"{listed(map(printable, left))}"
        ]


def _is_hidden(name: str) -> bool:
    return any((part.startswith(".") and part != ".") or part == "__MACOSX" for part in name.split("/"))


class Members(Protocol):
    """Files of samples, sorted by their names as strings with `/` between folders."""

    @property
    def name(self) -> str:
        """The path of the folder or archive."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """Relative names, ascending; bytes that are no text are escaped."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """A sentence for every kind of thing that was there and is left out."""
        ...

    def read(self, index: int) -> bytes:
        """Read a file as a whole; from any thread.

        Raises:
            BadFileError: it cannot be read.
        """
        ...

    def close(self) -> None:
        """Give back what is held open."""
        ...


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


@dataclass
class _Scan:
    """A walk through a folder: every real folder once, links to folders followed, the program's own output left out."""

    top: Path
    files: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    repeats: list[str] = field(default_factory=list)
    _entered: set[tuple[int, int]] = field(default_factory=set)

    def run(self) -> None:
        """Real folders first, so that a folder keeps its own name where a link leads to it, too."""
        links = list(self._below(""))
        while links:
            links = [further for link in sorted(links) for further in self._linked(link)]

    def _linked(self, name: str) -> Iterator[str]:
        if self._identity(name) in self._entered:
            self.repeats.append(name)
            return
        yield from self._below(name)

    def _below(self, folder: str) -> Iterator[str]:
        """Collect the files below a folder; the links to folders there, which are not followed yet."""
        self._entered.add(self._identity(folder))
        entries = self._entries(folder)
        names = {entry.name for entry in entries}
        if folder and (CACHE_TAG in names or names.issuperset(RUN_FILES)):
            self.outputs.append(folder)
            return
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if not entry.is_dir():
                self.files.append(name)
            elif entry.is_symlink():
                yield name
            elif not entry.name.startswith("."):
                yield from self._below(name)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.top / folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            where = printable(str(self.top / folder))
            raise DataError(
                f"{where} cannot be entered: {error.strerror}; give yourself the right to read it, or remove it"
            ) from error

    def _identity(self, folder: str) -> tuple[int, int]:
        status = os.stat(self.top / folder)
        return status.st_dev, status.st_ino

    @property
    def notes(self) -> list[str]:
        """What was there and is left out."""
        notes = []
        if self.outputs:
            notes.append(
                "folders that a program marks as its own output are left out, such as runs of aigc-bench: "
                f"{listed(map(printable, self.outputs))}"
            )
        if self.repeats:
            notes.append(f"links to folders that are read already are left out: {listed(map(printable, self.repeats))}")
        return notes


class FolderMembers:
    """The files of one kind below a folder. Links are followed, and every folder is read once."""

    def __init__(self, folder: Path, kind: FileKind) -> None:
        self.name = printable(str(folder))
        self._folder = folder
        scan = _Scan(folder)
        scan.run()
        self.notes = (*kind.left_out(scan.files), *scan.notes)
        self._paths = kind.required(sorted(filter(kind.reads, scan.files)), self.name, self.notes)
        self.names = [printable(path) for path in self._paths]

    def read(self, index: int) -> bytes:
        """Read a file as a whole."""
        path = self._folder / self._paths[index]
        try:
            if not path.is_file():  # reading a pipe would wait for ever
                raise BadFileError("no regular file")
            if path.stat().st_size > MAX_MEMBER_BYTES:
                raise BadFileError(f"larger than {MAX_MEMBER_BYTES} bytes")
            return path.read_bytes()
        except OSError as error:
            raise BadFileError(error.strerror or type(error).__name__) from error

    def close(self) -> None:
        """Nothing is held open."""

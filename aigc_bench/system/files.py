"""Files written whole or not at all, errors of the disk in words, and locks between processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import safetensors
from filelock import FileLock

from aigc_bench.core.errors import StoreError


def write_text(path: Path, text: str) -> None:
    """Write a text beside its place, flush it to the disk, and rename it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def writing(path: Path, elsewhere: str = "another place with --store") -> Iterator[None]:
    """An error of the disk says which path and what to do, and is never swallowed."""
    try:
        yield
    except (OSError, safetensors.SafetensorError) as error:
        raise StoreError(f"cannot write {path}: {error}; free some space there or choose {elsewhere}") from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of that file; another process that wants it waits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # Windows keeps a file that somebody waits for
                path.unlink(missing_ok=True)

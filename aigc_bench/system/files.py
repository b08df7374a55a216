"""Files written whole or not at all, errors of the disk in words, and locks between processes."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import safetensors
import safetensors.torch
from filelock import FileLock
from torch import Tensor

from aigc_bench.core.errors import StoreError


def new_folder(path: Path) -> Path:
    """Make an empty folder for those whom the user's umask lets in; `tempfile` makes one for nobody else."""
    shutil.rmtree(path, ignore_errors=True)  # of a process that was killed, and had our number
    path.mkdir(parents=True)
    return path


def save_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file with the rights that any new file has: the library itself gives them to nobody else."""
    safetensors.torch.save_file(dict(tensors), path, dict(metadata) if metadata else None)
    probe = path.with_name(f".{path.name}.rights-{os.getpid()}")
    probe.touch()
    path.chmod(probe.stat().st_mode & 0o777)
    probe.unlink()


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

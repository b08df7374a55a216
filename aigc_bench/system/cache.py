"""The stage cache: what stages made, under the digest of everything it was made from.

    STORE/cache/STAGE/DIGEST/...

A stage is written beside its place and renamed into it, so that a killed run leaves nothing that looks finished. Every
entry carries the sizes and checksums of its files: what a disk or a person has changed is set aside, said, and made
anew, before it can enter a score.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import safetensors
import safetensors.torch
from torch import Tensor

from aigc_bench.core import OnEvent
from aigc_bench.system.files import locked, save_tensors, write_text, writing

CHECKSUMS = "checksums.json"
PARTIAL = ".partial"
RUNNING = "running"
DAMAGE = (safetensors.SafetensorError, json.JSONDecodeError, UnicodeDecodeError, EOFError)
"""what reading a damaged file of an unfinished stage raises"""


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


class Cache:
    """What stages made, under the digest of everything it was made from.

    Args:
        root: its folder.
        on_event: hears of entries that were found damaged.
    """

    def __init__(self, root: Path, on_event: OnEvent = lambda event: None) -> None:
        self.root = root
        self._on_event = on_event
        self._sound: set[Path] = set()

    def is_finished(self, stage: str, inputs: Mapping[str, Any]) -> bool:
        """Whether the stage need not run."""
        return self.is_sound(self._folder(stage, inputs))

    def is_sound(self, folder: Path) -> bool:
        """Whether an entry is there, and its files are as they were written; read once in the life of this object."""
        if folder not in self._sound:
            try:
                recorded = json.loads((folder / CHECKSUMS).read_bytes())
            except (OSError, ValueError):
                return False
            if recorded != _checksums(folder):
                return False
            self._sound.add(folder)
        return True

    def finish(self, stage: str, inputs: Mapping[str, Any], produce: Callable[[Path], None]) -> Path:
        """The folder of a finished stage; `produce` fills it where it is missing.

        `produce` gets the folder that an earlier attempt left behind, so that a long stage can keep checkpoints
        in it. Two processes that want the same stage wait for each other.

        Raises:
            StoreError: the disk is full or not writable.
        """
        folder = self._folder(stage, inputs)
        if self.is_sound(folder):
            return folder
        partial = folder.with_name(folder.name + PARTIAL)
        with writing(folder), locked(folder.with_name(folder.name + ".lock")):
            if not self.is_sound(folder):
                if folder.is_dir():
                    self._set_aside(folder, "is not as it was written")
                self._produce(partial, produce)
                write_text(partial / "inputs.json", json.dumps(inputs, indent=2, sort_keys=True, default=str))
                write_text(partial / CHECKSUMS, json.dumps(_checksums(partial), indent=2))
                partial.rename(folder)
                self._sound.add(folder)
        return folder

    def _produce(self, partial: Path, produce: Callable[[Path], None]) -> None:
        """Go on with what an earlier attempt left; begin anew where that is damaged."""
        is_resumed = partial.is_dir()
        partial.mkdir(parents=True, exist_ok=True)
        try:
            produce(partial)
        except DAMAGE as error:
            if not is_resumed:
                raise
            self._set_aside(partial, f"cannot be gone on with ({error})")
            partial.mkdir()
            produce(partial)

    def _set_aside(self, folder: Path, what: str) -> None:
        aside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.damaged-", dir=folder.parent))
        folder.rename(aside / folder.name)
        where = f"{folder.parent.name}/{folder.name}"
        self._on_event(
            {
                "event": "note",
                "text": f"the cache entry {where} {what}: it is set aside in {aside}, and made anew. Check the disk.",
            }
        )

    def entry(self, stage: str, inputs: Mapping[str, Any]) -> str:
        """Where a stage is or would be, relative to the cache: "features/DIGEST"."""
        return self._folder(stage, inputs).relative_to(self.root).as_posix()

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for what nothing can name yet, gone in the end; what is mapped of it outlives its name.

        Raises:
            StoreError: the disk is full or not writable.
        """
        with writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="scratch-", dir=self.root) as folder:
                yield Path(folder)

    def tensors(
        self, stage: str, inputs: Mapping[str, Any], produce: Callable[[], dict[str, Tensor]]
    ) -> dict[str, Tensor]:
        """A stage that is a dictionary of tensors, on the CPU."""

        def write(folder: Path) -> None:
            found = {key: value.cpu().contiguous() for key, value in produce().items()}
            save_tensors(found, folder / "tensors.safetensors")

        folder = self.finish(stage, inputs, write)
        return dict(safetensors.torch.load_file(folder / "tensors.safetensors"))

    def value(self, stage: str, inputs: Mapping[str, Any], produce: Callable[[], Any]) -> Any:
        """A stage that is a JSON value."""

        def write(folder: Path) -> None:
            write_text(folder / "value.json", json.dumps(produce()))

        return json.loads((self.finish(stage, inputs, write) / "value.json").read_bytes())

    @contextlib.contextmanager
    def attempt(self, inputs: Mapping[str, Any]) -> Iterator[int]:
        """Mark work that may take the whole process along; how many processes have died at it and finished nothing.

        One that is alive is at work beside this one, and one that wrote anything before it died got on: it may well
        have been killed from outside, in the middle of long work.
        """
        path = self.root / RUNNING / f"{digest_of(inputs)[:32]}.json"
        me = Mark(platform.node(), os.getpid(), psutil.Process().create_time(), time.time())
        with locked(path.with_suffix(".lock")):
            before = _marks(path)
            write_text(path, json.dumps([*before, me]))
        try:
            yield sum(not mark.is_alive and not self._got_on(mark) for mark in before)
        finally:
            with locked(path.with_suffix(".lock")):
                left = [mark for mark in _marks(path) if mark.is_alive and mark != me]
                if left:
                    write_text(path, json.dumps(left))
                else:
                    path.unlink(missing_ok=True)

    def _got_on(self, mark: Mark) -> bool:
        # What is still written is no progress: the next attempt writes it anew.
        files = (p for p in self.root.rglob("*") if RUNNING not in p.parts and p.suffix != PARTIAL and p.is_file())
        return any(path.stat().st_mtime > mark.at for path in files)

    def entries(self, *, older_than_s: float = 0.0) -> list[tuple[str, str, int]]:
        """(stage, digest, bytes) of everything there, unfinished work included, that was written so long ago."""
        latest = time.time() - older_than_s
        folders = sorted(path for path in self.root.glob("*/*") if path.is_dir() and path.stat().st_mtime <= latest)
        return [(path.parent.name, path.name, _size(path)) for path in folders]

    def prune(self, *, older_than_s: float = 0.0) -> int:
        """Delete every stage, or those that were written so long ago; the bytes freed. Runs stay."""
        freed = 0
        with writing(self.root):
            for stage, digest, size in self.entries(older_than_s=older_than_s):
                shutil.rmtree(self.root / stage / digest)
                freed += size
        return freed

    def _folder(self, stage: str, inputs: Mapping[str, Any]) -> Path:
        return self.root / stage / digest_of(inputs)[:32]


class Mark(NamedTuple):
    """A process that began some work."""

    host: str
    pid: int
    since: float
    """its start, which tells it from another of the same number"""
    at: float
    """when it began"""

    @property
    def is_alive(self) -> bool:
        """Whether it runs; of another host nobody here can tell, and it is taken to."""
        if self.host != platform.node():
            return True
        try:
            return bool(psutil.Process(self.pid).create_time() == self.since)
        except psutil.Error:
            return False


def _marks(path: Path) -> list[Mark]:
    try:
        return [Mark(*mark) for mark in json.loads(path.read_bytes())]
    except (OSError, ValueError, TypeError):
        return []


def _checksums(folder: Path) -> dict[str, list[int]]:
    """Relative name => size and CRC-32: against accidents, and as fast as the disk."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != CHECKSUMS)
    return {path.relative_to(folder).as_posix(): [path.stat().st_size, _crc(path)] for path in files}


def _crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while block := file.read(2**20):
            crc = zlib.crc32(block, crc)
    return crc


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

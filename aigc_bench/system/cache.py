"""The stage cache: what stages made, under the digest of everything it was made from.

    STORE/cache/STAGE/DIGEST/...

A stage is written beside its place and renamed into it, so that a killed run leaves nothing that looks finished.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from aigc_bench.system.files import locked, write_text, writing


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


class Cache:
    """What stages made, under the digest of everything it was made from."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def is_finished(self, stage: str, inputs: Mapping[str, Any]) -> bool:
        """Whether the stage need not run."""
        return self._folder(stage, inputs).is_dir()

    def finish(self, stage: str, inputs: Mapping[str, Any], produce: Callable[[Path], None]) -> Path:
        """The folder of a finished stage; `produce` fills it where it is missing.

        `produce` gets the folder that an earlier attempt left behind, so that a long stage can keep checkpoints
        in it. Two processes that want the same stage wait for each other.

        Raises:
            StoreError: the disk is full or not writable.
        """
        folder = self._folder(stage, inputs)
        if folder.is_dir():
            return folder
        partial = folder.with_name(folder.name + ".partial")
        with writing(folder), locked(folder.with_name(folder.name + ".lock")):
            if not folder.is_dir():
                partial.mkdir(parents=True, exist_ok=True)
                produce(partial)
                write_text(partial / "inputs.json", json.dumps(inputs, indent=2, sort_keys=True, default=str))
                partial.rename(folder)
        return folder

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
            safetensors.torch.save_file(found, folder / "tensors.safetensors")

        folder = self.finish(stage, inputs, write)
        return dict(safetensors.torch.load_file(folder / "tensors.safetensors"))

    def value(self, stage: str, inputs: Mapping[str, Any], produce: Callable[[], Any]) -> Any:
        """A stage that is a JSON value."""

        def write(folder: Path) -> None:
            write_text(folder / "value.json", json.dumps(produce()))

        return json.loads((self.finish(stage, inputs, write) / "value.json").read_bytes())

    def entries(self) -> list[tuple[str, str, int]]:
        """(stage, digest, bytes) of everything there, unfinished work included."""
        folders = sorted(path for path in self.root.glob("*/*") if path.is_dir())
        return [(path.parent.name, path.name, _size(path)) for path in folders]

    def prune(self) -> int:
        """Delete every stage; the bytes freed. Runs stay."""
        freed = sum(size for _, _, size in self.entries())
        with writing(self.root):
            if self.root.is_dir():
                shutil.rmtree(self.root)
        return freed

    def _folder(self, stage: str, inputs: Mapping[str, Any]) -> Path:
        return self.root / stage / digest_of(inputs)[:32]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

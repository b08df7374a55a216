"""Run <=> files: the folder of runs.

    STORE/RUN_ID/run.json, exhibits.safetensors, report.html, figures/
    STORE/latest                  the id of the newest finished run
    STORE/CACHEDIR.TAG, .gitignore  keep it out of backups, of revisions, and of samples that are looked for around it
    STORE/cache/                  see `aigc_bench.system.cache`

Everything is written beside its place and renamed into it, so a reader never sees half a file.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import safetensors.torch
from pydantic import ValidationError

from aigc_bench.core import OnEvent
from aigc_bench.core.errors import StoreError, UnknownNameError
from aigc_bench.runs.records import Exhibits, Run
from aigc_bench.samples.members import CACHE_TAG
from aigc_bench.system.cache import Cache
from aigc_bench.system.files import new_folder, save_tensors, write_text, writing

TAG = """Signature: 8a477f597d28d172789f06886806bc55
# This folder was made by aigc-bench: runs, and what can be computed anew. See https://bford.info/cachedir/
"""


class Store:
    """A folder of runs and cached stages."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with writing(root):
            if not root.is_dir():
                root.mkdir(parents=True)
                write_text(root / CACHE_TAG, TAG)
                write_text(root / ".gitignore", "# made by aigc-bench: runs are no part of a revision\n*\n")
            # Found out now, not after an hour of training.
            with tempfile.TemporaryFile(dir=root):
                pass

    @property
    def cache(self) -> Cache:
        """What finished stages left behind."""
        return self.cache_heard_by(lambda event: None)

    def cache_heard_by(self, on_event: OnEvent) -> Cache:
        """The same; somebody hears of entries that are found damaged."""
        return Cache(self.root / "cache", on_event)

    def folder(self, run_id: str) -> Path:
        """Where a run's files are."""
        return self.root / run_id

    def write(self, run: Run, exhibits: Exhibits) -> Path:
        """Write a finished run and make it the latest; its folder.

        Raises:
            StoreError: the disk is full or not writable.
        """
        folder = self.folder(run.id)
        with writing(folder):
            partial = new_folder(self.root / f".{run.id}-{os.getpid()}")
            save_tensors(exhibits, partial / "exhibits.safetensors")
            write_text(partial / "run.json", run.model_dump_json(indent=2) + "\n")
            partial.rename(folder)
            write_text(self.root / "latest", run.id + "\n")
        return folder

    def runs(self) -> list[str]:
        """Ids of the finished runs, oldest first."""
        return [path.parent.name for path in sorted(self.root.glob("[!.]*/run.json"), key=_modified)]

    def names(self) -> list[str]:
        """Ids of the finished runs, oldest first, and "latest" where there is one."""
        return [*self.runs(), *(["latest"] if (self.root / "latest").is_file() else [])]

    def resolve(self, name: str) -> Path:
        """The folder of a run by id, "latest", or path (of the folder or its run.json).

        Raises:
            UnknownNameError: no such run.
        """
        latest = self.root / "latest"
        if name == "latest" and latest.is_file():
            name = latest.read_text().strip()
        for path in (self.root / name, Path(name), Path(name).parent):
            if (path / "run.json").is_file() and (path != Path(name).parent or Path(name).is_file()):
                return path
        raise UnknownNameError.of("run", name, self.names())


def load_run(folder: Path) -> Run:
    """Read a run's record.

    Raises:
        StoreError: not a run.json of this schema.
    """
    return read_run(folder / "run.json")


def read_run(path: Path) -> Run:
    """Read a run's record from a file of any name.

    Raises:
        StoreError: not a run of this schema.
    """
    try:
        return Run.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise StoreError(f"{path} is not a run of schema version 1: {error}") from error


def load_exhibits(folder: Path) -> Exhibits:
    """Read what a run's figures show.

    Raises:
        StoreError: missing or damaged.
    """
    try:
        return dict(safetensors.torch.load_file(folder / "exhibits.safetensors"))
    except (OSError, safetensors.SafetensorError) as error:
        raise StoreError(f"{folder / 'exhibits.safetensors'} cannot be read: {error}") from error


def _modified(path: Path) -> float:
    return path.stat().st_mtime

"""Run <=> files: the run's record, its exhibits, and the cache of stages.

    STORE/
      RUN_ID/run.json, exhibits.safetensors, report.html, figures/
      cache/STAGE/DIGEST/...      what a stage wrote, under the digest of everything it was made from
      latest                      the id of the newest finished run

Everything is written beside its place and renamed into it, so a reader never sees half a file and a
killed run leaves nothing that looks finished.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from aigc_bench.core import Score, TrainingLog
from aigc_bench.errors import StoreError, UnknownNameError
from aigc_bench.machine import Environment
from aigc_bench.suite import Suite


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetRecord(_Record):
    """Which real data a run was scored against."""

    name: str
    digest: str
    shape: tuple[int, ...]
    num_fit: int
    num_reference: int
    num_holdout: int
    num_classes: int | None
    notes: tuple[str, ...] = ()


class CaseRecord(_Record):
    """What became of one case."""

    generator: str
    training_seed: int | None
    status: Literal["ok", "failed", "anchor"]
    reason: str | None = None
    training: TrainingLog | None = None
    features: dict[str, str] = {}
    """extractor's digest => where the row's features are: in the cache ("features/DIGEST"), or an absolute path"""
    seeded: bool = False
    """sample i is that of sample seed i"""
    weights: str | None = None
    """the checkpoint that was sampled, relative to the cache; None of what was not trained here"""

    @property
    def label(self) -> str:
        """For messages: "gan" or "gan, seed 0"."""
        return self.generator if self.training_seed is None else f"{self.generator}, seed {self.training_seed}"


class Run(_Record):
    """Everything a run found; the contents of run.json."""

    schema_version: Literal[1] = 1
    id: str
    created: str
    """ISO 8601, UTC"""
    wall_s: float
    command: str
    """the command line that repeats it"""
    suite: Suite
    environment: Environment
    dataset: DatasetRecord
    cases: tuple[CaseRecord, ...]
    scores: tuple[Score, ...]
    exhibits: str | None = None
    """SHA-256 of exhibits.safetensors"""
    features: dict[str, str] = {}
    """the same of the real side"""


Exhibits = dict[str, Tensor]
"""What the figures show beside the scores. Keys are `KIND/GENERATOR/SEED`, with SEED `-` where there is none
(the anchors are generators "floor" and "noise"):

    samples                  (64, C, H, W) uint8, of the same 64 sample seeds for every generator
    originals, reconstructions   (16, C, H, W) uint8, of scored samples where they are paired
    neighbours               (8, 2, C, H, W) uint8: the samples nearest to the fit split, each beside its neighbour; of
                             scored samples those nearest to the real side
    costly                   (8, 2, C, H, W) uint8: the samples that cost the Fréchet distance most, each beside the
                             real image nearest to it; (8, 1, C, H, W) where there are none, `neighbours` too
    costly_index, costly_share   (8,) int64, float64: which samples these are, and by what share the
                             distance would fall without each
    neighbour_distance       (N,) float32: every sample's distance to the fit split, in feature space
    latency                  (calls,) float64 seconds
    classes                  (K,) int64: predicted classes; also `classes/reference/-`
"""


def exhibit_of(key: str) -> tuple[str, str]:
    """Kind and generator of an exhibit's key; a generator that is called by a path has strokes in its name."""
    kind, _, rest = key.partition("/")
    return kind, rest.rpartition("/")[0]


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


# ---- runs -------------------------------------------------------------------------------------------


class Store:
    """A folder of runs and cached stages."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with writing(root):
            root.mkdir(parents=True, exist_ok=True)
            # Found out now, not after an hour of training.
            with tempfile.TemporaryFile(dir=root):
                pass

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
            partial = Path(tempfile.mkdtemp(prefix=f".{run.id}-", dir=self.root))
            partial.chmod(0o755)
            safetensors.torch.save_file(exhibits, partial / "exhibits.safetensors")
            _write_text(partial / "run.json", run.model_dump_json(indent=2) + "\n")
            partial.rename(folder)
            _write_text(self.root / "latest", run.id + "\n")
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


# ---- stages -----------------------------------------------------------------------------------------


class Cache:
    """What stages made, under the digest of everything it was made from."""

    def __init__(self, store: Store) -> None:
        self.root = store.root / "cache"

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
        with writing(folder), _locked(folder.with_name(folder.name + ".lock")):
            if not folder.is_dir():
                partial.mkdir(parents=True, exist_ok=True)
                produce(partial)
                _write_text(partial / "inputs.json", json.dumps(inputs, indent=2, sort_keys=True, default=str))
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
            _write_text(folder / "value.json", json.dumps(produce()))

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


def _modified(path: Path) -> float:
    return path.stat().st_mtime


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _write_text(path: Path, text: str) -> None:
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
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

"""Named baselines: runs in a folder that a repository can commit, with the features that a gate needs.

    DIR/NAME/run.json, exhibits.safetensors, features.safetensors, SHA256SUMS

The sums are what `sha256sum -c` reads. A baseline is written beside its place and renamed into it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from aigc_bench.core import Features
from aigc_bench.core.errors import ConfigurationError, FeaturesMissingError, StoreError, UnknownNameError
from aigc_bench.evidence.feature_files import tensors_of
from aigc_bench.runs.recorded import REAL, Recorded, slot
from aigc_bench.runs.records import Run
from aigc_bench.runs.store import Store
from aigc_bench.system.files import new_folder, save_tensors, writing

MAX_BYTES = 16 * 2**20
"""of all features together: what a repository can be asked to hold"""
SUMS = "SHA256SUMS"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
DIRECTORY = Path("baselines")


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a baseline that was set."""

    folder: Path
    num_bytes: int
    without_features: str | None
    """why they were left out; None where they are there"""


def keep(recorded: Recorded, name: str, directory: Path = DIRECTORY, *, features: bool = True) -> Kept:
    """Make a run the baseline of that name, in place of an earlier one.

    Raises:
        ConfigurationError: not a name.
        StoreError: it cannot be written.
    """
    folder = _folder(name, directory)
    features_by_slot, reason = _gathered(recorded) if features else ({}, "as asked")
    with writing(folder):
        directory.mkdir(parents=True, exist_ok=True)
        partial = new_folder(directory / f".{name}-{os.getpid()}")
        try:
            _fill(partial, recorded, features_by_slot)
            _swap(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return Kept(folder, sum(path.stat().st_size for path in folder.iterdir()), reason)


def load(name: str, directory: Path = DIRECTORY) -> Recorded:
    """Read a baseline after checking its sums.

    Raises:
        ConfigurationError: not a name.
        UnknownNameError: no such baseline.
        StoreError: a file is missing or is not what was written; it is named.
    """
    folder = _folder(name, directory)
    if not (folder / SUMS).is_file():
        raise UnknownNameError.of(f"baseline (in {directory})", name, names(directory))
    return at(folder, name)


def at(folder: Path, name: str) -> Recorded:
    """Read the baseline in a folder after checking its sums.

    Raises:
        StoreError: a file is missing or is not what was written; it is named.
    """
    listed = dict(_sums(folder))
    for file, expected in listed.items():
        path = folder / file
        if not path.is_file():
            raise StoreError(f"baseline {name!r} is damaged: {path} is missing; restore it or set the baseline again")
        if _digest(path) != expected:
            raise StoreError(
                f"baseline {name!r} is damaged: {path} is not what was written (its SHA-256 is not that of {SUMS}); "
                "restore it or set the baseline again"
            )
    if "run.json" not in listed:
        raise StoreError(f"baseline {name!r} is damaged: {folder / SUMS} does not name run.json; set it again")
    features = folder / "features.safetensors" if "features.safetensors" in listed else None
    recorded = Recorded.at(folder, name)
    return Recorded(name, recorded.run, folder, features, is_baseline=True)


def names(directory: Path = DIRECTORY) -> list[str]:
    """Every baseline there, sorted."""
    return sorted(path.parent.name for path in directory.glob(f"*/{SUMS}") if NAME.fullmatch(path.parent.name))


def opened(name: str, store: Path, directory: Path = DIRECTORY) -> Recorded:
    """A run by path (of its folder or record), id in the store, "latest", or baseline's name; paths go first.

    Raises:
        UnknownNameError: none of these; names the nearest.
        StoreError: it cannot be read, or is a damaged baseline.
    """
    path = Path(name)
    if path.is_file() and path.name != "run.json":
        return Recorded.at(path, name)
    folder = path.parent if path.is_file() else path
    if (folder / SUMS).is_file():
        return at(folder, name)
    if (folder / "run.json").is_file():
        return Recorded.at(folder, name)
    known = Store(store).names() if store.is_dir() else []
    if name in known:
        return Recorded.at(Store(store).resolve(name), name)
    if NAME.fullmatch(name) and (directory / name / SUMS).is_file():
        return load(name, directory)
    raise UnknownNameError.of("run or baseline", name, [*known, *names(directory)])


def _folder(name: str, directory: Path) -> Path:
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"expected a baseline's name of letters, digits and . _ + -, not beginning with a dot or dash, got {name!r}"
        )
    folder, previous = directory / name, directory / f".{name}.previous"
    if previous.is_dir() and not folder.exists():
        previous.rename(folder)  # a kill fell between the two renames of `_swap`
    return folder


def _gathered(recorded: Recorded) -> tuple[dict[str, Tensor], str | None]:
    """All features by slot; without them, why."""
    digests = dict.fromkeys(s.extractor_digest for s in recorded.run.scores if s.extractor_digest and s.estimate)
    features: dict[str, Tensor] = {}
    try:
        for digest in digests:
            features |= _by_slot(f"{REAL}/{digest}", recorded.real(digest))
            for case in recorded.run.cases:
                if case.status != "failed":
                    features |= _by_slot(f"{slot(case)}/{digest}", recorded.fake(case, digest))
    except FeaturesMissingError as error:
        return {}, str(error)
    total = sum(tensor.nbytes for tensor in features.values())
    if total > MAX_BYTES:
        return {}, f"they are {total / 2**20:.0f} MiB, and a baseline holds at most {MAX_BYTES // 2**20}"
    return features, None if features else "the run has none"


def _by_slot(prefix: str, features: Features) -> dict[str, Tensor]:
    return {f"{prefix}/{key}": tensor.float() for key, tensor in tensors_of(features).items()}


def _fill(folder: Path, recorded: Recorded, features: dict[str, Tensor]) -> None:
    (folder / "run.json").write_text(_portable(recorded.run).model_dump_json(indent=2) + "\n", encoding="utf-8")
    exhibits = recorded.folder / "exhibits.safetensors"
    if exhibits.is_file():
        shutil.copyfile(exhibits, folder / exhibits.name)
    if features:
        save_tensors(features, folder / "features.safetensors")
    lines = [f"{_digest(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / SUMS).write_text("".join(lines), encoding="ascii")
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _portable(run: Run) -> Run:
    """Without places in a cache that is not there."""
    cases = tuple(case.model_copy(update={"features": {}}) for case in run.cases)
    return run.model_copy(update={"features": {}, "cases": cases})


def _swap(new: Path, folder: Path) -> None:
    """Rename a finished folder into its place; a kill in between is mended by `_folder`."""
    previous = folder.with_name(f".{folder.name}.previous")
    if folder.exists():
        shutil.rmtree(previous, ignore_errors=True)
        folder.rename(previous)
    new.rename(folder)
    shutil.rmtree(previous, ignore_errors=True)


def _sums(folder: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = (folder / SUMS).read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{folder / SUMS} cannot be read: {error}; set the baseline again") from error
    for line in lines:
        digest, _, name = line.partition("  ")
        if not re.fullmatch(r"[0-9a-f]{64}", digest) or Path(name).name != name or not name:
            raise StoreError(f"{folder / SUMS} is damaged: {line!r} is no sum of a file; set the baseline again")
        yield name, digest


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

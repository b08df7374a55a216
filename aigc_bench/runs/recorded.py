"""A run that was kept, with its features: in a store, where the cache holds them, or in a folder that holds all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import safetensors

from aigc_bench.core import Features
from aigc_bench.core.errors import FeaturesMissingError, StoreError
from aigc_bench.evidence import feature_files
from aigc_bench.evidence.stored_features import StoredFeatures, read_features
from aigc_bench.runs.records import CaseRecord, Exhibits, Run
from aigc_bench.runs.store import load_exhibits, read_run
from aigc_bench.system.cache import Cache, digest_of

REAL = "reference"
"""the slot of the real side, a name that no generator may have"""


@dataclass(frozen=True)
class Recorded:
    """A run, and where what it was made of lies."""

    name: str
    """as it was asked for"""
    run: Run
    folder: Path
    """of run.json"""
    kept: Path | None = None
    """a file of all features beside run.json; None: they are in the store's cache"""
    is_baseline: bool = False

    @classmethod
    def at(cls, path: Path, name: str) -> Recorded:
        """Read a run's folder, or its record by whatever name.

        Raises:
            StoreError: it is no run.
        """
        file = path / "run.json" if path.is_dir() else path
        return cls(name, read_run(file), file.parent)

    def real(self, extractor_digest: str) -> Features:
        """Features of the real side.

        Raises:
            FeaturesMissingError: they are gone, or were never kept.
            StoreError: they are damaged, or not those that were scored.
        """
        return self._features(REAL, self.run.features, extractor_digest)

    def fake(self, case: CaseRecord, extractor_digest: str) -> Features:
        """Features of a row's samples.

        Raises:
            FeaturesMissingError: they are gone, or were never kept.
            StoreError: they are damaged.
        """
        return self._features(slot(case), case.features, extractor_digest)

    def exhibits(self) -> Exhibits:
        """What figures show of the run; nothing where it was kept without."""
        return load_exhibits(self.folder) if (self.folder / "exhibits.safetensors").is_file() else {}

    def _features(self, row: str, entries: dict[str, str], digest: str) -> Features:
        if self.kept is not None:
            features = _loaded(self.kept, f"{row}/{digest}/")
            if features is not None:
                return features
        if self.is_baseline:
            raise self._missing(row, "were not kept in it")
        if digest not in entries:
            reason = "are not in its record: they came from a loader, or an older version made it"
            raise self._missing(row, reason)
        path = self.folder.parent / "cache" / entries[digest]  # an absolute entry stays what it is
        if path.is_file():
            return self._of_stats(path)
        if path.is_dir() and not Cache(self.folder.parent / "cache").is_sound(path):
            raise self._missing(row, f"are not as they were written ({path}): damaged, or by an older version")
        stage = path / "tensors.safetensors"
        if stage.is_file() and (features := _loaded(stage)) is not None:
            return features
        if feature_files.is_whole(path):
            return feature_files.mapped(path)
        raise self._missing(row, f"are gone ({path}; was the cache pruned, or the run moved away from it?)")

    def _of_stats(self, path: Path) -> Features:
        stored: StoredFeatures = read_features(path)
        if digest_of([None, stored.digest, None]) != self.run.dataset.digest:
            raise StoreError(
                f"{path} does not hold the real side that {self.name} was scored against; it changed since: score again"
            )
        return stored.features

    def _missing(self, row: str, what: str) -> FeaturesMissingError:
        if self.is_baseline:
            again = "compare with the run itself, or set the baseline again with --features"
        else:
            again = f"make them again: {self.run.command}"
        return FeaturesMissingError(f"{self.name}: the features of {row} {what}; {again}")


def slot(case: CaseRecord) -> str:
    """Names a row among kept features: "gan/0", "floor/-"."""
    return f"{case.generator}/{'-' if case.training_seed is None else case.training_seed}"


def _loaded(path: Path, prefix: str = "") -> Features | None:
    """Features by name behind a prefix; None where there are none of it."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            keys = [key for key in file.keys() if key.startswith(prefix)]  # noqa: SIM118  it is no dictionary
            tensors = {key.removeprefix(prefix): file.get_tensor(key) for key in keys}
    except (OSError, safetensors.SafetensorError) as error:
        raise StoreError(f"{path} cannot be read: {error}; delete it and make the run again") from error
    return Features.of(tensors) if "pool" in tensors else None

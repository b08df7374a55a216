"""What a disk or a person has changed in the stage cache is found, said, and made anew: same scores, exit code 0."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import aigc_bench
from aigc_bench.core.errors import StoreError
from aigc_bench.runs.recorded import Recorded
from aigc_bench.system.cache import CHECKSUMS, Cache

TINY = ["generators.gan.budget.steps=4", "generators.vae.budget.steps=4", "speed.latency_calls=20"]


def flipped(data: bytes) -> bytes:
    """One bit in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 16]) + data[middle + 1 :]


def cut(data: bytes) -> bytes:
    """Its first half."""
    return data[: len(data) // 2]


def run(store: Path, heard: list[str] | None = None) -> dict[Any, Any]:
    """Quality scores of a small run, by row and metric."""

    def on_event(event: Any) -> None:
        if heard is not None and event["event"] == "note":
            heard.append(event["text"])

    found, _ = aigc_bench.run(
        aigc_bench.resolve_suite("smoke", overrides=TINY), aigc_bench.Options(store=store), on_event=on_event
    )
    return {
        (s.generator, s.training_seed, s.metric): None if s.estimate is None else s.estimate.value
        for s in found.scores
        if s.kind == "quality"
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Any, Any]]:
    """A store after a run, and its scores."""
    store = tmp_path_factory.mktemp("damage") / "store"
    return store, run(store)


def files_of(store: Path) -> Iterator[Path]:
    """Every file of the cache."""
    return (path for path in sorted((store / "cache").rglob("*")) if path.is_file())


@pytest.mark.parametrize("damage", [flipped, cut])
def test_every_file_damaged_at_once(
    finished: tuple[Path, dict[Any, Any]], damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """All that the second run asks for is made anew, and every entry that was asked for is spoken of."""
    store = shutil.copytree(finished[0], tmp_path / "store")
    for path in files_of(store):
        path.write_bytes(damage(path.read_bytes()) or b"x")
    heard: list[str] = []
    assert run(store, heard) == finished[1]
    assert len([text for text in heard if "is set aside" in text]) > 10


@pytest.mark.slow
@pytest.mark.parametrize("damage", [flipped, cut])
def test_every_file_damaged_by_itself(
    finished: tuple[Path, dict[Any, Any]],
    damage: Callable[[bytes], bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of each kind of file of each stage: the scores are the same, and it is said where the entry was read."""
    # The page is four fifths of a run whose stages are there, and is drawn by the tests of all files at once.
    monkeypatch.setattr("aigc_bench.api.running.write_report", lambda *args, **kwargs: tmp_path)
    kinds = {(path.parent.parent.name, path.name): path.relative_to(finished[0]) for path in files_of(finished[0])}
    store = shutil.copytree(finished[0], tmp_path / "store")
    for path in kinds.values():
        whole = (store / path).read_bytes()
        (store / path).write_bytes(damage(whole) or b"x")
        heard: list[str] = []
        assert run(store, heard) == finished[1], path
        # Samples and checkpoints are not asked for where everything made of them is whole.
        if heard:
            assert path.parts[1] in heard[0]
            assert "is set aside" in heard[0]
        else:
            (store / path).write_bytes(whole)


def test_an_unfinished_stage_that_cannot_be_gone_on_with_begins_anew(tmp_path: Path) -> None:
    """A checkpoint cut by a full disk."""
    heard: list[Any] = []
    cache = Cache(tmp_path, heard.append)
    inputs = {"what": 1}

    def produce(folder: Path) -> None:
        state = folder / "state.json"
        count = json.loads(state.read_text()) if state.is_file() else 0
        state.write_text(json.dumps(count + 1))

    folder = tmp_path / cache.entry("stage", inputs)
    partial = folder.with_name(folder.name + ".partial")
    partial.mkdir(parents=True)
    (partial / "state.json").write_text('{"cut')
    assert json.loads((cache.finish("stage", inputs, produce) / "state.json").read_text()) == 1
    assert "cannot be gone on with" in heard[0]["text"]


def test_entries_without_checksums_are_not_trusted(tmp_path: Path) -> None:
    """Those of an earlier version, or with the file deleted."""
    cache = Cache(tmp_path)
    folder = cache.finish("stage", {"what": 2}, lambda folder: (folder / "a").write_text("1") and None)
    assert cache.is_finished("stage", {"what": 2})
    (folder / CHECKSUMS).unlink()
    assert not Cache(tmp_path).is_finished("stage", {"what": 2})


def test_features_of_a_run_that_were_changed_are_not_compared(tmp_path: Path) -> None:
    """The gate on quality reads them later than the run."""
    run(tmp_path / "store")
    recorded = Recorded.at(next((tmp_path / "store").glob("smoke-*")), "run")
    case = recorded.run.cases[0]
    ((digest, entry),) = case.features.items()
    assert recorded.fake(case, digest).num_samples == recorded.run.suite.num_samples
    path = tmp_path / "store/cache" / entry / "pool.npy"
    path.write_bytes(flipped(path.read_bytes()))
    with pytest.raises(StoreError, match="are not as they were written"):
        recorded.fake(case, digest)

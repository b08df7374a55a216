"""Samples => features: in pieces, ahead of which images are decoded, and not again what was done."""

from __future__ import annotations

import sys
import threading
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inputs_kit import Images, Pairs, encoded
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from aigc_bench.core import Features, SampleSpec
from aigc_bench.core.errors import DataError, StoreError
from aigc_bench.evidence import extraction, extractors, stored_features
from aigc_bench.metrics.protocols import PROTOCOLS, Protocol
from aigc_bench.modalities.image import encoded as encoded_module
from aigc_bench.modalities.image.extractors import pixels
from aigc_bench.modalities.image.opening import open_samples
from aigc_bench.runs.store import Store

PATIENCE_S = 30.0
"""how long a test waits for what has to come before it says that it does not"""


class Means:
    """An extractor of one feature that takes few images at once and remembers how many."""

    name, digest, batch_size = "means", "0" * 64, 16

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, batch: Tensor) -> Features:
        """(N, C, H, W) => (N, 1)."""
        self.calls.append(len(batch))
        return Features(batch.flatten(1).float().mean(1, keepdim=True))


def place(folder: Path, events: list[Any] | None = None) -> extractors.Place:
    """A fresh store."""
    on_event = (lambda event: None) if events is None else events.append
    return extractors.Place(Store(folder).cache, torch.device("cpu"), on_event)


@pytest.fixture
def array() -> np.ndarray[Any, Any]:
    """(1100, 2, 2, 1) uint8."""
    return np.random.default_rng(0).integers(0, 256, (1100, 2, 2, 1), dtype=np.uint8)


def test_an_extractor_sees_pieces_of_its_own_size(array: np.ndarray[Any, Any], tmp_path: Path) -> None:
    """A few of its batches where it says what it takes at once, else a chunk; progress comes with each."""
    events: list[Any] = []
    extractor = Means()
    found = extraction.features_of(extractor, open_samples(array), place(tmp_path, events))
    assert torch.equal(found.pool[:, 0], torch.from_numpy(array).flatten(1).float().mean(1))
    assert extractor.calls == [extraction.PIECE] * 17 + [1100 - 17 * extraction.PIECE]
    assert [event["done"] for event in events] == np.cumsum(extractor.calls).tolist()
    assert {event["total"] for event in events} == {1100}
    silent, many = Means(), Means()
    silent.batch_size = extraction.CHUNK
    extraction.features_of(silent, open_samples(array), place(tmp_path / "silent"))
    many.batch_size = 40
    extraction.features_of(many, open_samples(array[:90]), place(tmp_path / "many"))
    assert (silent.calls, many.calls) == ([512, 512, 76], [40, 40, 10])


def test_finished_chunks_are_not_seen_again(array: np.ndarray[Any, Any], tmp_path: Path) -> None:
    """Nor is anything once all is there; an interrupted chunk begins anew."""

    class Interrupted(Means):
        def __call__(self, batch: Tensor) -> Features:
            if len(self.calls) == 10:
                raise KeyboardInterrupt
            return super().__call__(batch)

    with pytest.raises(KeyboardInterrupt):
        extraction.features_of(Interrupted(), open_samples(array), place(tmp_path))
    extractor = Means()
    events: list[Any] = []
    found = extraction.features_of(extractor, open_samples(array), place(tmp_path, events))
    assert sum(extractor.calls) == 1100 - extraction.CHUNK
    assert events[0]["done"] == extraction.CHUNK + extraction.PIECE
    assert torch.equal(found.pool[:, 0], torch.from_numpy(array).flatten(1).float().mean(1))
    again = extraction.features_of(extractor, open_samples(array), place(tmp_path, events))
    assert sum(extractor.calls) == 1100 - extraction.CHUNK
    assert torch.equal(again.pool, found.pool)
    files = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert files == ["checksums.json", "inputs.json", "pool.npy"]


def test_features_of_the_real_side_are_for_others_too(tmp_path: Path) -> None:
    """Who may read them, and that they read as they were written, notes included."""
    path = tmp_path / "real.safetensors"
    array = np.arange(240, dtype=np.uint8).reshape(60, 2, 2, 1)
    pixels = Protocol("pixels", "pixels")
    written = stored_features.write_features(path, open_samples(array), pixels, place(tmp_path / "store"), ["a note"])
    assert path.stat().st_mode & 0o777 == 0o644
    found = stored_features.read_features(path)
    assert torch.equal(found.features.pool, torch.from_numpy(array).flatten(1).float() / 255)
    assert (found.notes, found.digest) == (written.notes, written.digest)
    assert found.notes[-1] == "a note"


def test_the_next_piece_is_decoded_while_one_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extractor waits for it: were the images decoded only when they are asked for, it would wait in vain."""
    num = 3 * extraction.PIECE
    (tmp_path / "images").mkdir()
    for number in range(num):
        picture = np.full((2, 2, 3), number, np.uint8)
        (tmp_path / "images" / f"{number:04}.png").write_bytes(encoded(picture))
    samples = open_samples(tmp_path / "images")
    decoded, changed = [0], threading.Condition()
    decode = encoded_module.decoded

    def counted(*arguments: Any, **more: Any) -> Tensor:
        found = decode(*arguments, **more)
        with changed:
            decoded[0] += 1
            changed.notify_all()
        return found

    monkeypatch.setattr(encoded_module, "decoded", counted)
    ready: list[bool] = []

    class Patient(Means):
        def __call__(self, batch: Tensor) -> Features:
            found = super().__call__(batch)
            with changed:
                wanted = min(num, sum(self.calls) + extraction.PIECE)
                ready.append(changed.wait_for(lambda: decoded[0] >= wanted, PATIENCE_S))
            return found

    extraction.features_of(Patient(), samples, place(tmp_path / "store"))
    assert ready == [True] * 3


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A folder of 40 images in two classes, of which one of the first class is cut off."""
    for number in range(40):
        path = tmp_path / "damaged" / str(number // 20) / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = encoded(np.random.default_rng(number).integers(0, 256, (9, 9, 3), dtype=np.uint8))
        path.write_bytes(data[:-40] if number == 3 else data)
    return tmp_path / "damaged"


def test_what_was_skipped_is_known_though_nothing_is_decoded_again(damaged: Path, tmp_path: Path) -> None:
    """Names, number and classes are those of the features; without the policy the image is refused, cache or not."""
    found = []
    for _ in range(2):
        extractor = Means()
        with open_samples(damaged, on_bad_image="skip") as samples:
            features = extraction.features_of(extractor, samples, place(tmp_path))
            assert samples.labels == ("0",) * 19 + ("1",) * 20
            found.append((extraction.skipped_notes(samples), samples.num_samples, features.num_samples))
    assert extractor.calls == []
    assert found[0] == found[1]
    assert "1 of 40 samples were skipped: 0/03.png" in found[1][0][0]
    assert found[1][1:] == (39, 39)
    with open_samples(damaged) as samples, pytest.raises(DataError, match=r"03\.png is not a readable image"):
        extraction.features_of(Means(), samples, place(tmp_path))


class Pictures(Pairs):
    """A data set whose fourth item cannot be read."""

    def __getitem__(self, index: int) -> Any:
        """A picture, or an error."""
        if index == 3:
            raise OSError("cut off")
        return Image.fromarray(self.images[index])


def test_skipped_items_of_data_sets_are_restored() -> None:
    """By their position."""
    images: Images = np.zeros((6, 4, 4, 3), np.uint8)
    with (
        open_samples(Pictures(images), on_bad_image="skip") as read,
        open_samples(Pictures(images), on_bad_image="skip") as told,
    ):
        list(read.chunks(8))
        told.restore(read.left_out, read.num_samples)
        assert (told.skipped, told.num_samples) == (read.skipped, 5)
        assert read.left_out == {3: "cut off"}


def test_features_depend_on_the_code_that_makes_them(
    array: np.ndarray[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extractor's own, and what decodes and resizes."""
    (tmp_path / "edited.py").write_text(EDITED)
    monkeypatch.syspath_prepend(tmp_path)
    import edited  # type: ignore[import-not-found]

    extractor = edited.Edited()
    before = extraction.sources_of(extractor)
    extraction.features_of(extractor, open_samples(array[:9]), place(tmp_path))
    (tmp_path / "edited.py").write_text(EDITED + "# edited\n")
    assert extraction.sources_of(extractor) != before
    extraction.features_of(extractor, open_samples(array[:9]), place(tmp_path))
    assert extractor.calls == 2
    files = {path.name for item in extraction.SOURCES for path in extraction.plugins._source_files(item)}
    assert {"resize.py", "inception.py", "decoding.py", "feature_files.py"} <= files


EDITED = """
from aigc_bench.core import Features
class Edited:
    name, digest, calls = "edited", "0" * 64, 0
    def __call__(self, batch):
        self.calls += 1
        return Features(batch.flatten(1).float())
"""


def test_features_of_one_set_by_unlike_code_are_unlike_real_sides(tmp_path: Path) -> None:
    """The digest of a file is that of the features in it."""
    array = np.arange(240, dtype=np.uint8).reshape(60, 2, 2, 1)
    path = tmp_path / "real.safetensors"
    here = place(tmp_path / "store")
    first = stored_features.write_features(path, open_samples(array), Protocol("p", "pixels"), here)
    other = stored_features.write_features(path, open_samples(array), Protocol("c", "scoring_kit:build_corner"), here)
    assert first.digest != other.digest == stored_features.read_features(path).digest


def test_an_extractor_is_built_once_and_few_are_held(
    array: np.ndarray[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Per shape and options; other weights are another extractor."""
    here, samples = place(tmp_path), open_samples(array)
    pixels = Protocol("p", "pixels")
    found = extractors.extractor_for(pixels, samples, here)
    assert extractors.extractor_for(Protocol("q", "pixels"), samples, here) is found
    monkeypatch.setenv("AIGC_BENCH_WEIGHTS", "elsewhere")
    assert extractors.extractor_for(pixels, samples, here) is not found
    for side in range(1, 9):
        extractors.extractor_for(pixels, open_samples(np.zeros((2, side, 9, 1), np.uint8)), here)
        assert len(here.extractors) <= extractors.MAX_EXTRACTORS


class Gone(Pairs):
    """A data set whose disk goes away."""

    def __getitem__(self, index: int) -> Any:
        """An error."""
        raise OSError("stale file handle")


def test_only_errors_of_writing_ask_for_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read says whose it is; what is kept for a loader lies in the store."""
    images: Images = np.zeros((40, 4, 4, 3), np.uint8)
    with pytest.raises(DataError, match=r"loader of Gone cannot be read: stale file handle"):
        extraction.features_of(Means(), open_samples(DataLoader(Gone(images))), place(tmp_path))
    samples = open_samples(images)

    def chunks(size: int) -> Any:
        raise OSError("stale file handle")
        yield

    _ = samples.digest
    monkeypatch.setattr(samples, "chunks", chunks)
    with pytest.raises(DataError, match="array cannot be read: stale file handle"):
        extraction.features_of(Means(), samples, place(tmp_path))
    found = []
    written = extraction.feature_files.write_chunk

    def write(path: Path, *arguments: Any) -> None:
        found.append(path)
        written(path, *arguments)

    monkeypatch.setattr(extraction.feature_files, "write_chunk", write)
    extraction.features_of(Means(), open_samples(DataLoader(Pairs(images))), place(tmp_path))
    assert found[0].is_relative_to(tmp_path / "cache")
    assert not found[0].parent.exists()

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(extraction.feature_files, "write_chunk", full)
    with pytest.raises(StoreError, match=r"No space left.*free some space"):
        extraction.features_of(Means(), open_samples(DataLoader(Pairs(images))), place(tmp_path))


def test_weights_are_inceptions_alone(tmp_path: Path, random_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An outside extractor with an option of that name does not get them; Inception does, before the environment's."""
    given: list[str | None] = []

    def build(spec: SampleSpec, *, device: torch.device, weights: str | None = None) -> Any:
        given.append(weights)
        return pixels.build(spec, device=device)

    outsider = types.ModuleType("outsider_with_weights")
    outsider.build = build  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "outsider_with_weights", outsider)
    monkeypatch.setenv("AIGC_BENCH_WEIGHTS", str(tmp_path / "nowhere.pth"))
    where = replace(place(tmp_path), weights=random_weights)
    samples = open_samples(np.zeros((4, 8, 8, 3), np.uint8))
    extractors.extractor_for(Protocol("outsider", "outsider_with_weights:build"), samples, where)
    assert given == [None]
    assert extractors.extractor_for(PROTOCOLS["tf"], samples, where).name.startswith("inception[")

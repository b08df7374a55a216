"""Samples => features: in pieces, ahead of which images are decoded, and not again what was done."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inputs_kit import encoded
from torch import Tensor

from aigc_bench import extraction
from aigc_bench.core import Features
from aigc_bench.inputs import encoded as encoded_module
from aigc_bench.inputs.opening import open_samples
from aigc_bench.protocols import Protocol
from aigc_bench.store import Cache, Store

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


def place(folder: Path, events: list[Any] | None = None) -> extraction.Place:
    """A fresh store."""
    on_event = (lambda event: None) if events is None else events.append
    return extraction.Place(Cache(Store(folder)), torch.device("cpu"), on_event)


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
    assert files == ["inputs.json", "pool.npy"]


def test_features_of_the_real_side_are_for_others_too(tmp_path: Path) -> None:
    """Who may read them, and that they read as they were written, notes included."""
    path = tmp_path / "real.safetensors"
    array = np.arange(240, dtype=np.uint8).reshape(60, 2, 2, 1)
    pixels = Protocol("pixels", "pixels")
    written = extraction.write_features(path, open_samples(array), pixels, place(tmp_path / "store"), ["a note"])
    assert path.stat().st_mode & 0o777 == 0o644
    found = extraction.read_features(path)
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

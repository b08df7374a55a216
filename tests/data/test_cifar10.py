"""CIFAR-10: places, splits, the archive, and what is refused."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from aigc_bench.core.errors import ConfigurationError, DataError
from aigc_bench.data import cifar10

NAMES = ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin")


def content(num: int, seed: int) -> bytes:
    """Records with labels in turn."""
    pixels = np.random.default_rng(seed).integers(0, 256, (num, 3072))
    return np.concatenate([np.arange(num)[:, None] % 10, pixels], 1).astype(np.uint8).tobytes()


@pytest.fixture
def files() -> dict[str, bytes]:
    """Two training batches of 30 images and a test batch of 20."""
    return {name: content(20 if name == cifar10.TEST_FILE else 30, seed) for seed, name in enumerate(NAMES)}


def written(files: Mapping[str, bytes], folder: Path) -> Path:
    """Files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def packed(files: Mapping[str, bytes], path: Path, link: str | None = None) -> Path:
    """An archive as it is published, and a link in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, data in {"batches.meta.txt": b"airplane\n", "readme.html": b"<html>", **files}.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        if link:
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{link}")
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
    return path


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_every_place_gives_the_same_data(files: dict[str, bytes], tmp_path: Path) -> None:
    """The folder itself, its folders by name, and the archive: equal digests, and labels that belong to the images."""
    places = ["plain", "one/cifar10", "two/cifar-10-batches-bin", "three/cifar10/cifar-10-batches-bin"]
    for place in places:
        written(files, tmp_path / place)
    packed(files, tmp_path / "four" / "cifar10" / cifar10.ARCHIVE)
    found = [cifar10.build(data_dir=tmp_path / place) for place in ("plain", "one", "two", "three", "four")]
    assert len({data.digest for data in found}) == 1
    data = found[0]
    assert data.spec.shape == (3, 32, 32)
    assert data.num_classes == 10
    whole = cifar10.batches(tmp_path / "plain")
    images = torch.cat([batch.samples for batch in whole.values()])
    labels = torch.cat([batch.labels for batch in whole.values() if batch.labels is not None])
    for part in (data.fit, data.reference, data.holdout):
        at = (part.samples[:, None].flatten(2) == images.flatten(1)[None]).all(2).long().argmax(1)
        assert torch.equal(part.labels, labels[at])


def test_splits_are_disjoint_and_even(files: dict[str, bytes], tmp_path: Path) -> None:
    """Four fifths of the training images to fit; the rest and the test images in two halves, class by class."""
    data = cifar10.build(data_dir=written(files, tmp_path / "data"))
    parts = (data.fit, data.reference, data.holdout)
    assert [len(part.samples) for part in parts] == [48, 16, 16]
    pixels = torch.cat([part.samples for part in parts]).flatten(1).tolist()
    everything = [record[1:] for name in NAMES for record in np.frombuffer(files[name], np.uint8).reshape(-1, 3073)]
    assert sorted(pixels) == sorted(image.tolist() for image in everything)
    assert data.reference.loaded().labels is not None
    assert data.holdout.loaded().labels is not None
    counts = [part.bincount(minlength=10) for part in (data.reference.loaded().labels, data.holdout.loaded().labels)]
    assert int((counts[0] - counts[1]).abs().max()) <= 2


def test_a_part_of_the_batches_will_do_and_is_noted(files: dict[str, bytes], tmp_path: Path) -> None:
    """One training batch and the head of the test batch; a limit on top."""
    part = {"data_batch_2.bin": files["data_batch_2.bin"], "test_batch_head20.bin": files["test_batch.bin"]}
    folder = written(part, tmp_path / "data")
    data = cifar10.build(data_dir=folder, limit=3)
    assert data.notes[0] == "1 of 5 training batches are there."
    assert data.notes[1] == "20 of 10,000 test images are there, in test_batch_head20.bin."
    assert "first 3 samples" in data.notes[2]
    assert len(data.fit.loaded().samples) == 3
    assert torch.equal(data.fit.loaded().samples, cifar10.build(data_dir=folder).fit.loaded().samples[:3])
    with pytest.raises(ConfigurationError, match="'cifar10': expected a limit of at least 1 sample, got 0"):
        cifar10.build(data_dir=folder, limit=0)


def test_what_is_missing_is_named_with_the_ways_out(files: dict[str, bytes], tmp_path: Path) -> None:
    """Per place: no folder, no training batch, no test batch."""
    with pytest.raises(DataError, match=r"cache/aigc-bench/data/cifar10 is no folder.*--data-dir.*--download"):
        cifar10.build()
    del files["test_batch.bin"]
    with pytest.raises(DataError, match=rf"{tmp_path}/data lacks the test batch;"):
        cifar10.build(data_dir=written(files, tmp_path / "data"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty lacks a training batch and the test batch;"):
        cifar10.build(data_dir=tmp_path / "empty")


def test_damaged_files_are_refused(files: dict[str, bytes], tmp_path: Path) -> None:
    """Truncated, by name."""
    files["data_batch_2.bin"] = files["data_batch_2.bin"][:-1]
    with pytest.raises(DataError, match=r"data_batch_2\.bin .*truncated: .* 29 records of 3073 bytes and 3072 more"):
        cifar10.build(data_dir=written(files, tmp_path / "data"))


def test_odd_archives_are_refused(files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link in a batch's place, nothing of use, cut off, no archive, and one that unpacks to too much."""
    path = tmp_path / "data" / cifar10.ARCHIVE
    packed(files, path, link="data_batch_3.bin")
    with pytest.raises(DataError, match=r"'cifar-10-batches-bin/data_batch_3\.bin' as a link"):
        cifar10.build(data_dir=path.parent)
    packed({"data_batch_1.bin": files["data_batch_1.bin"]}, path)
    with pytest.raises(DataError, match="lacks the test batch; remove it"):
        cifar10.build(data_dir=path.parent)
    whole = packed(files, path).read_bytes()
    for damaged in (whole[: len(whole) // 2], b"no archive", b""):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="not a readable archive, or truncated"):
            cifar10.build(data_dir=path.parent)
    path.write_bytes(whole)
    monkeypatch.setattr(cifar10, "MAX_ARCHIVE_BYTES", 100_000)
    with pytest.raises(DataError, match="unpacks to more than 100000 bytes"):
        cifar10.build(data_dir=path.parent)


def test_a_download_is_verified_kept_and_not_unpacked(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is fetched unasked, nor where files are; a wrong checksum keeps nothing."""
    served = packed(files, tmp_path / "served" / cifar10.ARCHIVE)
    with pytest.raises(DataError, match="add --download"):
        cifar10.build(url=served.as_uri())
    with pytest.raises(DataError, match="checksum mismatch"):
        cifar10.build(download=True, url=served.as_uri())
    assert not list((tmp_path / "cache").rglob("*.gz"))
    monkeypatch.setattr(cifar10, "ARCHIVE_MD5", hashlib.md5(served.read_bytes()).hexdigest())
    fetched = cifar10.build(download=True, url=served.as_uri())
    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == [cifar10.ARCHIVE]
    assert cifar10.build().digest == fetched.digest
    assert cifar10.build(data_dir=written(files, tmp_path / "data"), download=True, url="none").digest == fetched.digest


def test_the_real_batches_are_split() -> None:
    """Whatever of them is here: a fifth and the test images in halves, in classes of equal size."""
    folder = Path(os.environ.get("AIGC_BENCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not list((folder / "cifar10").glob("test_batch*.bin")):
        pytest.skip("CIFAR-10 is not here: set AIGC_BENCH_DATA to a folder that holds cifar10/")
    data = cifar10.build(data_dir=folder)
    num_train, num_rest = (
        len(data.fit.loaded().samples),
        len(data.reference.loaded().samples) + len(data.holdout.loaded().samples),
    )
    assert num_train % 8000 == 0
    assert num_rest > num_train // 4
    assert data.fit.loaded().labels is not None
    counts = data.fit.loaded().labels.bincount(minlength=10)
    assert int(counts.max() - counts.min()) < 0.1 * num_train / 10

"""Data sets: formats, splits, downloads, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import struct
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aigc_bench.data import digits, download, folder, idx
from aigc_bench.errors import DataError


def write_idx(path: Path, values: np.ndarray) -> None:
    """A file in LeCun's format, gzipped where the name says so."""
    content = struct.pack(f">I{values.ndim}I", 0x800 + values.ndim, *values.shape) + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Twelve training and three test images of 4 × 5, gzipped."""
    rng = np.random.default_rng(0)
    for file, shape in zip(idx.FILES, [(12, 4, 5), (12,), (3, 4, 5), (3,)], strict=True):
        write_idx(tmp_path / f"{file}.gz", rng.integers(0, 3 if len(shape) == 1 else 256, shape))
    return tmp_path


def test_digits_split_is_disjoint_and_complete() -> None:
    """All 1,797 digits, each in one split; 17 grey levels."""
    data = digits.build()
    parts = [data.fit, data.reference, data.holdout]
    assert [len(part.samples) for part in parts] == [897, 450, 450]
    whole = torch.cat([part.samples for part in parts]).flatten(1)
    assert whole.unique().numel() == 17
    original = torch.from_numpy(digits.load_digits().images).mul(255 / 16).round().to(torch.uint8).flatten(1)
    assert sorted(map(bytes, whole.numpy())) == sorted(map(bytes, original.numpy()))


def test_idx_reads_plain_and_gzipped_files_alike(small: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Ten images to fit, two as reference, three held out; equal digests."""
    plain = tmp_path_factory.mktemp("plain")
    for file in idx.FILES:
        (plain / file).write_bytes(gzip.decompress((small / f"{file}.gz").read_bytes()))
    data, same = idx.build(data_dir=small), idx.build(data_dir=plain)
    assert data.spec.shape == (1, 4, 5)
    assert [len(part.samples) for part in (data.fit, data.reference, data.holdout)] == [10, 2, 3]
    assert data.digest == same.digest
    assert idx.build_mnist(data_dir=small).digest == data.digest


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\x08\x03\0\0", "truncated"),
        (struct.pack(">IIII", 0x803, 2, 4, 5) + b"x" * 39, "needs 40 bytes of data, found 39"),
        (struct.pack(">IIII", 0x1234, 2, 4, 5) + b"x" * 40, "magic number 0x00001234, expected"),
    ],
)
def test_damaged_idx_files_are_refused(content: bytes, message: str, small: Path) -> None:
    """Truncated header, truncated body, wrong magic number: each names the file."""
    path = small / f"{idx.FILES[0]}.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=message) as caught:
        idx.build(data_dir=small)
    assert str(path) in str(caught.value)


def test_a_damaged_archive_a_missing_file_and_unequal_counts_are_refused(small: Path) -> None:
    """Not gzip; then gone; then three labels for twelve images."""
    path = small / f"{idx.FILES[1]}.gz"
    path.write_bytes(b"not gzip")
    with pytest.raises(DataError, match="cannot be read"):
        idx.build(data_dir=small)
    path.unlink()
    with pytest.raises(DataError, match="no train-labels-idx1-ubyte"):
        idx.build(data_dir=small)
    write_idx(path, np.zeros(3))
    with pytest.raises(DataError, match="12 images but 3 labels"):
        idx.build(data_dir=small)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that does not talk."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(small: Path) -> Iterator[str]:
    """The small files on a local port."""
    handler = partial(Quiet, directory=str(small))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_downloads_are_verified_and_kept(
    server: str, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off by default; a wrong checksum keeps nothing; the right one is fetched once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(DataError, match="--download"):
        idx.build_mnist(url=server)
    with pytest.raises(DataError, match="checksum mismatch"):
        idx.build_mnist(download=True, url=server)
    assert not list((tmp_path / "cache").rglob("*.gz"))
    sums = {file: hashlib.md5((small / f"{file}.gz").read_bytes()).hexdigest() for file in idx.FILES}
    monkeypatch.setattr(idx, "MNIST_MD5", sums)
    fetched = idx.build_mnist(download=True, url=server)
    assert fetched.digest == idx.build(data_dir=small).digest
    assert idx.build_mnist().digest == fetched.digest


def test_a_dead_address_is_a_data_error(tmp_path: Path) -> None:
    """Nothing listens there."""
    with pytest.raises(DataError, match="cannot download"):
        download.fetch("http://127.0.0.1:9/x", tmp_path / "x", "0")


def test_an_image_folder_is_training_data(tmp_path: Path) -> None:
    """Nested folders are classes; sizes must agree unless one is asked for; damage is named."""
    rng = np.random.default_rng(0)
    for i in range(20):
        path = tmp_path / f"class{i % 2}" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).save(path)
    data = folder.build(data_dir=tmp_path)
    assert data.spec.shape == (3, 9, 12)
    assert data.num_classes == 2
    assert [len(part.samples) for part in (data.fit, data.reference, data.holdout)] == [12, 4, 4]
    Image.new("RGB", (5, 5)).save(tmp_path / "class1" / "zz.png")
    with pytest.raises(DataError, match=r"zz\.png is .*images of one size"):
        folder.build(data_dir=tmp_path)
    assert folder.build(data_dir=tmp_path, size=8, mode="L").spec.shape == (1, 8, 8)
    (tmp_path / "class1" / "zz.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="not a readable image"):
        folder.build(data_dir=tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """With the number of images found and needed."""
    with pytest.raises(DataError, match="holds 0 images; at least 10"):
        folder.build(data_dir=tmp_path)
    with pytest.raises(DataError, match="--data-dir"):
        folder.build()

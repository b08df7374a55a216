"""IDX files: names, splits, downloads, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from aigc_bench.core.errors import ConfigurationError, DataError
from aigc_bench.data import idx
from aigc_bench.system import download


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


def test_idx_reads_plain_and_gzipped_files_alike(small: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Ten images to fit; the other two and the three test images in two halves; equal digests."""
    plain = tmp_path_factory.mktemp("plain")
    for file in idx.FILES:
        (plain / file).write_bytes(gzip.decompress((small / f"{file}.gz").read_bytes()))
    data, same = idx.build(data_dir=small), idx.build(data_dir=plain)
    assert data.spec.shape == (1, 4, 5)
    assert [len(part.samples) for part in (data.fit, data.reference, data.holdout)] == [10, 2, 3]
    assert data.digest == same.digest
    assert idx.build_mnist(data_dir=small).digest == data.digest


def test_emnist_names_are_found_by_their_prefix(small: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """`emnist-letters-test-…` beside another family's files; and LeCun's old names with a dot."""
    emnist, dotted = tmp_path_factory.mktemp("emnist"), tmp_path_factory.mktemp("dotted")
    for file in idx.FILES:
        content = (small / f"{file}.gz").read_bytes()
        (emnist / f"emnist-letters-{file.replace('t10k', 'test')}.gz").write_bytes(content)
        (emnist / f"emnist-digits-{file}.gz").write_bytes(b"another family")
        (dotted / file.replace("-idx", ".idx")).write_bytes(gzip.decompress(content))
    digest = idx.build(data_dir=small).digest
    assert idx.build(data_dir=emnist, prefix="emnist-letters").digest == digest
    assert idx.build(data_dir=emnist, prefix="emnist-letters-").digest == digest
    assert idx.build(data_dir=dotted).digest == digest
    with pytest.raises(DataError, match="beginning with 'emnist-balanced'"):
        idx.build(data_dir=emnist, prefix="emnist-balanced")


def test_a_limit_keeps_the_first_samples_of_each_split(small: Path) -> None:
    """It is noted, changes the digest, and is at least one."""
    whole, limited = idx.build(data_dir=small), idx.build(data_dir=small, limit=2)
    for name in ("fit", "reference", "holdout"):
        assert torch.equal(getattr(limited, name).samples, getattr(whole, name).samples[:2])
    assert limited.digest != whole.digest
    assert "first 2 samples" in limited.notes[0]
    with pytest.raises(ConfigurationError, match="at least 1 sample, got 0"):
        idx.build(data_dir=small, limit=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\x08\x03\0\0", "truncated"),
        (struct.pack(">IIII", 0x803, 2, 4, 5) + b"x" * 39, "needs 40 bytes of data, found 39"),
        (struct.pack(">IIII", 0x1234, 2, 4, 5) + b"x" * 40, "magic number 0x00001234, expected 0x00000803"),
        (struct.pack(">II", 0x801, 12) + b"x" * 12, "not an IDX file of images: magic number 0x00000801"),
        (struct.pack(">IIII", 0x803, 0, 4, 5), "holds no samples"),
        (struct.pack(">IIII", 0x803, 5, 4, 5) + b"x" * 100, "holds 5 images; at least 6"),
        (struct.pack(">IIII", 0x803, 12, 2, 5) + b"x" * 120, r"unlike size: \(2, 5\)"),
    ],
)
def test_damaged_idx_files_are_refused(content: bytes, message: str, small: Path) -> None:
    """Truncated header or body, wrong magic number, nothing in it, too little, another size: each names the file."""
    path = small / f"{idx.FILES[0]}.gz"
    path.write_bytes(gzip.compress(content))
    if "at least 6" in message:
        write_idx(small / f"{idx.FILES[1]}.gz", np.zeros(5))
    with pytest.raises(DataError, match=message) as caught:
        idx.build(data_dir=small)
    assert str(path) in str(caught.value)


def test_damaged_archives_are_refused(small: Path) -> None:
    """Not gzip; cut off; one byte of the compressed data changed."""
    path = small / f"{idx.FILES[0]}.gz"
    content = path.read_bytes()
    changed = content[:40] + bytes([content[40] ^ 0xFF]) + content[41:]
    for damaged in (b"not gzip", content[: len(content) // 2], changed):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="cannot be read") as caught:
            idx.build(data_dir=small)
        assert str(path) in str(caught.value)


def test_missing_files_and_folders_are_named_with_the_ways_out(small: Path, tmp_path: Path) -> None:
    """Which of the four is missing where, and the three ways to have it."""
    (small / f"{idx.FILES[1]}.gz").unlink()
    empty = tmp_path / "empty"
    for build in (idx.build, partial(idx.build_mnist, cache_dir=empty)):
        with pytest.raises(DataError, match=r"lacks train-labels-idx1-ubyte[;,]") as caught:
            build(data_dir=small)
        for way_out in ("--data-dir", "AIGC_BENCH_DATA", "--download"):
            assert way_out in str(caught.value)
    with pytest.raises(DataError, match="is no folder"):
        idx.build(data_dir=tmp_path / "nowhere")
    with pytest.raises(DataError, match="--data-dir or AIGC_BENCH_DATA"):
        idx.build()


def test_unequal_counts_are_refused(small: Path) -> None:
    """Three labels for twelve images."""
    write_idx(small / f"{idx.FILES[1]}.gz", np.zeros(3))
    with pytest.raises(DataError, match=r"12 images in .*, but 3 labels"):
        idx.build(data_dir=small)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that does not talk."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(handler: Callable[..., http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a local server that answers until the block ends."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


@pytest.fixture
def server(small: Path) -> Iterator[str]:
    """The small files on a local port."""
    with serving(partial(Quiet, directory=str(small))) as address:
        yield address


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


def test_an_interrupted_download_goes_on(
    server: str, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that is there is checked and kept, the others come; a damaged one is named."""
    sums = {file: hashlib.sha256((small / f"{file}.gz").read_bytes()).hexdigest() for file in idx.FILES}
    monkeypatch.setattr(idx, "MNIST_MD5", sums)
    cache = tmp_path / "cache"
    fetched = download.fetch(f"{server}/{idx.FILES[0]}.gz", cache / "mnist" / f"{idx.FILES[0]}.gz", sums[idx.FILES[0]])
    data = idx.build_mnist(download=True, url=server, cache_dir=cache)
    assert data.digest == idx.build(data_dir=small).digest
    (cache / "mnist" / f"{idx.FILES[1]}.gz").unlink()
    fetched.write_bytes(b"half")
    with pytest.raises(DataError, match=r"already there, has SHA-256 .*remove it"):
        idx.build_mnist(download=True, url=server, cache_dir=cache)


class CutOff(Quiet):
    """A server that promises more than it sends."""

    def do_GET(self) -> None:
        """Two bytes of ten."""
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"xx")


def test_a_broken_connection_or_an_unwritable_cache_is_a_data_error(tmp_path: Path) -> None:
    """A cut-off answer, a missing page, and a file where the folder should be; nothing is left behind."""
    with serving(CutOff) as address, pytest.raises(DataError, match=r"cannot download.*IncompleteRead"):
        download.fetch(f"{address}/x", tmp_path / "cache" / "x", "0")
    with serving(partial(Quiet, directory=str(tmp_path))) as address:
        with pytest.raises(DataError, match="404"):
            download.fetch(f"{address}/x", tmp_path / "cache" / "x", "0")
        assert not list(tmp_path.iterdir())
        (tmp_path / "served").write_bytes(b"content")
        checksum = hashlib.md5(b"content").hexdigest()
        with pytest.raises(DataError, match="cannot write"):
            download.fetch(f"{address}/served", tmp_path / "served" / "x", checksum)
    assert [path.name for path in tmp_path.iterdir()] == ["served"]


def test_a_dead_address_is_a_data_error(tmp_path: Path) -> None:
    """Nothing listens there."""
    with pytest.raises(DataError, match="cannot download"):
        download.fetch("http://127.0.0.1:9/x", tmp_path / "x", "0")


def test_reference_and_holdout_are_halves_of_one_pile(small: Path) -> None:
    """Together they are the training images that are not fitted and the test images, each once."""
    data = idx.build(data_dir=small)
    train_images = idx.read_idx(small / f"{idx.FILES[0]}.gz", idx.IMAGES)
    test_images = idx.read_idx(small / f"{idx.FILES[2]}.gz", idx.IMAGES)
    assert torch.equal(data.fit.loaded().samples, train_images[:10])
    pile = torch.cat([train_images[10:], test_images]).flatten(1).tolist()
    assert sorted(
        torch.cat([data.reference.loaded().samples, data.holdout.loaded().samples]).flatten(1).tolist()
    ) == sorted(pile)


def test_real_mnist_is_split_evenly(real_data: Path) -> None:
    """50,000 to fit, 10,000 each as reference and holdout, with the same share of every class and of test images."""
    data = idx.build_mnist(data_dir=real_data)
    assert [len(part.samples) for part in (data.fit, data.reference, data.holdout)] == [50_000, 10_000, 10_000]
    assert data.spec.shape == (1, 28, 28)
    assert data.num_classes == 10
    assert data.reference.loaded().labels is not None
    assert data.holdout.loaded().labels is not None
    assert (data.reference.loaded().labels.bincount() - data.holdout.loaded().labels.bincount()).abs().max() <= 2
    last_test_image = idx.read_idx(next(real_data.rglob("t10k-images-idx3-ubyte*")), idx.IMAGES)[-5000:]
    tested = {bytes(image.numpy().tobytes()) for image in last_test_image}
    shares = [
        sum(image.numpy().tobytes() in tested for image in part.samples) for part in (data.reference, data.holdout)
    ]
    assert all(2300 < share < 2700 for share in shares)

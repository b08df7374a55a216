"""Data sets in the IDX format of LeCun's MNIST: MNIST, EMNIST, KMNIST, Fashion-MNIST, and any other by its folder.

Four files, plain or gz: training and test images (magic 0x00000803, big-endian counts, uint8 pixels) and labels
(magic 0x00000801). http://yann.lecun.com/exdb/mnist/ describes the format.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import torch
from torch import Tensor

from aigc_bench.core import Batch, Dataset, SampleSpec
from aigc_bench.data.download import cache_folder, fetch
from aigc_bench.data.splits import digest_of
from aigc_bench.errors import DataError

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
MNIST_MD5 = {
    "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
}
MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
REFERENCE_SHARE = 6
"""the last sixth of the training images is the reference: 10,000 of MNIST's 60,000"""


def build(*, data_dir: Path | None = None, download: bool = False, name: str = "idx") -> Dataset:
    """Read the four files of `data_dir`: fit and reference from the training images, holdout the test images.

    Raises:
        DataError: a file is missing, truncated, or not IDX.
    """
    if data_dir is None:
        raise DataError(f"data set {name!r}: say where its four IDX files lie, with --data-dir or AIGC_BENCH_DATA")
    images, labels, test_images, test_labels = (read_idx(_find(data_dir, file)) for file in FILES)
    for pixels, classes in ((images, labels), (test_images, test_labels)):
        if len(pixels) != len(classes):
            raise DataError(f"{data_dir}: {len(pixels)} images but {len(classes)} labels")
    cut = len(images) - len(images) // REFERENCE_SHARE
    fit, reference = Batch(images[:cut], labels[:cut]), Batch(images[cut:], labels[cut:])
    holdout = Batch(test_images, test_labels)
    return Dataset(
        name=name,
        spec=SampleSpec("image", tuple(images.shape[1:])),
        fit=fit,
        reference=reference,
        holdout=holdout,
        digest=digest_of(fit, reference, holdout),
        num_classes=int(max(labels.max(), test_labels.max())) + 1,
    )


def build_mnist(*, data_dir: Path | None = None, download: bool = False, url: str = MNIST_URL) -> Dataset:
    """MNIST from `data_dir`, its folder `mnist`, or the cache; fetched from `url` when told to.

    Raises:
        DataError: missing (says how to get it), truncated, not IDX, or a checksum mismatch.
    """
    cached = cache_folder() / "mnist"
    places = [place for base in (data_dir,) if base for place in (base / "mnist", base)] + [cached]
    for place in places:
        if any(_path(place, file) for file in FILES):
            return build(data_dir=place, name="mnist")
    if not download:
        raise DataError(
            f"MNIST's IDX files ({', '.join(FILES)}, plain or .gz) are in none of: "
            f"{', '.join(map(str, places))}; name their folder with --data-dir or AIGC_BENCH_DATA, or add --download"
        )
    for file in FILES:
        fetch(f"{url.rstrip('/')}/{file}.gz", cached / f"{file}.gz", MNIST_MD5[file])
    return build(data_dir=cached, name="mnist")


def read_idx(path: Path) -> Tensor:
    """An IDX file as a tensor: images (N, 1, H, W) uint8, labels (N,) int64.

    Raises:
        DataError: unreadable, wrong magic number, or truncated.
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if len(content) < 8:
        raise DataError(f"{path} is truncated: {len(content)} bytes are too few for an IDX header")
    (magic,) = struct.unpack(">I", content[:4])
    if magic not in (0x801, 0x803):
        raise DataError(f"{path} is not IDX: magic number {magic:#010x}, expected 0x00000801 or 0x00000803")
    num_axes = magic & 0xFF
    shape = struct.unpack(f">{num_axes}I", content[4 : 4 + 4 * num_axes].ljust(4 * num_axes, b"\0"))
    body = content[4 + 4 * num_axes :]
    expected = 1
    for length in shape:
        expected *= length
    if len(body) != expected or not expected:
        raise DataError(f"{path} is truncated or padded: {shape} needs {expected} bytes of data, found {len(body)}")
    values = torch.frombuffer(bytearray(body), dtype=torch.uint8).reshape(shape)
    return values.long() if num_axes == 1 else values[:, None]


def _path(folder: Path, file: str) -> Path | None:
    names = (file, f"{file}.gz", file.replace("-idx", ".idx"))
    found = [path for name in names for path in sorted(folder.glob(f"*{name}"))]
    return found[0] if found else None


def _find(folder: Path, file: str) -> Path:
    path = _path(folder, file)
    if path is None:
        raise DataError(f"no {file} (plain or .gz) in {folder}; expected the four files {', '.join(FILES)}")
    return path

"""Data sets in the IDX format of LeCun's MNIST: MNIST, EMNIST, KMNIST, Fashion-MNIST, and any other by its folder.

Four files, plain or gz: training and test images (magic 0x00000803, big-endian counts, uint8 pixels) and labels
(magic 0x00000801). http://yann.lecun.com/exdb/mnist/ describes the format. EMNIST's pictures lie transposed in its
files, and are read as they lie.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import torch
from torch import Tensor

from aigc_bench.core import Batch, Dataset, SampleSpec
from aigc_bench.core.errors import DataError
from aigc_bench.data.splits import check_limit, digest_of, fit_and_halves, limit_notes
from aigc_bench.modalities.image import NAME as IMAGE
from aigc_bench.system.download import cache_folder, fetch

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
"""of the .gz files"""
MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
REFERENCE_SHARE = 6
"""the last sixth of the training images, 10,000 of MNIST's, is not fitted but pooled with the test images and halved"""
SPLIT_SEED = 0
IMAGES, LABELS = 0x803, 0x801
"""magic numbers: 08 is uint8, the last digit the number of axes"""


def build(
    *,
    data_dir: Path | None = None,
    download: bool = False,
    name: str = "idx",
    prefix: str = "",
    limit: int | None = None,
) -> Dataset:
    """Read the four files of `data_dir`; reference and holdout are two halves of the last training and all test images.

    `prefix` begins the files' names ("emnist-letters"); `limit` keeps the first so many samples of each split.

    Raises:
        DataError: a file is missing, truncated, not IDX, or does not fit the others.
    """
    if data_dir is None:
        raise DataError(
            f"data set {name!r}: say where its four IDX files lie, with --data-dir or AIGC_BENCH_DATA; "
            "--download fetches the data set 'mnist' alone"
        )
    paths = _find(data_dir, prefix)
    if len(paths) < len(FILES):
        raise _missing(name, [data_dir], prefix)
    return _read(name, paths, limit)


def build_mnist(
    *,
    data_dir: Path | None = None,
    download: bool = False,
    url: str = MNIST_URL,
    cache_dir: Path | None = None,
    limit: int | None = None,
) -> Dataset:
    """MNIST from `data_dir`, its folder `mnist`, or the cache; fetched from `url` into the cache when told to.

    Raises:
        DataError: missing (says how to get it), truncated, not IDX, or a checksum mismatch.
    """
    cached = (Path(cache_dir) if cache_dir else cache_folder("data")) / "mnist"
    places = [data_dir / "mnist", data_dir, cached] if data_dir else [cached]
    for place in places:
        paths = _find(place)
        if len(paths) == len(FILES):
            return _read("mnist", paths, limit)
    if not download:
        raise _missing("mnist", places)
    fetched = [fetch(f"{url.rstrip('/')}/{file}.gz", cached / f"{file}.gz", MNIST_MD5[file]) for file in FILES]
    return _read("mnist", dict(zip(FILES, fetched, strict=True)), limit)


def read_idx(path: Path, magic: int) -> Tensor:
    """An IDX file as a tensor: images (N, 1, H, W) uint8, labels (N,) int64.

    Raises:
        DataError: unreadable, another magic number than `magic`, empty, or truncated.
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    num_axes = magic & 0xFF
    start = 4 + 4 * num_axes
    if len(content) >= 4 and (found := struct.unpack_from(">I", content)[0]) != magic:
        kind = "images" if magic == IMAGES else "labels"
        raise DataError(f"{path} is not an IDX file of {kind}: magic number {found:#010x}, expected {magic:#010x}")
    if len(content) < start:
        raise DataError(f"{path} is truncated: {len(content)} bytes are too few for an IDX header")
    shape = struct.unpack_from(f">{num_axes}I", content, 4)
    expected = math.prod(shape)
    if not expected:
        raise DataError(f"{path} holds no samples: its header says {shape}")
    if len(content) - start != expected:
        raise DataError(
            f"{path} is truncated or padded: {shape} needs {expected} bytes of data, found {len(content) - start}"
        )
    values = torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=start).reshape(shape)
    return values.long() if magic == LABELS else values[:, None]


def _read(name: str, paths: dict[str, Path], limit: int | None) -> Dataset:
    check_limit(name, limit)
    images, labels = _pair(paths[FILES[0]], paths[FILES[1]])
    test_images, test_labels = _pair(paths[FILES[2]], paths[FILES[3]])
    if images.shape[1:] != test_images.shape[1:]:
        raise DataError(
            f"images of unlike size: {tuple(images.shape[2:])} in {paths[FILES[0]]}, "
            f"{tuple(test_images.shape[2:])} in {paths[FILES[2]]}"
        )
    if len(images) < REFERENCE_SHARE:
        raise DataError(f"{paths[FILES[0]]} holds {len(images)} images; at least {REFERENCE_SHARE} are needed")
    # The test images alone would not do as holdout: MNIST's have other writers, so that real data would lie farther
    # from the reference than a good model of the training images does, and the floor would be none.
    train, test = Batch(images, labels), Batch(test_images, test_labels)
    fit, reference, holdout = fit_and_halves(train, test, REFERENCE_SHARE, SPLIT_SEED, limit)
    return Dataset(
        name=name,
        spec=SampleSpec(IMAGE, tuple(images.shape[1:])),
        fit=fit,
        reference=reference,
        holdout=holdout,
        digest=digest_of(fit, reference, holdout),
        num_classes=int(max(labels.max(), test_labels.max())) + 1,
        notes=limit_notes(limit),
    )


def _pair(images_path: Path, labels_path: Path) -> tuple[Tensor, Tensor]:
    images, labels = read_idx(images_path, IMAGES), read_idx(labels_path, LABELS)
    if len(images) != len(labels):
        raise DataError(f"{len(images)} images in {images_path}, but {len(labels)} labels in {labels_path}")
    return images, labels


def _find(folder: Path, prefix: str = "") -> dict[str, Path]:
    """Which of the four files are there: plain or gz, "-idx" or ".idx", test files called t10k or (EMNIST) test."""
    begin = f"{prefix.rstrip('-')}-" if prefix else ""
    found = {}
    for file in FILES:
        stems = [begin + stem for stem in (file, file.replace("t10k-", "test-"))]
        names = [
            name + suffix for stem in stems for name in (stem, stem.replace("-idx", ".idx")) for suffix in ("", ".gz")
        ]
        paths = [folder / name for name in names if (folder / name).is_file()]
        if paths:
            found[file] = paths[0]
    return found


def _missing(name: str, places: list[Path], prefix: str = "") -> DataError:
    lacks = "; ".join(
        f"{place} lacks {', '.join(file for file in FILES if file not in _find(place, prefix))}"
        if place.is_dir()
        else f"{place} is no folder"
        for place in places
    )
    way_out = "add --download" if name == "mnist" else "--download fetches the data set 'mnist' alone"
    begun = f" (names beginning with {prefix!r})" if prefix else ""
    return DataError(
        f"data set {name!r} needs four IDX files, plain or .gz{begun}: {lacks}; name their folder with --data-dir or "
        f"AIGC_BENCH_DATA; {way_out}"
    )

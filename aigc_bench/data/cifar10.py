"""CIFAR-10 (Krizhevsky 2009) in its binary format: five training batches and a test batch of 10,000 images each.

The batches are read as files, or out of the archive that is published; nothing is unpacked to a folder.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from aigc_bench.core import Batch, Dataset, SampleSpec
from aigc_bench.core.errors import DataError
from aigc_bench.data.splits import check_limit, digest_of, fit_and_halves, limit_notes
from aigc_bench.modalities.image import NAME as IMAGE
from aigc_bench.modalities.image.cifar10_records import NUM_CLASSES, SHAPE, records
from aigc_bench.system.download import cache_folder, fetch

TRAIN_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST_FILE = "test_batch.bin"
BATCH_SIZE = 10_000
"""images of every published file"""
FOLDER = "cifar-10-batches-bin"
"""of the files in the archive"""
ARCHIVE = "cifar-10-binary.tar.gz"
ARCHIVE_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
URL = f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}"
MAX_ARCHIVE_BYTES = 2**28
"""unpacked; the published archive holds 184 MB"""
REFERENCE_SHARE = 5
"""the last fifth of the training images, one batch of five, is not fitted but pooled with the test images and halved"""
SPLIT_SEED = 0

Batches = Mapping[str, Batch]
"""file name => its images and labels, in the order of the names"""


def build(
    *,
    data_dir: Path | None = None,
    download: bool = False,
    url: str = URL,
    cache_dir: Path | None = None,
    limit: int | None = None,
) -> Dataset:
    """CIFAR-10 from `data_dir`, its folder `cifar10`, or the cache; fetched from `url` into the cache when told to.

    As many training batches are used as are there. A part of the test batch will do: "test_batch_head1000.bin".
    `limit` keeps the first so many samples of each split.

    Raises:
        ConfigurationError: a limit below 1.
        DataError: missing (says how to get it), truncated, of another format, or a checksum mismatch.
    """
    check_limit("cifar10", limit)
    found = batches(data_dir, cache_dir, download=download, url=url)
    test = next(name for name in found if name.startswith("test_batch"))
    train = [found[name] for name in TRAIN_FILES if name in found]
    fit, reference, holdout = fit_and_halves(joined(train), found[test], REFERENCE_SHARE, SPLIT_SEED, limit)
    return Dataset(
        name="cifar10",
        spec=SampleSpec(IMAGE, SHAPE),
        fit=fit,
        reference=reference,
        holdout=holdout,
        digest=digest_of(fit, reference, holdout),
        num_classes=NUM_CLASSES,
        notes=(*_notes(len(train), test, len(found[test].samples)), *limit_notes(limit)),
    )


def batches(
    data_dir: Path | None = None, cache_dir: Path | None = None, *, download: bool = False, url: str = URL
) -> Batches:
    """The batches of the first place that has all that `build` needs.

    Raises:
        DataError: there is none (says how to get it), a file is truncated or of another format, or a checksum mismatch.
    """
    places = _places(data_dir, cache_dir)
    if download and not any(map(_is_complete, places)):
        fetch(url, _cached(cache_dir) / ARCHIVE, ARCHIVE_MD5)
    for place in places:
        if not _is_complete(place):
            continue
        archive = place / ARCHIVE
        contents = _archived(archive) if archive.is_file() else ((path, path.read_bytes()) for path in _files(place))
        found = {path: _batch(content, path) for path, content in contents}
        if lacks := _lacking(found):
            raise DataError(f"{archive} lacks {lacks}; remove it and add --download")
        return {path.name: found[path] for path in sorted(found)}
    missing = "; ".join(
        f"{place} lacks {_lacking(_files(place))}" if place.is_dir() else f"{place} is no folder"
        for place in places
        if place.is_dir() or place.name != FOLDER
    )
    raise DataError(
        f"data set 'cifar10' needs {TEST_FILE} and one at least of {TRAIN_FILES[0]} … {TRAIN_FILES[-1]}, or {ARCHIVE}: "
        f"{missing}; name their folder with --data-dir or AIGC_BENCH_DATA; add --download"
    )


def joined(parts: list[Batch]) -> Batch:
    """Batches with labels as one, in order."""
    labels = [part.labels for part in parts if part.labels is not None]
    return Batch(torch.cat([part.samples for part in parts]), torch.cat(labels))


def _cached(cache_dir: Path | None) -> Path:
    return (Path(cache_dir) if cache_dir else cache_folder("data")) / "cifar10"


def _places(data_dir: Path | None, cache_dir: Path | None) -> list[Path]:
    folders = [data_dir / "cifar10", data_dir] if data_dir else []
    folders.append(_cached(cache_dir))
    return [place for folder in folders for place in (folder, folder / FOLDER)]


def _files(place: Path) -> list[Path]:
    """The training batches that are there, and the test batch, whole or else a part of it."""
    tests = [place / TEST_FILE, *sorted(place.glob("test_batch*.bin"))]
    there = [path for path in tests if path.is_file()]
    return [path for name in TRAIN_FILES if (path := place / name).is_file()] + there[:1]


def _is_complete(place: Path) -> bool:
    return (place / ARCHIVE).is_file() or not _lacking(_files(place))


def _lacking(paths: Iterable[Path]) -> str:
    """What is missing among files; empty where they will do."""
    train = [path.name in TRAIN_FILES for path in paths]
    kinds = {"a training batch": any(train), "the test batch": not all(train)}
    return " and ".join(kind for kind, there in kinds.items() if not there)


def _archived(path: Path) -> Iterator[tuple[Path, bytes]]:
    """The batches in an archive, read in memory in one pass; whatever else is in it is passed over."""
    num_bytes = 0
    try:
        with tarfile.open(path, "r|gz") as archive:
            for info in archive:
                num_bytes += info.size
                if num_bytes > MAX_ARCHIVE_BYTES:
                    raise DataError(f"{path} unpacks to more than {MAX_ARCHIVE_BYTES} bytes; refused")
                name = PurePosixPath(info.name).name
                if name not in (*TRAIN_FILES, TEST_FILE):
                    continue
                stream = archive.extractfile(info) if info.isreg() else None
                if stream is None:
                    raise DataError(f"{path} holds {info.name!r} as a link or device; expected a plain file")
                yield path / name, stream.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is not a readable archive, or truncated: {error}; remove it") from error


def _batch(content: bytes, path: Path) -> Batch:
    found = records(np.frombuffer(content, np.uint8), str(path))
    images = torch.from_numpy(found[:, 1:].copy()).reshape(-1, *SHAPE)
    return Batch(images, torch.from_numpy(found[:, 0].astype(np.int64)))


def _notes(num_train: int, test: str, num_test: int) -> Iterator[str]:
    if num_train < len(TRAIN_FILES):
        yield f"{num_train} of {len(TRAIN_FILES)} training batches are there."
    if num_test != BATCH_SIZE:
        yield f"{num_test:,} of {BATCH_SIZE:,} test images are there, in {test}."

"""Features on disk: chunks while they are made, one mapped file per output when all are there.

A finished set costs page cache rather than memory of the process: the kernel reads what a metric touches, and drops
it where somebody needs the room.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from aigc_bench.core import Features
from aigc_bench.core.errors import DataError
from aigc_bench.samples.sets import SampleSet
from aigc_bench.system.files import save_tensors

LEFT_OUT = "left_out.json"
OUTPUTS = ("pool", "logits", "spatial")
"""fields of Features"""


def tensors_of(features: Features) -> dict[str, Tensor]:
    """What there is of features, by name, as files want it."""
    found = {key: getattr(features, key) for key in OUTPUTS}
    return {key: tensor.cpu().contiguous() for key, tensor in found.items() if tensor is not None}


def digest_of(features: Features) -> str:
    """SHA-256 over names, shapes and bytes of everything there is of features."""
    sha = hashlib.sha256()
    for key, tensor in tensors_of(features).items():
        sha.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha.update(tensor.numpy().data)
    return sha.hexdigest()


def write_left_out(folder: Path, samples: SampleSet) -> None:
    """Keep what the pass over the samples left out, if it was one that may."""
    if samples.on_bad_image == "skip":
        partial = folder / f"{LEFT_OUT}.partial"
        partial.write_text(json.dumps({"left_out": samples.left_out, "num_samples": samples.num_samples}))
        os.replace(partial, folder / LEFT_OUT)


def restore_left_out(folder: Path, samples: SampleSet) -> None:
    """Tell the samples what `write_left_out` kept, so that their names and classes are those of the features."""
    if (folder / LEFT_OUT).is_file():
        kept = json.loads((folder / LEFT_OUT).read_bytes())
        samples.restore({int(index): reason for index, reason in kept["left_out"].items()}, kept["num_samples"])


def write_chunk(path: Path, indices: Tensor, found: Features) -> None:
    """Keep the features of the samples at `indices` of a set."""
    partial = path.with_suffix(".partial")
    save_tensors({"indices": indices, **tensors_of(found)}, partial)
    os.replace(partial, path)


def joined(parts: Sequence[Features], extractor: str) -> Features:
    """One after the other.

    Raises:
        DataError: parts of unlike width.
    """
    _check_one_width({part.pool.shape[1] for part in parts}, extractor)
    outputs = [tensors_of(part) for part in parts]
    return Features.of({key: torch.cat([output[key] for output in outputs]) for key in outputs[0]})


def is_whole(folder: Path) -> bool:
    """Whether `gather` has finished its work, but for the chunks it leaves to be deleted."""
    return (folder / f"{OUTPUTS[0]}.npy").is_file()


def gather(folder: Path, extractor: str) -> None:
    """Make one file per output of a folder's chunks, which hold every index once, and delete the chunks.

    Raises:
        DataError: chunks of unlike width.
    """
    chunks = sorted(folder.glob("*.safetensors"))
    if not is_whole(folder):
        shapes = [_shapes(path) for path in chunks]
        _check_one_width({shape["pool"][1] for shape in shapes}, extractor)
        num = sum(shape["indices"][0] for shape in shapes)
        # The first output comes last: where it is, all are.
        for key in reversed([key for key in OUTPUTS if key in shapes[0]]):
            _write_rows(folder / f"{key}.npy", key, (num, shapes[0][key][1]), chunks)
    for path in chunks:
        path.unlink()


def mapped(folder: Path) -> Features:
    """What `gather` made. Writing to it changes nobody's file: a page that is written to is a copy."""
    found = {key: folder / f"{key}.npy" for key in OUTPUTS}
    arrays = {key: np.load(path, mmap_mode="c") for key, path in found.items() if path.is_file()}
    return Features.of({key: torch.from_numpy(array) for key, array in arrays.items()})


def _check_one_width(widths: set[int], extractor: str) -> None:
    if len(widths) > 1:
        raise DataError(
            f"extractor {extractor!r} gives {sorted(widths)} features for samples of several sizes; expected one size: "
            "resize them, or use an extractor that resizes, such as 'inception'"
        )


def _shapes(path: Path) -> dict[str, list[int]]:
    with safetensors.safe_open(path, "pt") as chunk:
        return {key: chunk.get_slice(key).get_shape() for key in chunk.keys()}  # noqa: SIM118  it is no dictionary


def _write_rows(path: Path, key: str, shape: tuple[int, int], chunks: list[Path]) -> None:
    # Written, not mapped: a disk that is full is an OSError here, and would be a SIGBUS there.
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        start, row_bytes = file.tell(), 4 * shape[1]
        for chunk in chunks:
            tensors = safetensors.torch.load_file(chunk)
            rows = tensors[key].to(torch.float32).numpy()
            for index, row in zip(tensors["indices"].tolist(), rows, strict=True):
                file.seek(start + index * row_bytes)
                file.write(row.data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)

"""Samples that are pixels already: arrays and tensors, npy files (memory-mapped) and npz files (streamed)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_bench.core.errors import DataError
from aigc_bench.modalities.image import NAME
from aigc_bench.modalities.image.layout import Layout, check_dtype, layout_of
from aigc_bench.samples.chunks import Chunk, SampleDigest
from aigc_bench.samples.lookahead import overlapped
from aigc_bench.samples.npy import NpyHeader, Npz, read_header, read_numbers
from aigc_bench.samples.sets import SampleSet

AHEAD = 2
"""chunks read from a file before they are asked for"""


class ArraySamples(SampleSet):
    """Samples of one size in an array, wherever it lies.

    `blocks(size)` yields the array in its own layout, `size` samples at a time; `rows(indices)` gives single samples of
    it, where there is a way to them; `classes()` reads labels, where the source has them.
    """

    modality = NAME

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        layout: Layout,
        blocks: Callable[[int], Iterator[Tensor]],
        *,
        rows: Callable[[list[int]], Tensor] | None = None,
        classes: Callable[[], tuple[str, ...] | None] = lambda: None,
        policies: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__(name, (f"the array is read as {layout}",) if policies is None else policies)
        self._blocks, self._rows, self._classes = blocks, rows, classes
        self._num = shape[0]
        self._last = layout == "(N, H, W, C)"
        self._shape = (shape[3], shape[1], shape[2]) if self._last else (shape[1], shape[2], shape[3])
        self._digest: str | None = None

    @property
    def num_listed(self) -> int:
        """The number of images, N."""
        return self._num

    @property
    def num_samples(self) -> int:
        """The number of images, N."""
        return self._num

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        return self._shape

    @property
    def is_indexed(self) -> bool:
        """Where the array can be indexed; an npz file is a stream."""
        return self._rows is not None

    @property
    def digest(self) -> str:
        """SHA-256 over the pixels; computed when first asked for, by a pass of its own."""
        if self._digest is None:
            pixels = SampleDigest()
            for batch in self.batches(64):
                pixels.update(batch)
            self._digest = pixels.hexdigest()
        return self._digest

    @property
    def labels(self) -> tuple[str, ...] | None:
        """What the source says; see `SampleSet.labels`."""
        return self._classes()

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Yield slices in order; see `SampleSet.chunks`."""
        if size < 1:
            raise ValueError(f"expected chunks of at least one sample, got {size}")
        start = 0
        for block in self._blocks(size):
            samples = self._channels_first(block)
            yield Chunk(torch.arange(start, start + len(samples)), samples)
            start += len(samples)

    def take(self, indices: Sequence[int]) -> list[Tensor]:
        """Read these alone, where the array can be indexed; see `SampleSet.take`."""
        if self._rows is None:
            return super().take(indices)
        return [sample.contiguous() for sample in self._channels_first(self._rows(list(indices))).cpu()]

    def _channels_first(self, block: Tensor) -> Tensor:
        return block.permute(0, 3, 1, 2) if self._last else block


def of_tensor(samples: Tensor) -> ArraySamples:
    """Open a tensor: (N, C, H, W), or (N, H, W, C) where only that fits. Chunks are views, on its device.

    Raises:
        DataError: no uint8, or no images.
    """
    check_dtype(samples.dtype, "the tensor")
    layout = layout_of(tuple(samples.shape), "(N, C, H, W)", "the tensor")
    held = samples.detach()
    return ArraySamples(
        "tensor", tuple(samples.shape), layout, lambda size: iter(held.split(size)), rows=lambda rows: held[rows]
    )


def of_array(samples: NDArray[Any]) -> ArraySamples:
    """Open an array: (N, H, W, C), or (N, C, H, W) where only that fits.

    Raises:
        DataError: no uint8, or no images.
    """
    check_dtype(samples.dtype, "the array")
    layout = layout_of(samples.shape, "(N, H, W, C)", "the array")

    def blocks(size: int) -> Iterator[Tensor]:
        return (torch.from_numpy(samples[start : start + size].copy()) for start in range(0, len(samples), size))

    return ArraySamples(
        "array", samples.shape, layout, blocks, rows=lambda rows: torch.from_numpy(samples[rows].copy())
    )


def of_npy(path: Path) -> ArraySamples:
    """Open an npy file of uint8 images, laid out as `of_array` says, memory-mapped.

    Raises:
        DataError: pickled, truncated, no uint8, or no images.
    """
    with path.open("rb") as file:
        head = read_header(file, path.stat().st_size, str(path))
    layout = _checked(head, str(path))
    mapped = np.memmap(path, head.dtype, "r", head.offset, head.shape, "F" if head.fortran_order else "C")

    def blocks(size: int) -> Iterator[Tensor]:
        def block(start: int) -> Tensor:
            return torch.from_numpy(np.array(mapped[start : start + size]))

        return overlapped(block, range(0, len(mapped), size), num_workers=1, ahead=AHEAD)

    return ArraySamples(
        str(path), head.shape, layout, blocks, rows=lambda rows: torch.from_numpy(np.array(mapped[rows]))
    )


def of_npz(path: Path) -> ArraySamples:
    """Open `arr_0` of an npz file, the format of ADM's evaluator: uint8 (N, H, W, 3), streamed.

    Its sample files hold the integer labels beside it, as `arr_1`.

    Raises:
        DataError: no `arr_0`, pickled, truncated, encrypted, no uint8, or no images.
    """
    where = f"{path}['arr_0']"
    with Npz(path) as archive:
        if {"mu", "sigma"} <= set(archive.keys) and "arr_0" not in archive.keys:
            raise DataError(
                f"{path} holds reference statistics (mu, sigma), no samples (arr_0); use it as the real side"
            )
        head, stream = archive.open("arr_0")
        stream.close()
    layout = _checked(head, where)
    if head.fortran_order:
        raise DataError(f"{where} is in Fortran order and cannot be streamed; save np.ascontiguousarray(samples)")

    def blocks(size: int) -> Iterator[Tensor]:
        with Npz(path) as archive, archive.open("arr_0")[1] as stream:

            def block(start: int) -> Tensor:
                shape = (min(size, head.shape[0] - start), *head.shape[1:])
                return torch.from_numpy(read_numbers(stream, shape, head.dtype, where))

            yield from overlapped(block, range(0, head.shape[0], size), num_workers=1, ahead=AHEAD)

    return ArraySamples(str(path), head.shape, layout, blocks, classes=lambda: _labels(path, head.shape[0]))


def _labels(path: Path, num_samples: int) -> tuple[str, ...] | None:
    where = f"{path}['arr_1']"
    with Npz(path) as archive:
        if "arr_1" not in archive.keys:
            return None
        head, stream = archive.open("arr_1")
        with stream:
            if head.shape != (num_samples,) or head.dtype.kind not in "iu":
                raise DataError(
                    f"{where} is {head.dtype} of shape {head.shape}, expected a label for each sample of arr_0: "
                    f"integers of shape ({num_samples},)"
                )
            return tuple(str(label) for label in read_numbers(stream, head.shape, head.dtype, where).tolist())


def _checked(head: NpyHeader, where: str) -> Layout:
    check_dtype(head.dtype, where)
    return layout_of(head.shape, "(N, H, W, C)", where)

"""Samples from torch's data sets and loaders: somebody else's code, run in the consumer's thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from aigc_bench.errors import DataError
from aigc_bench.inputs.arrays import check_dtype, layout_of
from aigc_bench.inputs.images import GREY, from_pillow
from aigc_bench.inputs.samples import Chunk, OnBadImage, PixelDigest, SampleSet, Skipped, grouped

UNREADABLE = (OSError, SyntaxError, ValueError, EOFError)
"""What Pillow raises on a damaged file; whatever else an item raises is no matter of its image."""


class _StreamedSamples(SampleSet):
    """Samples that are known only while they are read."""

    def __init__(self, name: str, policies: tuple[str, ...]) -> None:
        super().__init__(name, policies)
        self._num_samples: int | None = None
        self._digest: str | None = None

    @property
    def num_listed(self) -> int | None:
        """Not said."""
        return None

    @property
    def num_samples(self) -> int | None:
        """What the latest complete pass yielded."""
        return self._num_samples

    @property
    def shape(self) -> None:
        """Not known beforehand."""
        return

    @property
    def digest(self) -> str | None:
        """SHA-256 over the pixels of the latest complete pass."""
        return self._digest

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Read all samples; see `SampleSet.chunks`."""
        return grouped(self._read(), size)

    def _images(self) -> Iterator[Tensor]:
        raise NotImplementedError

    def _read(self) -> Iterator[Tensor]:
        digest = PixelDigest()
        num_samples = num_channels = 0
        for image in self._images():
            num_channels = num_channels or image.shape[2]
            if image.shape[2] != num_channels:
                raise DataError(
                    f"{self.name} mixes images of {num_channels} and {image.shape[2]} channels; convert all to RGB"
                )
            digest.update(image.permute(2, 0, 1)[None])
            num_samples += 1
            yield image
        if not num_samples:
            raise DataError(
                f"{self.name} holds no samples" + "".join(f"; {s.name}: {s.reason}" for s in self.skipped[:1])
            )
        self._num_samples, self._digest = num_samples, digest.hexdigest()


class DatasetSamples(_StreamedSamples):
    """A torch `Dataset` with a length: each item an image, or a tuple that begins with one."""

    def __init__(self, dataset: TorchDataset[Any], on_bad_image: OnBadImage) -> None:
        super().__init__(
            type(dataset).__name__, ("pictures: grey stays one channel, else RGB; transparency is dropped",)
        )
        if not hasattr(dataset, "__len__") or not hasattr(type(dataset), "__getitem__"):
            raise DataError(f"{self.name} has no length or no items; wrap an iterable data set in a torch DataLoader")
        self._dataset = dataset
        self._on_bad_image = on_bad_image
        self._length = len(dataset)
        self._skipped: dict[int, Skipped] = {}
        if not self._length:
            raise DataError(f"{self.name} holds no samples")
        self._num_samples = self._length if on_bad_image == "error" else None

    @property
    def num_listed(self) -> int:
        """The length."""
        return self._length

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Items that could not be read in the latest pass."""
        return tuple(self._skipped.values())

    def _images(self) -> Iterator[Tensor]:
        self._skipped.clear()
        for index in range(self._length):
            where = f"item {index} of {self.name}"
            try:
                item = self._dataset[index]
                if isinstance(part := first(item), Image.Image):
                    part.load()  # may still be a file that is read only now
            except UNREADABLE as error:
                if self._on_bad_image == "error":
                    raise DataError(f"{where} raised {type(error).__name__}: {error}") from error
                self._skipped[index] = Skipped(f"item {index}", str(error))
                continue
            yield pixels(part, where)


class LoaderSamples(_StreamedSamples):
    """A torch `DataLoader`: each batch (n, C, H, W) uint8, or a tuple that begins with one.

    A damaged image fails its batch, so that none can be skipped.
    """

    def __init__(self, loader: DataLoader[Any], on_bad_image: OnBadImage) -> None:
        super().__init__(f"loader of {type(loader.dataset).__name__}", ())
        if on_bad_image == "skip":
            raise DataError(f"the {self.name} cannot skip bad images; pass its data set instead, or let it skip them")
        self._loader: Iterable[Any] = loader

    def _images(self) -> Iterator[Tensor]:
        for number, batch in enumerate(self._loader):
            where = f"batch {number} of the {self.name}"
            images = first(batch)
            if not isinstance(images, Tensor | np.ndarray):
                raise DataError(
                    f"{where} begins with {type(images).__name__}, expected a tensor of images (n, C, H, W)"
                )
            if images.ndim != 4:
                raise DataError(f"{where} has shape {tuple(images.shape)}, expected (n, C, H, W)")
            for image in images:
                yield pixels(image, where)


def first(item: Any) -> Any:
    """Return the image of an item that is (image, label, …) or the image itself."""
    return item[0] if isinstance(item, tuple | list) and item else item


def pixels(image: Any, where: str) -> Tensor:
    """Convert a picture, tensor or array to (H, W, C) uint8.

    Raises:
        DataError: it is none of these, not uint8, or has neither one channel nor three.
    """
    if isinstance(image, Image.Image):
        if image.mode == "F" or image.mode == "I":
            raise DataError(f"{where} has pixels of mode {image.mode!r}, which have no stated range")
        return from_pillow(image, grey=image.mode in GREY)
    if not isinstance(image, Tensor | np.ndarray):
        raise DataError(f"{where} is {type(image).__name__}, expected an image: a tensor, an array or a PIL.Image")
    check_dtype(image.dtype, where)
    layout = layout_of((1, *image.shape), "(N, C, H, W)" if isinstance(image, Tensor) else "(N, H, W, C)", where)
    tensor = image if isinstance(image, Tensor) else torch.from_numpy(image.copy())
    return tensor if layout == "(N, H, W, C)" else tensor.permute(1, 2, 0)

"""Samples from torch's data sets and loaders: somebody else's code, run in the consumer's thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from aigc_bench.core.errors import DataError
from aigc_bench.modalities.image import NAME
from aigc_bench.modalities.image.decoding import GREY, from_pillow
from aigc_bench.modalities.image.layout import Layout, check_dtype, layout_of
from aigc_bench.samples.chunks import Chunk, SampleDigest, grouped
from aigc_bench.samples.sets import OnBadImage, SampleSet, Skipped

UNREADABLE = (OSError, SyntaxError, ValueError, EOFError)
"""What Pillow raises on a damaged file; whatever else an item raises is no matter of its image."""


class _StreamedSamples(SampleSet):
    """Samples that are known only while they are read."""

    modality = NAME

    def __init__(self, name: str, policies: tuple[str, ...]) -> None:
        super().__init__(name, policies)
        self._num_samples: int | None = None
        self._digest: str | None = None
        self._labels: tuple[str, ...] | None = None

    @property
    def num_listed(self) -> int | None:
        """None: a loader does not say how many it will give."""
        return None

    @property
    def num_samples(self) -> int | None:
        """What the latest complete pass yielded."""
        return self._num_samples

    @property
    def shape(self) -> None:
        """None: it is known when the images have been seen."""
        return

    @property
    def digest(self) -> str | None:
        """SHA-256 over the pixels of the latest complete pass."""
        return self._digest

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Labels of the latest complete pass; see `SampleSet.labels`."""
        return self._labels

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Read all samples; see `SampleSet.chunks`."""
        return grouped(self._read(), size)

    def _items(self) -> Iterator[tuple[Tensor, str | None]]:
        raise NotImplementedError

    def _read(self) -> Iterator[Tensor]:
        digest = SampleDigest()
        labels: list[str] = []
        num_samples = num_channels = 0
        for image, label in self._items():
            labels += [] if label is None else [label]
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
        self._labels = tuple(labels) if len(labels) == num_samples else None


class DatasetSamples(_StreamedSamples):
    """A torch `Dataset` with a length: each item an image, or a tuple that begins with one."""

    def __init__(self, dataset: TorchDataset[Any], on_bad_image: OnBadImage) -> None:
        super().__init__(
            type(dataset).__name__, ("pictures: grey stays one channel, else RGB; transparency is dropped",)
        )
        if not hasattr(dataset, "__len__") or not hasattr(type(dataset), "__getitem__"):
            raise DataError(f"{self.name} has no length or no items; wrap an iterable data set in a torch DataLoader")
        self._dataset = dataset
        self.on_bad_image = on_bad_image
        self._length = len(dataset)
        self._skipped: dict[int, Skipped] = {}
        if not self._length:
            raise DataError(f"{self.name} holds no samples")
        self._num_samples = self._length if on_bad_image == "error" else None

    @property
    def num_listed(self) -> int:
        """The length of the data set."""
        return self._length

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Items that could not be read in the latest pass."""
        return tuple(self._skipped.values())

    @property
    def left_out(self) -> dict[int, str]:
        """See `SampleSet.left_out`."""
        return {index: item.reason for index, item in self._skipped.items()}

    def restore(self, left_out: Mapping[int, str], num_samples: int | None) -> None:
        """See `SampleSet.restore`."""
        self._skipped = {index: Skipped(f"item {index}", reason) for index, reason in sorted(left_out.items())}
        self._num_samples = self._num_samples if num_samples is None else num_samples

    def take(self, indices: Sequence[int]) -> list[Tensor]:
        """Ask for these alone, where none is skipped; see `SampleSet.take`."""
        if self.on_bad_image == "skip":
            return super().take(indices)
        images = (pixels(first(self._dataset[index]), f"item {index} of {self.name}") for index in indices)
        return [image.permute(2, 0, 1).contiguous() for image in images]

    def _items(self) -> Iterator[tuple[Tensor, str | None]]:
        self._skipped.clear()
        for index in range(self._length):
            where = f"item {index} of {self.name}"
            try:
                item = self._dataset[index]
                if isinstance(part := first(item), Image.Image):
                    part.load()  # may still be a file that is read only now
            except UNREADABLE as error:
                if self.on_bad_image == "error":
                    raise DataError(f"{where} raised {type(error).__name__}: {error}") from error
                self._skipped[index] = Skipped(f"item {index}", str(error))
                continue
            yield pixels(part, where), label_of(second(item))


class LoaderSamples(_StreamedSamples):
    """A torch `DataLoader`: each batch (n, C, H, W) uint8, or a tuple that begins with one.

    A damaged image fails its batch, so that none can be skipped.
    """

    def __init__(self, loader: DataLoader[Any], on_bad_image: OnBadImage) -> None:
        super().__init__(f"loader of {type(loader.dataset).__name__}", ())
        if on_bad_image == "skip":
            raise DataError(f"the {self.name} cannot skip bad images; pass its data set instead, or let it skip them")
        self._loader: Iterable[Any] = loader

    def take(self, indices: Sequence[int]) -> list[Tensor]:
        """A whole pass, since what a loader gives may change; see `SampleSet.take`.

        Raises:
            DataError: as `chunks`, and where it has changed.
        """
        before, found, wanted = self.digest, dict[int, Tensor](), set(indices)
        for number, sample in enumerate(self._read()):
            if number in wanted:
                found[number] = sample.permute(2, 0, 1).cpu().contiguous()
        if before not in (None, self.digest):
            raise DataError(f"the {self.name} gave other samples than before; expected no shuffling or augmentation")
        return [found[index] for index in indices]

    def _items(self) -> Iterator[tuple[Tensor, str | None]]:
        for number, batch in enumerate(self._loader):
            where = f"batch {number} of the {self.name}"
            images = first(batch)
            if not isinstance(images, Tensor | np.ndarray):
                raise DataError(
                    f"{where} begins with {type(images).__name__}, expected a tensor of images (n, C, H, W)"
                )
            if images.ndim != 4:
                raise DataError(f"{where} has shape {tuple(images.shape)}, expected (n, C, H, W)")
            labels = second(batch)
            each = labels if isinstance(labels, Tensor | np.ndarray | list | tuple) else [None] * len(images)
            for image, label in zip(images, each if len(each) == len(images) else [None] * len(images), strict=True):
                yield pixels(image, where), label_of(label)


def first(item: Any) -> Any:
    """Return the image of an item that is (image, label, …) or the image itself."""
    return item[0] if isinstance(item, tuple | list) and item else item


def second(item: Any) -> Any:
    """Return the label of an item that is (image, label, …), else None."""
    return item[1] if isinstance(item, tuple | list) and len(item) > 1 else None


def label_of(label: Any) -> str | None:
    """Name a class that is a text or an integer, bare or in a tensor or array without axes; None for all else."""
    if isinstance(label, Tensor | np.ndarray) and label.ndim == 0:
        label = label.item()
    named = isinstance(label, str | int | np.integer) and not isinstance(label, bool)
    return str(label) if named else None


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
    preferred: Layout = "(N, C, H, W)" if isinstance(image, Tensor) else "(N, H, W, C)"
    layout = layout_of((1, *image.shape), preferred, where, single=True)
    tensor = image if isinstance(image, Tensor) else torch.from_numpy(image.copy())
    return tensor if layout == "(N, H, W, C)" else tensor.permute(1, 2, 0)

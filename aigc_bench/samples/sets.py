"""What an opened set of samples is, whatever it was opened from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from aigc_bench.core import SampleSpec
from aigc_bench.core.errors import DataError
from aigc_bench.core.wording import printable
from aigc_bench.samples.chunks import Chunk

Source = str | Path | NDArray[Any] | Tensor | TorchDataset[Any] | DataLoader[Any]
"""what samples can be opened from: a path, an array, a tensor, a data set or loader of torch's"""
OnBadImage = Literal["error", "skip"]
T = TypeVar("T")

TAKEN_AT_ONCE = 64
"""samples of a chunk, where single ones have to be found in a pass over all"""


class Skipped(NamedTuple):
    """A sample that was left out."""

    name: str
    reason: str


class SampleSet(ABC):
    """Image samples in a fixed order, read as often as asked, never as a whole.

    A context manager: `close` gives files back. The number of channels is the same throughout: 1 or 3.
    """

    modality: str
    """entry point of `aigc_bench.modalities`"""
    sample_rate: int | None = None
    """Hz, of what is sampled in time"""
    on_bad_image: OnBadImage = "error"
    """what becomes of a sample that cannot be read"""

    def __init__(self, name: str, policies: tuple[str, ...]) -> None:
        self.name = printable(name)
        """what messages and reports call the set"""
        self.policies = policies
        """a sentence per decision about pixel formats that was taken for this set"""

    @property
    @abstractmethod
    def num_listed(self) -> int | None:
        """Samples that were found, readable or not; None for a loader, which does not say."""

    @property
    @abstractmethod
    def num_samples(self) -> int | None:
        """Samples that `chunks` yields; None until one complete pass where only that can tell.

        Only a pass can tell for a loader, and wherever unreadable samples are skipped.
        """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...] | None:
        """Shape of a sample, (C, H, W) of images, where all are known to have one; otherwise None."""

    @property
    def spec(self) -> SampleSpec | None:
        """What one sample is, where all samples are known to have one shape."""
        return None if self.shape is None else SampleSpec(self.modality, self.shape, self.sample_rate)

    def spec_of_first(self) -> SampleSpec:
        """What the first sample is, which has to be read where not all are known to have one shape."""
        shape = self.shape or tuple(next(self.chunks(1)).samples.shape[1:])
        return SampleSpec(self.modality, shape, self.sample_rate)

    @property
    @abstractmethod
    def digest(self) -> str | None:
        """SHA-256 that names the content.

        Of image files, over their bytes in order: cheaper than over pixels, and the same for a folder and an archive
        of it. Of everything else, over (C, H, W) and the pixels of every sample in order. None for data sets and
        loaders until one complete pass: they may shuffle or augment, so the digest is that of the latest pass.
        """

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What was left out, in order; complete after one complete pass."""
        return ()

    @property
    def left_out(self) -> dict[int, str]:
        """The same by position among what is listed: why it cannot be read."""
        return {}

    def restore(self, left_out: Mapping[int, str], num_samples: int | None) -> None:
        """Know what an earlier pass over the same content left out, and how many samples it yielded if complete."""
        return

    @property
    def names(self) -> tuple[str, ...] | None:
        """The relative name of the file of every sample that `chunks` yields, in order; None of what has no files."""
        return None

    @property
    def is_indexed(self) -> bool:
        """Whether `take` reads single samples without a pass over all, from any thread."""
        return False

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The class of every sample that `chunks` yields, in order; None where the source does not say.

        Of image files the folders at the first level where there are several, of an npz file the integers in `arr_1`,
        of data sets and loaders the second part of their items, which only a complete pass can tell.

        Raises:
            DataError: there is something in the place of labels that is none.
        """
        return None

    @abstractmethod
    def chunks(self, size: int) -> Iterator[Chunk]:
        """Yield all samples in chunks of at most `size` of one size.

        Where all have one size the chunks are in order and all but the last are full. Where sizes differ, samples wait
        for others of their size, at most `PENDING * size` of them; `indices` keeps the order.

        Raises:
            DataError: an unreadable image that is not to be skipped, or nothing readable at all.
        """

    def batches(self, size: int) -> Iterator[Tensor]:
        """Yield all samples in order: (n, C, H, W) uint8, n = size but for the last.

        Raises:
            DataError: as `chunks`, and where sizes differ.
        """
        first = None
        for chunk in self.chunks(size):
            shape = tuple(chunk.samples.shape[1:])
            first = first or shape
            if shape != first:
                raise DataError(
                    f"{self.name} holds samples of several sizes, {first} and {shape} (C, H, W) among them; expected "
                    "samples of one size here: resize them, or read the set by chunks()"
                )
            yield chunk.samples

    def take(self, indices: Sequence[int]) -> list[Tensor]:
        """Single samples by their position, (C, H, W) uint8 on the CPU: one pass, where there is no shorter way.

        Raises:
            DataError: as `chunks`.
        """
        wanted, found = set(indices), dict[int, Tensor]()
        for chunk in self.chunks(TAKEN_AT_ONCE):
            for row, index in enumerate(chunk.indices.tolist()):
                if index in wanted:
                    found[index] = chunk.samples[row].cpu().contiguous()
            if len(found) == len(wanted):
                break
        return [found[index] for index in indices]

    def close(self) -> None:
        """Give back what is held open; the set cannot be read afterwards."""
        return

    def __enter__(self) -> SampleSet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def readable(pieces: Iterable[T], name: str) -> Iterator[T]:
    """Yield what is read; an error of the disk or network that it comes from says whose it is.

    Raises:
        DataError: it cannot be read on.
    """
    try:
        yield from pieces
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error}; see that it is there, whole, and readable") from error

"""Some samples of a set, by their positions: a split of a data set, or what a limit leaves; read when asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aigc_bench.core import Batch, SampleSpec
from aigc_bench.samples.chunks import Chunk, SampleDigest, grouped
from aigc_bench.samples.lookahead import overlapped
from aigc_bench.samples.sets import SampleSet

PIECE = 16
"""samples that a thread reads at once, ahead of the consumer"""
PASS = 64
"""samples at once in a pass over a set of which single ones cannot be read"""
SEED = 0
"""of the random subset that a limit takes"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a data set makes of the samples that it takes."""

    spec: SampleSpec
    """of one sample, once it is prepared"""
    digest: str
    """names the base, the rows and what `function` does"""
    function: Callable[[Tensor], Tensor] = lambda sample: sample
    """such as a crop"""
    labels: Tensor | None = None
    """(N,) int64 classes"""


class SubsetSamples(SampleSet):
    """Samples of a set at given positions, in that order.

    Args:
        base: the whole set.
        rows: (N,) int64 positions in it; ascending, unless single samples of it can be read.
        note: a sentence about which these are.
        prepared: of a data set's split: what becomes of each sample, and its class.
    """

    def __init__(self, base: SampleSet, rows: Tensor, note: str = "", prepared: Prepared | None = None) -> None:
        super().__init__(base.name, (*base.policies, *([note] if note else [])))
        spec = prepared.spec if prepared else base
        self.modality, self.sample_rate = spec.modality, spec.sample_rate
        self._base, self._rows, self._prepared = base, rows, prepared
        self._pixels: str | None = None

    @property
    def num_listed(self) -> int:
        """Number of samples N."""
        return len(self._rows)

    @property
    def num_samples(self) -> int:
        """Number of samples N."""
        return len(self._rows)

    @property
    def is_indexed(self) -> bool:
        """As the whole set."""
        return self._base.is_indexed

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of one sample, where all are known to have one."""
        return self._prepared.spec.shape if self._prepared else self._base.shape

    @property
    def digest(self) -> str | None:
        """Of the whole set and the positions, or as given; of the latest pass where the whole set has none."""
        if self._prepared is not None:
            return f"{self._prepared.digest}-{len(self._rows)}"
        if self._base.digest is None or self._pixels is not None:
            return self._pixels
        return hashlib.sha256(self._base.digest.encode() + self._rows.numpy().tobytes()).hexdigest()

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The class of every sample, in order; see `SampleSet.labels`."""
        if self._prepared is not None:
            labels = self._prepared.labels
            return None if labels is None else tuple(str(label) for label in labels.tolist())
        return self._picked(self._base.labels)

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names of the files, in order; see `SampleSet.names`."""
        return self._picked(self._base.names)

    def first(self, num: int) -> SubsetSamples:
        """The first `num` of these."""
        one = self._prepared
        labels = None if one is None or one.labels is None else one.labels[:num]
        prepared = None if one is None else Prepared(one.spec, one.digest, one.function, labels)
        return SubsetSamples(self._base, self._rows[:num], prepared=prepared)

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Read in order, ahead of the consumer; see `SampleSet.chunks`."""
        return grouped(self._each(size), size, torch.stack)

    def take(self, indices: Sequence[int]) -> list[Tensor]:
        """The samples with these indices alone; see `SampleSet.take`."""
        return self._read(self._rows[torch.tensor(list(indices), dtype=torch.int64)])

    def loaded(self) -> Batch:
        """All of them in memory, as training needs them."""
        labels = self._prepared.labels if self._prepared else None
        return Batch(torch.cat([chunk.samples for chunk in self.chunks(PIECE)]), labels)

    def _each(self, size: int) -> Iterator[Tensor]:
        digest = None if self._prepared or self._base.digest else SampleDigest()
        for sample in self._indexed(size) if self._base.is_indexed else self._passed():
            if digest is not None:
                digest.update(sample[None])
            yield sample
        if digest is not None:
            self._pixels = digest.hexdigest()

    def _indexed(self, size: int) -> Iterator[Tensor]:
        for piece in overlapped(self._read, self._rows.split(PIECE), ahead=2 * -(-size // PIECE)):
            yield from piece

    def _passed(self) -> Iterator[Tensor]:
        """The wanted ones of a pass over the whole set; one at a time where only so the order is kept."""
        wanted = set(self._rows.tolist())
        for chunk in self._base.chunks(PASS if self._base.shape else 1):
            for index, sample in zip(chunk.indices.tolist(), chunk.samples, strict=True):
                if index in wanted:
                    yield sample if self._prepared is None else self._prepared.function(sample)

    def _read(self, rows: Tensor) -> list[Tensor]:
        samples = self._base.take(rows.tolist())
        return samples if self._prepared is None else [self._prepared.function(sample) for sample in samples]

    def _picked(self, values: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if values is None else tuple(values[row] for row in self._rows.tolist())


class FirstSamples(SampleSet):
    """The first samples of what gives them one after the other and does not say how many: a loader."""

    def __init__(self, base: SampleSet, limit: int) -> None:
        note = f"the first {limit} that come are taken, since nothing tells how many there are; shuffle the source"
        super().__init__(base.name, (*base.policies, note))
        self.modality, self.sample_rate = base.modality, base.sample_rate
        self._base, self._limit = base, limit
        self._num: int | None = None
        self._pixels: str | None = None
        self._labels: tuple[str, ...] | None = None

    @property
    def num_listed(self) -> int | None:
        """Not known before a pass."""
        return self._num

    @property
    def num_samples(self) -> int | None:
        """What the latest pass yielded."""
        return self._num

    @property
    def shape(self) -> tuple[int, ...] | None:
        """As the whole."""
        return self._base.shape

    @property
    def digest(self) -> str | None:
        """Of the latest pass."""
        return self._pixels

    @property
    def labels(self) -> tuple[str, ...] | None:
        """None: a loader's labels are those of a complete pass, which this is not."""
        return None

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Read as many in order, and no further; see `SampleSet.chunks`."""
        return grouped(self._each(), size, torch.stack)

    def _each(self) -> Iterator[Tensor]:
        digest, num = SampleDigest(), 0
        for chunk in self._base.chunks(1):
            digest.update(chunk.samples)
            num += 1
            yield chunk.samples[0]
            if num == self._limit:
                break
        self._num, self._pixels = num, digest.hexdigest()


def first_of(samples: SampleSet, limit: int) -> SampleSet:
    """The first `limit` samples of a set, in the order that it has."""
    if samples.num_samples is None:
        return FirstSamples(samples, limit)
    if samples.num_samples <= limit:
        return samples
    return SubsetSamples(samples, torch.arange(limit), f"the first {limit} of {samples.num_samples} samples are used")


def drawn_positions(num: int, limit: int) -> Tensor:
    """(limit,) int64 of `num` positions, ascending, at random: files often lie class by class."""
    return torch.from_numpy(np.sort(np.random.RandomState(SEED).permutation(num)[:limit]))


def limited(samples: SampleSet, limit: int | None) -> SampleSet:
    """At most `limit` samples of a set: drawn at random, always the same of as many, or the first that a loader gives.

    Raises:
        DataError: see `SampleSet.chunks`; where unreadable samples are skipped, a pass tells which are left.
    """
    if limit is None:
        return samples
    if samples.num_samples is None and samples.num_listed is not None:
        for _ in samples.chunks(PASS):
            pass
    num = samples.num_samples
    if num is None:
        return FirstSamples(samples, limit)
    if num <= limit:
        return samples
    note = f"{limit} of {num} samples are used, drawn at random with seed {SEED}, always the same"
    return SubsetSamples(samples, drawn_positions(num, limit), note)

"""Samples that lie in memory, or are mapped from a file, as one tensor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from aigc_bench.core import SampleSpec
from aigc_bench.samples.chunks import Chunk
from aigc_bench.samples.sets import SampleSet


class HeldSamples(SampleSet):
    """Samples of one size in one tensor, such as a split of a data set.

    Args:
        name: what messages and reports call the set.
        samples: (N, *shape) canonical samples.
        spec: what one sample is.
        digest: names the content.
        labels: (N,) int64 classes, or None.
    """

    def __init__(self, name: str, samples: Tensor, spec: SampleSpec, digest: str, labels: Tensor | None = None) -> None:
        super().__init__(name, ())
        self.modality, self.sample_rate = spec.modality, spec.sample_rate
        self._samples, self._digest, self._labels = samples, digest, labels

    @property
    def num_listed(self) -> int:
        """Number of samples N."""
        return len(self._samples)

    @property
    def num_samples(self) -> int:
        """Number of samples N."""
        return len(self._samples)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self._samples.shape[1:])

    @property
    def is_indexed(self) -> bool:
        """Yes: they are in memory."""
        return True

    @property
    def digest(self) -> str:
        """As given: the data set names its splits."""
        return self._digest

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The class of every sample, in order; see `SampleSet.labels`."""
        return None if self._labels is None else tuple(str(label) for label in self._labels.tolist())

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Yield views in order; see `SampleSet.chunks`."""
        start = 0
        for samples in self._samples.split(size):
            yield Chunk(torch.arange(start, start + len(samples)), samples)
            start += len(samples)

    def take(self, indices: Sequence[int]) -> list[Tensor]:
        """The samples with these indices alone; see `SampleSet.take`."""
        return [sample.contiguous() for sample in self._samples[torch.tensor(list(indices), dtype=torch.int64)].cpu()]

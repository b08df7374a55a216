"""Some samples of a set, by their positions: a split of a data set that is read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from aigc_bench.core import Batch, SampleSpec
from aigc_bench.samples.lookahead import overlapped
from aigc_bench.samples.sets import Chunk, SampleSet

PIECE = 16
"""samples that a thread reads at once, ahead of the consumer"""


class SubsetSamples(SampleSet):
    """Samples of a set at given positions, in that order.

    Args:
        base: the whole set, of which single samples can be read; from any thread.
        rows: (N,) int64 positions in it.
        spec: what one sample is, once it is prepared.
        digest: names base, rows and what `prepare` does.
        prepare: what is done with each sample, such as a crop.
        labels: (N,) int64 classes, or None.
    """

    def __init__(
        self,
        base: SampleSet,
        rows: Tensor,
        spec: SampleSpec,
        digest: str,
        prepare: Callable[[Tensor], Tensor] = lambda sample: sample,
        labels: Tensor | None = None,
    ) -> None:
        super().__init__(base.name, base.policies)
        self.modality, self.sample_rate = spec.modality, spec.sample_rate
        self._base, self._rows, self._spec, self._digest = base, rows, spec, digest
        self._prepare, self._labels = prepare, labels

    @property
    def num_listed(self) -> int:
        """Number of samples N."""
        return len(self._rows)

    @property
    def num_samples(self) -> int:
        """Number of samples N."""
        return len(self._rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self._spec.shape

    @property
    def digest(self) -> str:
        """As given, and how many of the rows there are."""
        return f"{self._digest}-{len(self._rows)}"

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The class of every sample, in order; see `SampleSet.labels`."""
        return None if self._labels is None else tuple(str(label) for label in self._labels.tolist())

    def first(self, num: int) -> SubsetSamples:
        """The first `num` of these."""
        labels = None if self._labels is None else self._labels[:num]
        return SubsetSamples(self._base, self._rows[:num], self._spec, self._digest, self._prepare, labels)

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Read in order, ahead of the consumer; see `SampleSet.chunks`."""
        start = 0
        held: list[Tensor] = []
        num_held = 0
        for piece in overlapped(self._read, self._rows.split(PIECE), ahead=2 * -(-size // PIECE)):
            held.append(piece)
            num_held += len(piece)
            while num_held >= size:
                both = torch.cat(held)
                yield Chunk(torch.arange(start, start + size), both[:size])
                start, held, num_held = start + size, [both[size:]], num_held - size
        if num_held:
            yield Chunk(torch.arange(start, start + num_held), torch.cat(held))

    def take(self, indices: Sequence[int]) -> list[Tensor]:
        """The samples with these indices alone; see `SampleSet.take`."""
        rows = self._rows[torch.tensor(list(indices), dtype=torch.int64)]
        return [self._prepare(sample) for sample in self._base.take(rows.tolist())]

    def loaded(self) -> Batch:
        """All of them in memory, as training needs them."""
        return Batch(torch.cat([chunk.samples for chunk in self.chunks(PIECE)]), self._labels)

    def _read(self, rows: Tensor) -> Tensor:
        return torch.stack([self._prepare(sample) for sample in self._base.take(rows.tolist())])

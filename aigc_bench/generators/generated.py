"""Samples that a generator makes while they are asked for: seed i names sample i."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_bench.core import Generator, SampleSpec
from aigc_bench.core.errors import GeneratorError
from aigc_bench.generators import drawing
from aigc_bench.samples.sets import Chunk, PixelDigest, SampleSet, grouped


@dataclass(frozen=True, slots=True)
class FunctionGenerator:
    """A function behind the generator's protocol."""

    spec: SampleSpec
    function: Callable[[Tensor], Tensor]

    def sample(self, seeds: Tensor) -> Tensor:
        """(N,) int64 => (N, *shape) uint8."""
        return self.function(seeds)


class GeneratedSamples(SampleSet):
    """The samples of seeds 0 … num_samples - 1, drawn in batches of `drawing.SAMPLE_BATCH`.

    Args:
        name: what messages and reports call it.
        generator: of images.
        num_samples: N.
        device: where it samples.
        source: names the code that built it. With the first and the last batch, which tell weights apart, it names
            the samples before they are drawn. Of a function nothing is known: None, and the digest is that of a
            complete pass.

    Raises:
        GeneratorError: it makes no images of one or three channels.
    """

    def __init__(
        self, name: str, generator: Generator, num_samples: int, device: torch.device, source: str | None = None
    ) -> None:
        super().__init__(name, (f"samples of seeds 0 … {num_samples - 1}, drawn {drawing.SAMPLE_BATCH} at a time",))
        shape = tuple(generator.spec.shape)
        if generator.spec.modality != "image" or len(shape) != 3 or shape[0] not in (1, 3):
            raise GeneratorError(
                f"{name} makes {generator.spec.modality} samples of shape {shape}; "
                "expected images (C, H, W) with C = 1 or 3"
            )
        self._generator = generator
        self._num_samples = num_samples
        self._device = device
        self._source = source
        self._shape = (shape[0], shape[1], shape[2])
        self._digest: str | None = None

    @property
    def num_listed(self) -> int:
        """N."""
        return self._num_samples

    @property
    def num_samples(self) -> int:
        """N."""
        return self._num_samples

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self._shape

    @property
    def digest(self) -> str | None:
        """Of the source and two batches; without a source that of the latest complete pass, over the pixels."""
        if self._digest is None and self._source is not None:
            pixels = PixelDigest()
            for number in sorted({0, (self._num_samples - 1) // drawing.SAMPLE_BATCH}):
                pixels.update(drawing.batch_of(self._generator, number, self._num_samples, self._device))
            text = f"{self._source} {self._num_samples} {pixels.hexdigest()}"
            self._digest = hashlib.sha256(text.encode()).hexdigest()
        return self._digest

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Draw all samples; see `SampleSet.chunks`.

        Raises:
            GeneratorError: it raised, or what it returned are no such samples.
        """
        return grouped(self._drawn(), size)

    def take(self, indices: Sequence[int]) -> list[Tensor]:
        """Draw these alone, since a seed names its sample; see `SampleSet.take`."""
        seeds = torch.tensor(list(indices), dtype=torch.int64, device=self._device)
        return list(drawing.samples_of(self._generator, seeds).cpu().contiguous())

    def _drawn(self) -> Iterator[Tensor]:
        pixels = PixelDigest()
        for batch in drawing.batches(self._generator, self._num_samples, self._device):
            if self._source is None:
                pixels.update(batch)
            yield from batch.permute(0, 2, 3, 1)
        if self._source is None:
            self._digest = pixels.hexdigest()

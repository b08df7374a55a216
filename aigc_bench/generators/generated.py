"""Samples that a generator makes while they are asked for: seed i names sample i."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aigc_bench.core import Generator, SampleSpec
from aigc_bench.core.errors import GeneratorError
from aigc_bench.generators import drawing
from aigc_bench.modalities.modality import modality_of
from aigc_bench.samples.chunks import Chunk, SampleDigest
from aigc_bench.samples.sets import SampleSet
from aigc_bench.system.cache import Cache

STAGE = "samples"
FILE = "samples.bin"
"""the samples one after the other, without a header: shape and type are the generator's"""


@dataclass(frozen=True, slots=True)
class FunctionGenerator:
    """A function behind the generator's protocol."""

    spec: SampleSpec
    function: Callable[[Tensor], Tensor]

    def sample(self, seeds: Tensor) -> Tensor:
        """(N,) int64 => (N, *shape) canonical samples."""
        return self.function(seeds)


class GeneratedSamples(SampleSet):
    """The samples of seeds 0 … num_samples - 1, drawn in batches of `drawing.SAMPLE_BATCH`.

    Where something names them before they are drawn, and there is a cache, they are drawn once, batch by batch, into a
    file of it, and read from there piece by piece: several extractors then see what was drawn once, and memory holds
    one batch. Otherwise every pass draws anew.

    Args:
        name: what messages and reports call it.
        generator: what draws the samples.
        num_samples: N.
        device: where it samples.
        source: names everything that its samples depend on; None of a function, whose digest is that of a complete
            pass.
        fingerprint: the source does not name weights that the code may read from elsewhere; the first and the last
            batch, which tell weights apart, are part of the digest.
        cache: where drawn samples are kept.
        policies: sentences about the samples, for the report.

    Raises:
        GeneratorError: it makes samples of a shape that its modality does not have.
    """

    def __init__(
        self,
        name: str,
        generator: Generator,
        num_samples: int,
        device: torch.device,
        source: str | None = None,
        *,
        fingerprint: bool = True,
        cache: Cache | None = None,
        policies: Sequence[str] = (),
    ) -> None:
        super().__init__(name, tuple(policies))
        spec = generator.spec
        problem = modality_of(spec).check_shape(tuple(spec.shape))
        if problem is not None:
            raise GeneratorError(f"{name} makes {spec.modality} samples of shape {tuple(spec.shape)}; {problem}")
        self.modality, self.sample_rate = spec.modality, spec.sample_rate
        self.generator = generator
        self._num_samples, self._device = num_samples, device
        self._source, self._fingerprint, self._cache = source, fingerprint, cache
        self._digest: str | None = None

    @property
    def num_listed(self) -> int:
        """Number of samples N."""
        return self._num_samples

    @property
    def num_samples(self) -> int:
        """Number of samples N."""
        return self._num_samples

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.generator.spec.shape)

    @property
    def is_indexed(self) -> bool:
        """No: a generator is called from one thread, batch by batch."""
        return False

    @property
    def digest(self) -> str | None:
        """Of the source, with a fingerprint of two batches; without a source that of the latest complete pass."""
        if self._digest is None and self._source is not None:
            text = f"{self._source} {self._num_samples}"
            if self._fingerprint:
                values = SampleDigest()
                for number in sorted({0, (self._num_samples - 1) // drawing.SAMPLE_BATCH}):
                    values.update(drawing.batch_of(self.generator, number, self._num_samples, self._device))
                text += f" {values.hexdigest()}"
            self._digest = hashlib.sha256(text.encode()).hexdigest()
        return self._digest

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Draw all samples, or read those that were drawn; see `SampleSet.chunks`.

        Raises:
            GeneratorError: it raised, or what it returned are no such samples.
        """
        if size < 1:
            raise ValueError(f"expected chunks of at least one sample, got {size}")
        start = 0
        for samples in self._drawn(size) if self._cache is None or self._source is None else self._kept(size):
            yield Chunk(torch.arange(start, start + len(samples)), samples)
            start += len(samples)

    def take(self, indices: Sequence[int]) -> list[Tensor]:
        """Draw these alone, since a seed names its sample; see `SampleSet.take`."""
        seeds = torch.tensor(list(indices), dtype=torch.int64, device=self._device)
        return list(drawing.samples_of(self.generator, seeds).cpu().contiguous())

    def kept(self, indices: Sequence[int]) -> Tensor | None:
        """(n, *shape) samples as they were drawn in their batches; None where no file keeps them."""
        if not self.is_kept:
            return None
        assert self._cache is not None
        path = self._cache.finish(STAGE, self._inputs, self._write) / FILE
        shape = (self._num_samples, *self.shape)
        drawn = np.memmap(path, torch.empty(0, dtype=self.generator.spec.dtype).numpy().dtype, "r", shape=shape)
        return torch.from_numpy(np.array(drawn[list(indices)]))

    @property
    def is_kept(self) -> bool:
        """Whether they were drawn before, and need not be drawn again."""
        return self._cache is not None and self._source is not None and self._cache.is_finished(STAGE, self._inputs)

    @property
    def _inputs(self) -> dict[str, object]:
        return {"samples": self.digest, "dtype": str(self.generator.spec.dtype), "shape": self.shape}

    def _drawn(self, size: int) -> Iterator[Tensor]:
        """Pieces of `size` samples but for the last, across batches."""
        values = SampleDigest()
        held: list[Tensor] = []
        for batch in drawing.batches(self.generator, self._num_samples, self._device):
            if self._source is None:
                values.update(batch)
            pieces = torch.cat([*held, batch]).split(size)
            full = [piece for piece in pieces if len(piece) == size]
            held = list(pieces[len(full) :])
            yield from full
        yield from held
        if self._source is None:
            self._digest = values.hexdigest()

    def _kept(self, size: int) -> Iterator[Tensor]:
        """The same from the file, which is read and not mapped: pages of a mapping would count as memory in use."""
        assert self._cache is not None
        path = self._cache.finish(STAGE, self._inputs, self._write) / FILE
        dtype = torch.empty(0, dtype=self.generator.spec.dtype).numpy().dtype
        width = math.prod(self.shape)
        with path.open("rb") as file:
            for start in range(0, self._num_samples, size):
                num = min(size, self._num_samples - start)
                yield torch.from_numpy(np.fromfile(file, dtype, num * width)).reshape(num, *self.shape)

    def _write(self, folder: Path) -> None:
        partial = (folder / FILE).with_suffix(".partial")
        with partial.open("wb") as file:
            for batch in drawing.batches(self.generator, self._num_samples, self._device):
                batch.cpu().contiguous().numpy().tofile(file)
        partial.rename(folder / FILE)

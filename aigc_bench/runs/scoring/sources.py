"""What `score` is given as samples: sets that exist, and generators and functions that make them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from aigc_bench import noise
from aigc_bench.core import Generator, SampleSpec, Trainable, plugins
from aigc_bench.core.errors import ConfigurationError, DataError
from aigc_bench.core.suites import GeneratorEntry
from aigc_bench.evidence.extractors import Place
from aigc_bench.generators import drawing, training
from aigc_bench.generators.blueprint import Blueprint
from aigc_bench.generators.generated import FunctionGenerator, GeneratedSamples
from aigc_bench.modalities.modality import claiming, named
from aigc_bench.runs.scoring.reference import Reference
from aigc_bench.samples.sets import OnBadImage, SampleSet, Source
from aigc_bench.system.cache import digest_of

Function = Callable[[Tensor], Tensor]
"""seeds (N,) int64 => samples (N, C, H, W) uint8"""
FakeSource = Source | Generator | Function
"""samples, or what makes them"""

BUILD = re.compile(r"[\w.]+:[\w.]+")
"""pkg.module:build"""


class Sources:
    """Opens what is given and closes all of it in the end; a context manager."""

    def __init__(self, on_bad_image: OnBadImage, place: Place, limit: int | None) -> None:
        self._on_bad_image = on_bad_image
        self._place = place
        self._limit = limit
        self._opened: list[SampleSet] = []

    def samples(self, source: Source) -> SampleSet:
        """Open samples that exist, all of them.

        Raises:
            DataError: see `open_samples`.
        """
        # The real side comes first and says what all are; features and moments of it do not.
        modality = named(self._opened[0].modality) if self._opened else claiming(source)
        self._opened.append(modality.open(source, on_bad_image=self._on_bad_image))
        return self._opened[-1]

    def fake(self, source: FakeSource, reference: Reference) -> SampleSet:
        """Open samples, or make ready to draw as many as there are real ones, of their shape.

        Args:
            source: samples; or a generator, by entry point, as "pkg.module:build" or itself; or a function of seeds.
            reference: the real side.

        Raises:
            DataError: see `open_samples`.
            GeneratorError: it cannot be built, or makes no samples.
            ConfigurationError: the real side has no one shape, or no known number of samples and there is no limit.
        """
        if isinstance(source, str) and not Path(source).exists():
            return self._named(source, reference)
        if isinstance(source, str | Path | Tensor | np.ndarray | DataLoader | TorchDataset):
            return self.samples(source)
        if isinstance(source, Generator):
            return self._generated(type(source).__name__, source, reference)
        if callable(source):
            name = getattr(source, "__name__", type(source).__name__)
            return self._generated(name, FunctionGenerator(_spec(name, reference), source), reference)
        return self.samples(source)

    def _named(self, name: str, reference: Reference) -> SampleSet:
        known = plugins.installed("generator")
        if name not in known and not BUILD.fullmatch(name):
            try:
                return self.samples(name)
            except DataError as error:
                raise DataError(f"{error}; or a generator: {', '.join(known)}, or pkg.module:build") from error
        spec = _spec(name, reference)
        with training.seeded(0):  # one that is sampled as built may draw its weights
            generator = Blueprint(GeneratorEntry(build=name), spec, str(self._place.device), None).build()
        code = plugins.source_digest(plugins.load("generator", name), drawing, noise)
        untrained = ("the generator is as built, not trained; `aigc-bench run` trains",)
        source = digest_of([name, spec.shape, code])
        return self._generated(
            name, generator, reference, source, untrained if isinstance(generator, Trainable) else ()
        )

    def _generated(
        self,
        name: str,
        generator: Generator,
        reference: Reference,
        source: str | None = None,
        policies: tuple[str, ...] = (),
    ) -> SampleSet:
        num = self._limit or reference.num_samples
        if num is None:
            raise ConfigurationError(
                f"{name} makes as many samples as are asked for, and how many {reference.name} holds is not known "
                "before it is read; use --limit"
            )
        drawn = f"samples of seeds 0 … {num - 1}, drawn {drawing.SAMPLE_BATCH} at a time"
        return GeneratedSamples(
            name, generator, num, self._place.device, source, cache=self._place.cache, policies=(drawn, *policies)
        )

    def __enter__(self) -> Sources:
        return self

    def __exit__(self, *_: object) -> None:
        for samples in self._opened:
            samples.close()


def _spec(name: str, reference: Reference) -> SampleSpec:
    """What a generator is to make: samples like the real ones."""
    real = reference.samples
    if real is None:
        raise ConfigurationError(
            f"{name} makes samples of the real ones' shape, and {reference.name} holds none; give real samples"
        )
    # The headers of files say it, where there are files; the items of a data set have to be looked at.
    spec = real.spec if real.digest else real.spec_of_first()
    if spec is None:
        raise ConfigurationError(
            f"{name} makes samples of one size, and {real.name} holds samples of several; resize them first"
        )
    return spec

"""A suite => rows: the anchors, and every generator at every training seed, built or trained in its turn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor

from aigc_bench import core, evidence, generators, noise
from aigc_bench.core import Batch, Dataset, Generator, Metric, TrainingLog, plugins
from aigc_bench.core.errors import ConfigurationError
from aigc_bench.core.samples import Split
from aigc_bench.core.suites import Case, Suite, cases
from aigc_bench.evidence.extractors import Place
from aigc_bench.generators import anchors, training
from aigc_bench.generators.blueprint import Blueprint
from aigc_bench.generators.generated import FunctionGenerator, GeneratedSamples
from aigc_bench.metrics.protocols import Protocol, of_suite
from aigc_bench.runs.scoring.bench import Bench, Metrics, metrics_of_suite
from aigc_bench.runs.scoring.observing import Observer
from aigc_bench.runs.scoring.reference import Reference
from aigc_bench.runs.scoring.rows import PlannedRow, Row, Subject
from aigc_bench.samples.held import HeldSamples
from aigc_bench.samples.sets import SampleSet
from aigc_bench.samples.subset import SubsetSamples
from aigc_bench.system import timing
from aigc_bench.system.cache import digest_of

SOURCES = (core, evidence, generators, noise, timing)
"""source that every stage depends on"""


@dataclass(frozen=True)
class SuiteRows:
    """A suite with its names resolved to objects, and what makes its rows."""

    suite: Suite
    dataset: Dataset
    protocols: tuple[Protocol, ...]
    metrics: Metrics
    generator_metrics: tuple[Metric[Any], ...]
    place: Place

    @classmethod
    def prepare(cls, suite: Suite, place: Place, data: dict[str, Any]) -> SuiteRows:
        """Load everything the suite names, so that a bad name costs nothing.

        Raises:
            UnknownNameError: a data set, extractor, metric, generator or option that is not there.
            DataError: the data set is missing or damaged.
        """
        protocols = of_suite(suite.features)
        metrics, generator_metrics = metrics_of_suite(protocols, suite.metrics)
        for entry in suite.generators:
            builder = plugins.load("generator", entry.build)
            plugins.check_options("generator", entry.build, builder, entry.options)
        builder = plugins.load("dataset", suite.data.name)
        plugins.check_options("dataset", suite.data.name, builder, suite.data.options)
        for name in suite.features:
            plugins.load("features", name)
        prepared = cls(suite, builder(**data, **suite.data.options), protocols, metrics, generator_metrics, place)
        prepared._check_sizes()
        return prepared

    def _check_sizes(self) -> None:
        available = min(self.dataset.reference.num_samples, self.dataset.holdout.num_samples)
        if self.suite.num_samples > available:
            raise ConfigurationError(
                f"num_samples = {self.suite.num_samples}, but every row needs that many real samples and the "
                f"reference and holdout splits of {self.dataset.name!r} have {available}; use --limit {available}"
            )

    @property
    def bench(self) -> Bench:
        """What the rows are scored by."""
        holdout = self.split("holdout")
        return Bench(
            place=self.place,
            reference=Reference(self.dataset.name, self.split("reference", self.suite.num_samples)),
            protocols=self.protocols,
            metrics=self.metrics,
            generator_metrics=self.generator_metrics,
            observer=Observer(self.place, self.dataset.spec, holdout, self.suite.num_reconstructions, self.suite.speed),
            training=self.split("fit"),
        )

    def split(self, name: str, num: int | None = None) -> SampleSet:
        """The first `num` samples of a split."""
        part: Split = getattr(self.dataset, name)
        if isinstance(part, SubsetSamples):
            return part if num is None else part.first(num)
        batch = part.loaded()
        labels = None if batch.labels is None else batch.labels[:num]
        samples = batch.samples[:num]
        digest = digest_of([self.dataset.digest, name, len(samples)])
        return HeldSamples(name, samples, self.dataset.spec, digest, labels)

    def planned(self) -> Iterator[PlannedRow]:
        """Every row: the anchors, then each case of the suite, trained generators once per training seed."""
        yield PlannedRow.of(self.floor())
        yield PlannedRow.of(self.noise())
        for case in cases(self.suite):
            yield PlannedRow(case.entry.name, case.training_seed, partial(self.row, case))

    # ---- rows -------------------------------------------------------------------------------------

    def floor(self) -> Row:
        """Held-out real data: the best that any model can do at this N."""
        return Row("floor", None, self.split("holdout", self.suite.num_samples), "anchor")

    def noise(self) -> Row:
        """Uniform noise: what any model must beat."""
        generator = anchors.build_noise(self.dataset.spec, device=self.place.device)
        identity = self.stage(anchor="noise", spec=asdict(self.dataset.spec))
        return Row("noise", None, self._drawn("noise", generator, identity, fingerprint=False), "anchor", seeded=True)

    def row(self, case: Case) -> Row:
        """A case's generator, fitted if the suite asks for it, and its samples.

        Raises:
            GeneratorError: it cannot be built, or its training failed.
        """
        subject = self.subject(case)
        samples = self.drawn(case, subject.generator, dict(subject.identity))
        if case.training_seed is None:
            # What was built may read its weights from elsewhere: the samples' fingerprint tells them apart.
            subject = replace(subject, identity={**subject.identity, "samples": samples.digest})
        weights = subject.blueprint.weights
        where = weights.relative_to(self.place.cache.root).as_posix() if weights else None
        return Row(case.entry.name, case.training_seed, samples, "ok", True, subject, where)

    def subject(self, case: Case) -> Subject:
        """Build the case's generator, fitted if the suite asks for it.

        Raises:
            GeneratorError: it cannot be built, or its training failed.
        """
        identity = self.identity(case)
        blueprint = Blueprint(case.entry, self.dataset.spec, str(self.place.device), None)
        if case.training_seed is None:
            with training.seeded(0):  # one that is sampled as built may draw its weights
                return Subject(blueprint.build(), identity, blueprint)
        folder = self.place.cache.finish("train", identity, lambda path: self._fit(case, blueprint, path))
        # Always from the file, so that a cached case and a fresh one sample from the same weights.
        blueprint = replace(blueprint, weights=folder / "checkpoint.safetensors")
        log = TypeAdapter(TrainingLog).validate_json((folder / "training.json").read_bytes())
        return Subject(blueprint.build(), identity, blueprint, log)

    def drawn(self, case: Case, generator: Generator, identity: dict[str, Any]) -> GeneratedSamples:
        """A case's samples; what was trained here is named by its identity alone."""
        return self._drawn(case.entry.name, generator, identity, fingerprint=case.training_seed is None)

    def unbuilt(self, case: Case) -> Generator:
        """What names the samples of a trained case, which need not be built for that; else the generator as built."""
        if case.training_seed is None:
            return self.subject(case).generator
        return FunctionGenerator(self.dataset.spec, _never)

    def identity(self, case: Case) -> dict[str, Any]:
        """What a case's samples depend on."""
        builder = plugins.load("generator", case.entry.build)
        return self.stage(
            build=case.entry.build,
            options=case.entry.options,
            budget=case.entry.budget.model_dump() if case.entry.budget else None,
            batch_size=case.entry.batch_size,
            training_seed=case.training_seed,
            data=self.dataset.digest,
            spec=asdict(self.dataset.spec),
            generator_source=plugins.source_digest(builder),
        )

    def stage(self, **inputs: Any) -> dict[str, Any]:
        """Inputs of a stage: what is given, and what everything depends on."""
        return {
            "torch": torch.__version__,
            "device": str(self.place.device),
            "threads": torch.get_num_threads(),
            "source": plugins.source_digest(*SOURCES),
            **inputs,
        }

    def _drawn(
        self, name: str, generator: Generator, identity: dict[str, Any], *, fingerprint: bool
    ) -> GeneratedSamples:
        return GeneratedSamples(
            name,
            generator,
            self.suite.num_samples,
            self.place.device,
            digest_of(identity),
            fingerprint=fingerprint,
            cache=self.place.cache,
        )

    def _fit(self, case: Case, blueprint: Blueprint, folder: Path) -> None:
        seed, budget = case.training_seed, case.entry.budget
        assert seed is not None and budget is not None  # noqa: PT018 (a case has both or neither)
        device = self.place.device
        timing.reset_peak(device)
        with training.seeded(seed):
            generator = blueprint.build()
            if not isinstance(generator, core.Trainable):
                raise ConfigurationError(f"{case.entry.build!r} has a budget but no `fit`; remove the budget")
            plan = training.Plan(budget, case.entry.batch_size, seed, folder / "checkpoint.safetensors")
            log = training.fit(generator, _on(self.dataset.fit.loaded(), device), plan, on_event=self.place.on_event)
        log = replace(log, peak_bytes=timing.peak_bytes(device)[0])
        (folder / "training.json").write_text(json.dumps(asdict(log)))


def _never(seeds: Tensor) -> Tensor:
    raise AssertionError("samples of a generator that was not built")


def _on(batch: Batch, device: torch.device) -> Batch:
    labels = None if batch.labels is None else batch.labels.to(device)
    return Batch(batch.samples.to(device), labels)

"""A suite with its names resolved, and the stages that build, fit and observe its generators.

Every stage's output lies in the cache under the digest of its inputs, so a run that was interrupted goes on where
it was, and nothing is observed twice for two metrics.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor

from aigc_bench.evidence import reconstructions, footprint, likelihoods, speed, extraction
from aigc_bench.generators import anchors, drawing, training
from aigc_bench import core, evidence, generators, noise
from aigc_bench.core import plugins
from aigc_bench.system import timing
from aigc_bench.core import Dataset, Evidence, Features, Generator, Metric, OnEvent, TrainingLog
from aigc_bench.core.errors import ConfigurationError, NotAvailableError, foreign_code
from aigc_bench.generators.blueprint import Blueprint
from aigc_bench.metrics import reconstruction
from aigc_bench.system.cache import Cache
from aigc_bench.core.suites import Case, Suite

SOURCES = (core, drawing, evidence, generators, noise, timing)
"""source that every stage depends on"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A generator ready to be observed, and what its samples depend on."""

    name: str
    training_seed: int | None
    generator: Generator
    identity: dict[str, Any]
    """inputs of the stages that observe it"""
    blueprint: Blueprint | None = None
    """None for the anchors: they are not timed"""
    training: TrainingLog | None = None


@dataclass(frozen=True)
class Bench:
    """A suite with its names resolved to objects."""

    suite: Suite
    dataset: Dataset
    extractors: tuple[core.FeatureExtractor, ...]
    metrics: tuple[Metric[Any], ...]
    device: torch.device
    cache: Cache
    on_event: OnEvent = field(default=lambda event: None)

    @classmethod
    def prepare(
        cls, suite: Suite, cache: Cache, device: torch.device, data: dict[str, Any], on_event: OnEvent
    ) -> Bench:
        """Load everything the suite names, so that a bad name costs nothing.

        Raises:
            UnknownNameError: a data set, extractor, metric, generator or option that is not there.
            DataError: the data set is missing or damaged.
        """
        metrics = tuple(_metric(name) for name in suite.metrics)
        for entry in suite.generators:
            builder = plugins.load("generator", entry.build)
            plugins.check_options("generator", entry.build, builder, entry.options)
        builder = plugins.load("dataset", suite.data.name)
        plugins.check_options("dataset", suite.data.name, builder, suite.data.options)
        dataset: Dataset = builder(**data, **suite.data.options)
        extractors = tuple(plugins.load("features", name)(dataset.spec, device=device) for name in suite.features)
        bench = cls(suite, dataset, extractors, metrics, device, cache, on_event)
        bench._check_sizes()
        return bench

    def _check_sizes(self) -> None:
        available = min(len(self.dataset.reference.samples), len(self.dataset.holdout.samples))
        if self.suite.num_samples > available:
            raise ConfigurationError(
                f"num_samples = {self.suite.num_samples}, but every row needs that many real samples and the "
                f"reference and holdout splits of {self.dataset.name!r} have {available}; use --limit {available}"
            )

    def stage(self, **inputs: Any) -> dict[str, Any]:
        """Inputs of a stage: what is given, and what everything depends on."""
        return {
            "torch": torch.__version__,
            "device": str(self.device),
            "threads": torch.get_num_threads(),
            "source": plugins.source_digest(*SOURCES),
            **inputs,
        }

    # ---- subjects ---------------------------------------------------------------------------------

    def anchors(self) -> list[Subject]:
        """Held-out real data (the best any model can do at this N) and uniform noise."""
        floor = anchors.RealData(self.dataset.spec, self.dataset.holdout)
        noisy = anchors.build_noise(self.dataset.spec, device=self.device)
        sources = plugins.source_digest(anchors)
        return [
            Subject("floor", None, floor, self.stage(anchor="floor", data=self.dataset.digest)),
            Subject("noise", None, noisy, self.stage(anchor="noise", data=self.dataset.digest, noise=sources)),
        ]

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

    def subject(self, case: Case) -> Subject:
        """Build the case's generator, fitted if the suite asks for it.

        Raises:
            GeneratorError: it cannot be built, or its training failed.
        """
        identity = self.identity(case)
        blueprint = Blueprint(case.entry, self.dataset.spec, str(self.device), None)
        if case.training_seed is None:
            return Subject(case.entry.name, None, blueprint.build(), identity, blueprint)
        folder = self.cache.finish("train", identity, lambda path: self._fit(case, blueprint, path))
        # Always from the file, so that a cached case and a fresh one sample from the same weights.
        blueprint = replace(blueprint, weights=folder / "checkpoint.safetensors")
        log = TypeAdapter(TrainingLog).validate_json((folder / "training.json").read_bytes())
        return Subject(case.entry.name, case.training_seed, blueprint.build(), identity, blueprint, log)

    def weights(self, subject: Subject) -> str | None:
        """The checkpoint that a subject samples from, relative to the cache; None of what was not trained here."""
        path = subject.blueprint.weights if subject.blueprint else None
        return path.relative_to(self.cache.root).as_posix() if path else None

    def _fit(self, case: Case, blueprint: Blueprint, folder: Path) -> None:
        seed, budget = case.training_seed, case.entry.budget
        assert seed is not None and budget is not None  # noqa: PT018 (a case has both or neither)
        data = _to(self.dataset.fit, self.device)
        timing.reset_peak(self.device)
        with training.seeded(seed):
            generator = blueprint.build()
            if not isinstance(generator, core.Trainable):
                raise ConfigurationError(f"{case.entry.build!r} has a budget but no `fit`; remove the budget")
            plan = training.Plan(budget, case.entry.batch_size, seed, folder / "checkpoint.safetensors")
            log = training.fit(generator, data, plan, on_event=self.on_event)
        log = replace(log, peak_bytes=timing.peak_bytes(self.device)[0])
        (folder / "training.json").write_text(json.dumps(asdict(log)))

    # ---- evidence ---------------------------------------------------------------------------------

    def samples(self, subject: Subject) -> Tensor:
        """The subject's samples of seeds 0 … N - 1, on the CPU."""
        num = self.suite.num_samples
        inputs = {**subject.identity, "num_samples": num}
        draw = lambda: {"samples": drawing.draw(subject.generator, num, self.device)}  # noqa: E731
        return self.cache.tensors("samples", inputs, draw)["samples"]

    def features(self, extractor: core.FeatureExtractor, identity: dict[str, Any], samples: Tensor) -> Features:
        """The extractor's view of samples that `identity` names."""

        def produce() -> dict[str, Tensor]:
            found = extraction.observed_features(extractor, samples.to(self.device))
            return {"pool": found.pool} | ({} if found.logits is None else {"logits": found.logits})

        inputs = {**identity, "num_samples": len(samples), "extractor": extractor.digest}
        return Features.of(self.cache.tensors("features", inputs, produce))

    def entries(self, identity: dict[str, Any]) -> dict[str, str]:
        """Extractor's digest => the cache entry of the features of the samples that `identity` names."""
        if not any(metric.evidence is core.FeaturePair for metric in self.metrics):
            return {}
        inputs = {**identity, "num_samples": self.suite.num_samples}
        entry = self.cache.entry
        return {one.digest: entry("features", {**inputs, "extractor": one.digest}) for one in self.extractors}

    def real(self, extractor: core.FeatureExtractor, split: str, num: int | None = None) -> Features:
        """The extractor's view of the first `num` samples of a split."""
        samples = getattr(self.dataset, split).samples[:num]
        return self.features(extractor, self.real_identity(split), samples)

    def real_identity(self, split: str) -> dict[str, Any]:
        """Inputs of the stages that observe a split."""
        return self.stage(data=self.dataset.digest, split=split)

    def feature_pairs(self, subject: Subject) -> list[core.FeaturePair]:
        """One pair per extractor."""
        pairs = []
        for extractor in self.extractors:
            real = self.real(extractor, "reference", self.suite.num_samples)
            fake = self.features(extractor, subject.identity, self.samples(subject))
            bias = getattr(extractor, "logit_bias", None)
            pairs.append(core.FeaturePair(real, fake, extractor.name, extractor.digest, bias))
        return pairs

    def held_out(self) -> Tensor:
        """Held-out samples for reconstruction and likelihood, on the device."""
        return self.dataset.holdout.samples[: self.suite.num_reconstructions].to(self.device)

    def reconstructions(self, subject: Subject) -> dict[str, Tensor]:
        """See `reconstructions.reconstructions`."""
        errors = plugins.source_digest(reconstruction)
        inputs = {**subject.identity, "num": self.suite.num_reconstructions, "errors": errors}
        return self.cache.tensors(
            "reconstructions", inputs, lambda: reconstructions.reconstructions(subject.generator, self.held_out())
        )

    def reconstruction_errors(self, subject: Subject) -> list[core.ReconstructionErrors]:
        """How far held-out samples are from their reconstructions."""
        return [reconstructions.reconstruction_errors(self.reconstructions(subject), self.dataset.spec)]

    def log_probs(self, subject: Subject) -> list[core.LogProbs]:
        """Log-likelihoods of held-out samples."""
        inputs = {**subject.identity, "num": self.suite.num_reconstructions}
        method = getattr(subject.generator, "log_prob_method", "")

        def produce() -> dict[str, Tensor]:
            return {"nats": likelihoods.log_probs(subject.generator, self.held_out()).log_prob}

        nats = self.cache.tensors("log_probs", inputs, produce)["nats"]
        return [core.LogProbs(nats, self.dataset.spec.num_dims, method)]

    def _speed(self, subject: Subject) -> dict[str, Any]:
        inputs = {**subject.identity, "speed": self.suite.speed.model_dump()}

        def produce() -> dict[str, Any]:
            with foreign_code("sample"):
                throughputs, latency = speed.speed(subject.generator, self.suite.speed, self.device)
            return {"throughput": [asdict(item) for item in throughputs], "latency": asdict(latency)}

        found: dict[str, Any] = self.cache.value("speed", inputs, produce)
        return found

    def throughputs(self, subject: Subject) -> list[core.Throughput]:
        """Seconds per call, one per batch size."""
        found = self._speed(subject)["throughput"]
        return [core.Throughput(item["batch_size"], tuple(item["seconds"])) for item in found]

    def latencies(self, subject: Subject) -> list[core.Latency]:
        """Seconds of single calls."""
        return [core.Latency(tuple(self._speed(subject)["latency"]["seconds"]))]

    def footprints(self, subject: Subject) -> list[core.Footprint]:
        """Memory, weights, operations, training speed."""
        blueprint = subject.blueprint
        if blueprint is None:
            raise NotAvailableError("an anchor row is not timed")
        rates = subject.training.steps_per_s if subject.training else ()

        def produce() -> dict[str, Any]:
            with foreign_code("sample"):
                return asdict(footprint.footprint(blueprint, subject.generator, FOOTPRINT_BATCH, rates))

        found = self.cache.value("footprint", {**subject.identity, "batch_size": FOOTPRINT_BATCH}, produce)
        return [core.Footprint(**{**found, "train_steps_per_s": tuple(found["train_steps_per_s"])})]


FOOTPRINT_BATCH = 64

COLLECTORS: dict[type, Callable[[Bench, Subject], Sequence[Evidence]]] = {
    core.FeaturePair: Bench.feature_pairs,
    core.ReconstructionErrors: Bench.reconstruction_errors,
    core.LogProbs: Bench.log_probs,
    core.Throughput: Bench.throughputs,
    core.Latency: Bench.latencies,
    core.Footprint: Bench.footprints,
}


def _metric(name: str) -> Metric[Any]:
    metric = plugins.load("metric", name)
    if not isinstance(metric, Metric):
        raise ConfigurationError(f"metric {name!r} is a {type(metric).__name__}; expected aigc_bench.core.Metric")
    if metric.evidence not in COLLECTORS:
        kinds = ", ".join(kind.__name__ for kind in COLLECTORS)
        raise ConfigurationError(f"metric {name!r} wants {metric.evidence}; evidence that is collected: {kinds}")
    return metric


def _to(batch: core.Batch, device: torch.device) -> core.Batch:
    labels = None if batch.labels is None else batch.labels.to(device)
    return core.Batch(batch.samples.to(device), labels)

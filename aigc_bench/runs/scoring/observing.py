"""What is observed of a row's generator beside its samples: reconstructions, likelihoods, timings, cost.

Every stage's output lies in the cache under the digest of its inputs, and nothing is observed twice for two metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor

from aigc_bench.core import (
    Efficiency,
    Evidence,
    Footprint,
    Latency,
    LogProbs,
    ReconstructionErrors,
    SampleSpec,
    Throughput,
    plugins,
)
from aigc_bench.core.suites import SpeedEntry
from aigc_bench.evidence import efficiency, footprint, likelihoods, reconstructions, speed
from aigc_bench.evidence.extractors import Place
from aigc_bench.metrics import reconstruction
from aigc_bench.runs.scoring.rows import Subject
from aigc_bench.samples.sets import SampleSet
from aigc_bench.system.foreign import foreign_code

FOOTPRINT_BATCH = 64
"""samples that are drawn while memory is watched"""


@dataclass(frozen=True)
class Observer:
    """What observing a generator needs: held-out samples, how it is timed, and where results are kept."""

    place: Place
    spec: SampleSpec
    held_out: SampleSet
    """what is reconstructed, and whose likelihood is asked"""
    num_held_out: int
    """the first so many of them"""
    speed: SpeedEntry

    def evidence(self, kind: type[Evidence], subject: Subject) -> Sequence[Evidence]:
        """All evidence of one type.

        Raises:
            NotAvailableError: this generator cannot give it.
            GeneratorError: it failed, or gave what is no such evidence.
        """
        return COLLECTORS[kind](self, subject)

    def reconstructions(self, subject: Subject) -> dict[str, Tensor]:
        """See `evidence.reconstructions.reconstructions`."""
        errors = plugins.source_digest(reconstruction)
        inputs = {**subject.identity, "num": self.num_held_out, "errors": errors}
        return self.place.cache.tensors(
            "reconstructions",
            inputs,
            lambda: reconstructions.reconstructions(subject.generator, self._originals()),
        )

    def _reconstruction_errors(self, subject: Subject) -> list[ReconstructionErrors]:
        return [reconstructions.reconstruction_errors(self.reconstructions(subject), self.spec)]

    def _log_probs(self, subject: Subject) -> list[LogProbs]:
        inputs = {**subject.identity, "num": self.num_held_out}
        method = getattr(subject.generator, "log_prob_method", "")

        def produce() -> dict[str, Tensor]:
            return {"nats": likelihoods.log_probs(subject.generator, self._originals()).log_prob}

        nats = self.place.cache.tensors("log_probs", inputs, produce)["nats"]
        return [LogProbs(nats, self.spec.num_dims, method)]

    def _timings(self, subject: Subject) -> Mapping[str, Any]:
        inputs = {**subject.identity, "speed": self.speed.model_dump()}

        def produce() -> dict[str, Any]:
            with foreign_code("sample"):
                throughputs, latency = speed.speed(subject.generator, self.speed, self.place.device)
            return {"throughput": [asdict(item) for item in throughputs], "latency": asdict(latency)}

        timings: Mapping[str, Any] = self.place.cache.value("speed", inputs, produce)
        return timings

    def _throughputs(self, subject: Subject) -> list[Throughput]:
        items = self._timings(subject)["throughput"]
        return [Throughput(item["batch_size"], tuple(item["seconds"])) for item in items]

    def _latencies(self, subject: Subject) -> list[Latency]:
        return [Latency(tuple(self._timings(subject)["latency"]["seconds"]))]

    def _footprints(self, subject: Subject) -> list[Footprint]:
        rates = subject.training.steps_per_s if subject.training else ()

        def produce() -> dict[str, Any]:
            with foreign_code("sample"):
                return asdict(footprint.footprint(subject.blueprint, subject.generator, FOOTPRINT_BATCH, rates))

        inputs = {**subject.identity, "batch_size": FOOTPRINT_BATCH}
        cost = self.place.cache.value("footprint", inputs, produce)
        return [Footprint(**{**cost, "train_steps_per_s": tuple(cost["train_steps_per_s"])})]

    def _efficiencies(self, subject: Subject) -> list[Efficiency]:
        size, num_blocks = max(self.speed.batch_sizes), self.speed.blocks

        def produce() -> dict[str, Any]:
            with foreign_code("sample"):
                return asdict(efficiency.efficiency(subject.generator, size, num_blocks, self.place.device))

        found = self.place.cache.value("efficiency", {**subject.identity, "speed": self.speed.model_dump()}, produce)
        return [TypeAdapter(Efficiency).validate_python(found)]

    def _originals(self) -> Tensor:
        """(n, *shape) held-out samples, on the device."""
        first = range(min(self.num_held_out, self.held_out.num_samples or self.num_held_out))
        return torch.stack(self.held_out.take(first)).to(self.place.device)


COLLECTORS: Mapping[type[Evidence], Callable[[Observer, Subject], Sequence[Evidence]]] = {
    ReconstructionErrors: Observer._reconstruction_errors,
    LogProbs: Observer._log_probs,
    Throughput: Observer._throughputs,
    Latency: Observer._latencies,
    Footprint: Observer._footprints,
    Efficiency: Observer._efficiencies,
}
"""evidence of a generator, beside the features of its samples"""

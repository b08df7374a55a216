"""Evidence: what is observed of a generator, once, for every metric that wants its type."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from aigc_bench import plugins, timing
from aigc_bench.core import (
    Batch,
    Density,
    FeatureExtractor,
    Features,
    Footprint,
    Generator,
    Latency,
    LogProbs,
    ReconstructionErrors,
    SampleSpec,
    Throughput,
)
from aigc_bench.drawing import SAMPLE_BATCH, checked
from aigc_bench.errors import GeneratorError, MeasurementError, NotAvailableError, foreign_code
from aigc_bench.metrics.neighbours import nearest_neighbours
from aigc_bench.metrics.reconstruction import errors_of, window_text
from aigc_bench.suite import GeneratorEntry, SpeedEntry
from aigc_bench.train import load_state

NUM_RECONSTRUCTIONS_SHOWN = 16


class RealData:
    """Held-out real data behind the generator's protocol: the floor row. Seed i is held-out sample i."""

    def __init__(self, spec: SampleSpec, data: Batch) -> None:
        self.spec = spec
        self._samples = data.samples

    def sample(self, seeds: Tensor) -> Tensor:
        """(N,) int64 => (N, *shape)."""
        return self._samples[seeds % len(self._samples)]


def features(extractor: FeatureExtractor, samples: Tensor) -> Features:
    """Features on the CPU, where the statistics are done.

    Raises:
        MeasurementError: a feature is NaN or infinite.
    """
    found = extractor(samples)
    if not bool(torch.isfinite(found.pool).all()):
        raise MeasurementError(f"extractor {extractor.name!r} gave NaN or infinite features")
    logits, spatial = (None if part is None else part.cpu() for part in (found.logits, found.spatial))
    return Features(found.pool.cpu(), logits, spatial)


def neighbours(fake: Features, fit: Features) -> tuple[Tensor, Tensor]:
    """Every sample's distance to the fit split in feature space and which sample that is: (N,), (N,)."""
    distances, indices = nearest_neighbours(fake.pool, fit.pool, 1)
    return distances[:, 0], indices[:, 0]


def reconstructions(generator: Generator, original: Tensor) -> dict[str, Tensor]:
    """What the generator's encoder and decoder make of held-out samples.

    Returns:
        squared, ssim: (N,) float64, see `ReconstructionErrors`.
        originals, reconstructions: the first few, (n, C, H, W) uint8, to look at.

    Raises:
        NotAvailableError: the generator has no `reconstruct`.
    """
    reconstruct = getattr(generator, "reconstruct", None)
    if reconstruct is None:
        raise NotAvailableError("it has no `reconstruct`")
    squared, similarity, shown = [], [], original[:0]
    for chunk in original.split(SAMPLE_BATCH):
        found = checked(generator, "reconstruct", partial(reconstruct, chunk), len(chunk))
        errors = errors_of(chunk, found)
        squared.append(errors.squared)
        similarity.append(errors.ssim)
        shown = torch.cat([shown, found])[:NUM_RECONSTRUCTIONS_SHOWN]
    return {
        "squared": torch.cat(squared),
        "ssim": torch.cat(similarity),
        "originals": original[: len(shown)].clone(),
        "reconstructions": shown.clone(),
    }


def reconstruction_errors(found: dict[str, Tensor], spec: SampleSpec) -> ReconstructionErrors:
    """The evidence among what `reconstructions` returned."""
    return ReconstructionErrors(found["squared"], found["ssim"], window_text(spec.shape))


def log_probs(generator: Generator, held_out: Tensor) -> LogProbs:
    """Log-likelihoods of held-out samples.

    Raises:
        NotAvailableError: the generator has no `log_prob`.
        GeneratorError: it raised, or gave NaN.
    """
    if not isinstance(generator, Density):
        raise NotAvailableError("it has no `log_prob`")
    with foreign_code("log_prob"):
        nats = torch.cat([generator.log_prob(chunk).double().cpu() for chunk in held_out.split(SAMPLE_BATCH)])
    if nats.shape != held_out.shape[:1] or not bool(torch.isfinite(nats).all()):
        raise GeneratorError(f"expected {len(held_out)} finite log-probabilities, got {tuple(nats.shape)}")
    return LogProbs(nats, generator.spec.num_dims, generator.log_prob_method)


# ---- speed ----------------------------------------------------------------------------------------


def speed(generator: Generator, entry: SpeedEntry, device: torch.device) -> tuple[list[Throughput], Latency]:
    """Time `sample` at each batch size, and single calls of one sample."""
    throughputs = []
    for batch_size in entry.batch_sizes:
        seeds = torch.arange(batch_size, device=device)
        blocks = timing.block_seconds(partial(generator.sample, seeds), entry.blocks, device)
        throughputs.append(Throughput(batch_size, blocks))
    one = torch.zeros(1, dtype=torch.int64, device=device)
    calls = timing.call_seconds(lambda: generator.sample(one), entry.latency_calls, device)
    return throughputs, Latency(calls)


def flops_per_sample(generator: Generator, device: torch.device) -> float | None:
    """Floating-point operations of one sample by torch's counter; None where it knows none of them."""
    seeds = torch.arange(8, device=device)
    with FlopCounterMode(display=False) as counter:
        generator.sample(seeds)
    return counter.get_total_flops() / len(seeds) or None


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a fresh process needs to build a case's generator again."""

    entry: GeneratorEntry
    spec: SampleSpec
    device: str
    weights: Path | None
    """checkpoint with the fitted state; None for a generator that was not fitted"""

    def build(self) -> Generator:
        """Build it, and load the weights.

        Raises:
            UnknownNameError: no such generator or option.
            GeneratorError: the builder raised, or did not return a generator.
        """
        builder = plugins.load("generator", self.entry.build)
        plugins.check_options("generator", self.entry.build, builder, self.entry.options)
        with foreign_code("building it"):
            generator = builder(self.spec, device=torch.device(self.device), **self.entry.options)
        if not isinstance(generator, Generator):
            raise GeneratorError(f"expected a generator with `spec` and `sample`, got {type(generator).__name__}")
        if self.weights is not None:
            state, _ = load_state(self.weights)
            generator.load_state_dict(state["generator"])  # type: ignore[attr-defined]
        return generator


def footprint(
    blueprint: Blueprint, generator: Generator, batch_size: int, train_steps_per_s: tuple[float, ...]
) -> Footprint:
    """Weights, operations, and the peak memory of a fresh process that builds the generator and samples."""
    device = torch.device(blueprint.device)
    if device.type == "cuda":
        timing.reset_peak(device)
        generator.sample(torch.arange(batch_size, device=device))
        peak, counter = timing.peak_bytes(device)
    else:
        peak, counter = _fresh_process_peak(blueprint, batch_size)
    return Footprint(
        peak_bytes=peak,
        peak_method=f"{counter}, building it and sampling {batch_size}",
        num_parameters=getattr(generator, "num_parameters", None),
        flops_per_sample=flops_per_sample(generator, device),
        train_steps_per_s=train_steps_per_s,
    )


def _fresh_process_peak(blueprint: Blueprint, batch_size: int) -> tuple[int, str]:
    request = {
        "entry": blueprint.entry.model_dump(),
        "spec": [blueprint.spec.modality, blueprint.spec.shape, blueprint.spec.sample_rate],
        "weights": None if blueprint.weights is None else str(blueprint.weights),
        "threads": torch.get_num_threads(),
        "batch_size": batch_size,
        "path": sys.path,
    }
    done = subprocess.run(
        [sys.executable, "-m", "aigc_bench.collect"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise GeneratorError(f"a fresh process that samples it ended with {done.returncode}: {last}")
    answer = json.loads(done.stdout.splitlines()[-1])
    return int(answer["peak_bytes"]), f"{answer['counter']} of a fresh process"


def _answer(request: dict[str, Any]) -> None:
    sys.path[:] = request["path"]
    torch.set_num_threads(request["threads"])
    modality, shape, sample_rate = request["spec"]
    weights = None if request["weights"] is None else Path(request["weights"])
    spec = SampleSpec(modality, tuple(shape), sample_rate)
    blueprint = Blueprint(GeneratorEntry.model_validate(request["entry"]), spec, "cpu", weights)
    blueprint.build().sample(torch.arange(request["batch_size"]))
    peak, counter = timing.peak_bytes(torch.device("cpu"))
    print(json.dumps({"peak_bytes": peak, "counter": counter}))


if __name__ == "__main__":
    _answer(json.load(sys.stdin))

"""What a report's figures show beside the scores: a few samples, reconstructions, neighbours, latencies.

The keys are described at `aigc_bench.runs.records.Exhibits`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_bench.runs.scoring.bench import Bench, Subject
from aigc_bench.core import Features
from aigc_bench.metrics.neighbours import nearest_neighbours
from aigc_bench.core.errors import NotAvailableError
from aigc_bench.runs.records import Exhibits

NUM_SAMPLES = 64
NUM_NEIGHBOURS = 8


def exhibits_of(bench: Bench, subject: Subject) -> Exhibits:
    """Everything there is to show of one subject."""
    samples = bench.samples(subject)
    found: Exhibits = {"samples": samples[:NUM_SAMPLES]}
    extractor = bench.extractors[0]
    fake = bench.features(extractor, subject.identity, samples)
    if fake.logits is not None:
        found["classes"] = torch.bincount(fake.logits.argmax(1), minlength=fake.logits.shape[1])
    found |= _neighbours(bench, subject)
    if subject.blueprint is not None:
        found |= _reconstructions(bench, subject)
        found["latency"] = torch.tensor(bench.latencies(subject)[0].seconds, dtype=torch.float64)
    seed = "-" if subject.training_seed is None else subject.training_seed
    return {f"{kind}/{subject.name}/{seed}": value.contiguous() for kind, value in found.items()}


def reference_exhibits(bench: Bench) -> Exhibits:
    """What the figures need of the real data."""
    real = bench.real(bench.extractors[0], "reference", bench.suite.num_samples)
    if real.logits is None:
        return {}
    return {"classes/reference/-": torch.bincount(real.logits.argmax(1), minlength=real.logits.shape[1])}


def _neighbours(bench: Bench, subject: Subject) -> Exhibits:
    """The distance of every sample to the fit split, and the closest few beside their neighbours."""
    extractor, samples = bench.extractors[0], bench.samples(subject)
    inputs = {**subject.identity, "num_samples": len(samples), "extractor": extractor.digest, "split": "fit"}

    def produce() -> Exhibits:
        fake = bench.features(extractor, subject.identity, samples)
        distance, index = _nearest(fake, bench.real(extractor, "fit"))
        return {"distance": distance.to(torch.float32), "index": index}

    found = bench.cache.tensors("neighbours", inputs, produce)
    # stable: equal distances stay in the order of their seeds, so a repeat shows the same pictures
    closest = torch.argsort(found["distance"], stable=True)[:NUM_NEIGHBOURS]
    fit = bench.dataset.fit.samples[found["index"][closest]]
    return {
        "neighbour_distance": found["distance"],
        "neighbours": torch.stack([samples[closest], fit], dim=1),
    }


def _nearest(fake: Features, fit: Features) -> tuple[Tensor, Tensor]:
    """Every sample's distance to the fit split in feature space and which sample that is: (N,), (N,)."""
    distances, indices = nearest_neighbours(fake.pool, fit.pool, 1)
    return distances[:, 0], indices[:, 0]


def _reconstructions(bench: Bench, subject: Subject) -> Exhibits:
    try:
        found = bench.reconstructions(subject)
    except NotAvailableError:
        return {}
    return {kind: found[kind] for kind in ("originals", "reconstructions")}

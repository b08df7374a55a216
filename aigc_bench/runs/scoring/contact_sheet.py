"""What a report of scored samples shows beside the scores: a few of them, and their predicted classes.

Which ones cost the Fréchet distance most, and which are closest to a real sample, beside their nearest real ones.
The keys are described at `aigc_bench.runs.records.Exhibits`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_bench.core import Evidence, FeaturePair, Features, Latency, ReconstructionErrors, plugins
from aigc_bench.core.errors import DataError
from aigc_bench.evidence.extraction import features_of
from aigc_bench.metrics import frechet, neighbours
from aigc_bench.metrics.sweep import Sweep
from aigc_bench.modalities.modality import named
from aigc_bench.runs.records import Exhibits, texts_as_tensor
from aigc_bench.runs.scoring.bench import Bench
from aigc_bench.runs.scoring.observation import Observation
from aigc_bench.runs.scoring.observing import Observer
from aigc_bench.runs.scoring.rows import Row, Subject
from aigc_bench.samples.sets import SampleSet

NUM_SHOWN = 64
NUM_SINGLED_OUT = 8
NUM_PAIRS = 16
MAX_CLASSES = 100
"""a histogram of more predicted classes than that shows nothing"""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Pictures of a row, and what has to be said about them."""

    exhibits: Exhibits
    notes: tuple[str, ...] = ()


def classes_of(name: str, seed: int | None, features: Features) -> Exhibits:
    """Predicted classes; nothing where there is no classifier, or it has too many."""
    if features.logits is None or features.logits.shape[1] > MAX_CLASSES:
        return {}
    return keyed(name, seed, {"classes": torch.bincount(features.logits.argmax(1), minlength=features.logits.shape[1])})


def keyed(name: str, seed: int | None, tensors: Mapping[str, Tensor]) -> Exhibits:
    """Exhibits of one row, under the keys that `Exhibits` describes."""
    suffix = "-" if seed is None else seed
    return {f"{kind}/{name}/{suffix}": tensor.cpu().contiguous() for kind, tensor in tensors.items()}


def sheet_of(seen: Observation, bench: Bench, distance: float | None) -> Sheet:
    """What there is to see of a row: its first samples, those that cost most, those closest to real ones.

    Args:
        seen: the row under the first extractor.
        bench: where what the generators were trained on is known, the closest are sought there, else on the real side;
            where that keeps features only, samples stand alone.
        distance: the Fréchet distance of the row; None where there is none to attribute.
    """
    row = seen.row
    real = bench.training or bench.reference.samples
    found = _nearest_training(seen, bench) if bench.training else {}
    pair = None if row.status == "anchor" else seen.pair()
    if pair is not None:
        inputs = {**seen.identity, "source": plugins.source_digest(neighbours, frechet, Sheet), "distance": distance}
        attributes = bench.place.cache.tensors("contact-sheet", inputs, lambda: _attributes(pair, distance))
        # Of the training set's neighbours where there is one: the report asks whether samples are copies of it.
        found = attributes | found
    exhibits = classes_of(row.name, row.training_seed, seen.fake)
    try:
        pictures = _pictures(row.samples, real, found, seen.fake.num_samples)
    except DataError as error:
        return Sheet(exhibits, (f"{row.name}: single samples are not shown, since {error}.",))
    if "share" in found:
        costly = _costly(found["share"])
        pictures |= {"costly_index": costly, "costly_share": found["share"][costly]}
        if (names := row.samples.names) is not None:
            pictures["costly_name"] = texts_as_tensor([names[index] for index in costly.tolist()])
    if bench.training:
        pictures["neighbour_distance"] = found["distance"].to(torch.float32)
    return Sheet(exhibits | keyed(row.name, row.training_seed, pictures))


def _nearest_training(seen: Observation, bench: Bench) -> dict[str, Tensor]:
    """How far the nearest training sample is from each of the row's, and which that is: (N,) float64, (N,) int64."""
    assert bench.training is not None
    training = features_of(seen.extractor, bench.training, bench.place)

    def produce() -> dict[str, Tensor]:
        apart, index = neighbours.nearest_neighbours(seen.fake.pool, training.pool, 1)
        return {"distance": apart[:, 0], "nearest": index[:, 0]}

    inputs = {**seen.identity, "training": bench.training.digest, "source": plugins.source_digest(neighbours)}
    return bench.place.cache.tensors("neighbours", inputs, produce)


def pairs_of(row: Row, original: SampleSet, num_samples: int) -> Exhibits:
    """The first reconstructions, and what they are made from."""
    first = range(min(NUM_PAIRS, num_samples))
    sheet = named(original.modality).sheet
    both = sheet([*original.take(first), *row.samples.take(first)])
    pairs = {"originals": both[: len(first)].clone(), "reconstructions": both[len(first) :].clone()}
    return keyed(row.name, row.training_seed, pairs)


def observations_of(
    row: Row, subject: Subject, observer: Observer, evidence: Mapping[type[Evidence], Sequence[Evidence]]
) -> Exhibits:
    """Reconstructions and latencies, where some metric wanted them."""
    shown: dict[str, Tensor] = {}
    if ReconstructionErrors in evidence:
        made = observer.reconstructions(subject)
        shown |= {kind: made[kind] for kind in ("originals", "reconstructions")}
    for latency in evidence.get(Latency, ()):
        assert isinstance(latency, Latency)
        shown["latency"] = torch.tensor(latency.seconds, dtype=torch.float64)
    return keyed(row.name, row.training_seed, shown)


def _costly(share: Tensor) -> Tensor:
    return share.argsort(descending=True, stable=True)[:NUM_SINGLED_OUT]


def _pictures(samples: SampleSet, real: SampleSet | None, found: Mapping[str, Tensor], num_samples: int) -> Exhibits:
    """The first samples (n, C, H, W), and those singled out (n, 2, C, H, W), each beside its nearest real one."""
    chosen = {}
    if "distance" in found:
        chosen["neighbours"] = found["distance"].argsort(stable=True)[:NUM_SINGLED_OUT]
    if "share" in found:
        chosen["costly"] = _costly(found["share"])
    first = min(NUM_SHOWN, num_samples)
    rows = torch.cat([torch.arange(first), *chosen.values()])
    # One pass for all of them, where a set can be read from its beginning only.
    mine, tiled = samples.take(rows.tolist()), named(samples.modality).sheet
    exhibits = {"samples": tiled(mine[:first])}
    if chosen:
        sides = [mine[first:]]
        if real is not None:
            sides.append(real.take(found["nearest"][rows[first:]].tolist()))
        tiles = tiled([picture for side in sides for picture in side]).unflatten(0, (len(sides), len(sides[0])))
        parts = tiles.transpose(0, 1).split([len(part) for part in chosen.values()])
        exhibits |= dict(zip(chosen, parts, strict=True))
    return exhibits


def _attributes(pair: FeaturePair, distance: float | None) -> dict[str, Tensor]:
    """Of every sample (N,): how far the nearest real one is, which that is, and its share of the Fréchet distance."""
    sweep = Sweep.known(pair)
    if sweep is None:
        apart, index = neighbours.nearest_neighbours(pair.fake.pool, pair.real.pool, 1)
        found = {"distance": apart[:, 0], "nearest": index[:, 0]}
    else:
        found = {"distance": sweep.nearest_squared.sqrt(), "nearest": sweep.nearest}
    if distance:
        # To first order the distance falls by φ / (N - 1) where a sample is left out: its weight goes from 1 / N to 0,
        # and that is a step of -1 / (N - 1) towards it in the mixture whose derivative φ is.
        cost = frechet.influences(pair.real, pair.fake.pool) / (pair.fake.num_samples - 1)
        found["share"] = cost / distance
    return found

"""What a report of scored samples shows beside the scores: a few of them, and their predicted classes.

Which ones cost the Fréchet distance most, and which are closest to a real image, beside their nearest real images.
The keys are described at `aigc_bench.runs.records.Exhibits`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_bench.core import plugins
from aigc_bench.core import FeaturePair, Features
from aigc_bench.core.errors import DataError
from aigc_bench.runs.scoring.harness import Row
from aigc_bench.samples.sets import SampleSet
from aigc_bench.metrics import frechet, neighbours
from aigc_bench.metrics.sweep import Sweep
from aigc_bench.evidence.extraction import Place
from aigc_bench.runs.scoring.reference import Reference
from aigc_bench.runs.records import Exhibits

NUM_SHOWN = 64
NUM_SINGLED_OUT = 8
NUM_PAIRS = 16
THUMBNAIL_PX = 64
MARGIN_LEVEL = 128
"""of grey, around pictures that are smaller than others"""
MAX_CLASSES = 100
"""a histogram of more predicted classes than that shows nothing"""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Pictures of a row, and what has to be said about them."""

    exhibits: Exhibits
    notes: tuple[str, ...] = ()


def classes_of(name: str, features: Features) -> Exhibits:
    """Predicted classes; nothing where there is no classifier, or it has too many."""
    if features.logits is None or features.logits.shape[1] > MAX_CLASSES:
        return {}
    return {f"classes/{name}/-": torch.bincount(features.logits.argmax(1), minlength=features.logits.shape[1])}


def sheet_of(
    row: Row,
    samples: SampleSet,
    reference: Reference,
    fake: Features,
    pair: FeaturePair | None,
    distance: float | None,
    place: Place,
) -> Sheet:
    """What there is to see of a row: its first samples, those that cost most, those closest to real ones.

    Args:
        row: what the samples are called, and what their features depend on.
        samples: the generated ones.
        reference: the real side; where it keeps features only, samples stand alone.
        fake: features of the samples.
        pair: features of both sides; None where no sample is to be singled out.
        distance: the Fréchet distance between these; None where there is none to attribute.
        place: where it is computed and kept.
    """
    found: dict[str, Tensor] = {}
    if pair is not None:
        inputs = {**row.identity, "source": plugins.source_digest(neighbours, frechet, Sheet), "distance": distance}
        found = place.cache.tensors("contact-sheet", inputs, lambda: _attributes(pair, distance))
    exhibits = classes_of(row.name, fake)
    try:
        pictures = _pictures(samples, reference.samples, found, fake.num_samples)
    except DataError as error:
        return Sheet(exhibits, (f"{row.name}: single samples are not shown, since {error}.",))
    if "share" in found:
        costly = _costly(found["share"])
        pictures |= {"costly_index": costly, "costly_share": found["share"][costly]}
    return Sheet(exhibits | {f"{kind}/{row.name}/-": value.contiguous() for kind, value in pictures.items()})


def pairs_of(name: str, samples: SampleSet, original: SampleSet, num_samples: int) -> Exhibits:
    """The first reconstructions, and what they are made from."""
    first = range(min(NUM_PAIRS, num_samples))
    both = tiled([*original.take(first), *samples.take(first)])
    return {f"originals/{name}/-": both[: len(first)].clone(), f"reconstructions/{name}/-": both[len(first) :].clone()}


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
    mine = samples.take(rows.tolist())
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
    sweep: Sweep | None = pair.shared.get("sweep")
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


def tiled(images: Sequence[Tensor]) -> Tensor:
    """Images (C, H, W) uint8 of any sizes => thumbnails (N, C, H, W) uint8 of one size, the smaller ones centred."""
    small = [thumbnail(image) for image in images]
    channels, height, width = (max(image.shape[axis] for image in small) for axis in range(3))
    canvas = torch.full((len(small), channels, height, width), MARGIN_LEVEL, dtype=torch.uint8)
    for place, image in zip(canvas, small, strict=True):
        top, left = (height - image.shape[1]) // 2, (width - image.shape[2]) // 2
        place[:, top : top + image.shape[1], left : left + image.shape[2]] = image
    return canvas


def thumbnail(image: Tensor) -> Tensor:
    """(C, H, W) uint8, scaled down where a side is longer than a thumbnail's."""
    side = max(image.shape[1:])
    if side <= THUMBNAIL_PX:
        return image.contiguous()
    size = [max(1, length * THUMBNAIL_PX // side) for length in image.shape[1:]]
    small = F.interpolate(image[None].float(), size=size, mode="bilinear", antialias=True)[0]
    return small.round().clamp(0, 255).to(torch.uint8).contiguous()

"""What a report of scored samples shows beside the scores: a few of them, and their predicted classes.

Which ones cost the Fréchet distance most, and which are closest to a real image, beside their nearest real images.
The keys are described at `aigc_bench.store.Exhibits`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_bench import plugins
from aigc_bench.core import FeaturePair, Features
from aigc_bench.errors import DataError
from aigc_bench.extraction import Place
from aigc_bench.harness import Row
from aigc_bench.inputs.samples import SampleSet
from aigc_bench.metrics import frechet, neighbours
from aigc_bench.reference import Reference
from aigc_bench.store import Exhibits

NUM_SHOWN = 64
NUM_SINGLED_OUT = 8
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

    def __add__(self, other: Sheet) -> Sheet:
        return Sheet({**self.exhibits, **other.exhibits}, (*self.notes, *other.notes))


def sheet_of(name: str, samples: SampleSet, fake: Features) -> Sheet:
    """The first samples of a set, and how many of it the classifier counts to which class."""
    first = tiled(samples.take(range(min(NUM_SHOWN, fake.num_samples))))
    return Sheet({**classes_of(name, fake), f"samples/{name}/-": first})


def classes_of(name: str, features: Features) -> Exhibits:
    """Predicted classes; nothing where there is no classifier, or it has too many."""
    if features.logits is None or features.logits.shape[1] > MAX_CLASSES:
        return {}
    return {f"classes/{name}/-": torch.bincount(features.logits.argmax(1), minlength=features.logits.shape[1])}


def singled_out(
    row: Row, samples: SampleSet, reference: Reference, pair: FeaturePair, distance: float | None, place: Place
) -> Sheet:
    """The samples that cost the Fréchet distance most and those closest to real ones, each beside the nearest real one.

    Alone, where of the real side only features are kept.

    Args:
        row: what the samples are called, and what their features depend on.
        samples: the generated ones.
        reference: the real side.
        pair: features of both.
        distance: the Fréchet distance between these; None where there is none to attribute.
        place: where it is computed and kept.
    """
    inputs = {**row.identity, "source": plugins.source_digest(neighbours, frechet, Sheet), "distance": distance}
    found = place.cache.tensors("contact-sheet", inputs, lambda: _attributes(pair, distance))
    chosen = {"neighbours": found["distance"].argsort(stable=True)[:NUM_SINGLED_OUT]}
    if "share" in found:
        chosen["costly"] = found["share"].argsort(descending=True, stable=True)[:NUM_SINGLED_OUT]
    try:
        exhibits = _pictures(row.name, chosen, found["nearest"], samples, reference.samples)
    except DataError as error:
        return Sheet({}, (f"{row.name}: single samples are not shown, since {error}.",))
    if "share" in found:
        exhibits[f"costly_index/{row.name}/-"] = chosen["costly"]
        exhibits[f"costly_share/{row.name}/-"] = found["share"][chosen["costly"]]
    return Sheet(exhibits)


def _attributes(pair: FeaturePair, distance: float | None) -> dict[str, Tensor]:
    """Of every sample (N,): how far the nearest real one is, which that is, and its share of the Fréchet distance."""
    apart, index = neighbours.nearest_neighbours(pair.fake.pool, pair.real.pool, 1)
    found = {"distance": apart[:, 0], "nearest": index[:, 0]}
    if distance:
        # To first order the distance falls by φ / (N - 1) where a sample is left out: its weight goes from 1 / N to 0,
        # and that is a step of -1 / (N - 1) towards it in the mixture whose derivative φ is.
        cost = frechet.influences(pair.real.pool, pair.fake.pool) / (pair.fake.num_samples - 1)
        found["share"] = cost / distance
    return found


def _pictures(
    name: str, chosen: Mapping[str, Tensor], nearest: Tensor, samples: SampleSet, real: SampleSet | None
) -> Exhibits:
    """Kind => (n, 2, C, H, W) uint8: the chosen samples and their nearest real ones, where there are any."""
    # One pass for all of them, where a set can be read from its beginning only.
    rows = torch.cat(list(chosen.values()))
    sides = [samples.take(rows.tolist())]
    if real is not None:
        sides.append(real.take(nearest[rows].tolist()))
    pictures = tiled([picture for side in sides for picture in side]).unflatten(0, (len(sides), len(rows)))
    parts = pictures.transpose(0, 1).split([len(part) for part in chosen.values()])
    return {f"{kind}/{name}/-": part.contiguous() for kind, part in zip(chosen, parts, strict=True)}


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

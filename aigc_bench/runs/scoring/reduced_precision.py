"""What a declared lower precision changes: both precisions side by side on the first images of every set.

The Fréchet distance between the features of the two precisions is what rounding alone would score. Its root is a
metric (Dowson and Landau 1982): roots of scores differ by no more than the roots of these distances of both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from aigc_bench import core
from aigc_bench.core.errors import BenchmarkFailedError
from aigc_bench.evidence import extractors
from aigc_bench.evidence.extraction import identity_of, piece_of
from aigc_bench.evidence.extractors import Place, extractor_for
from aigc_bench.metrics.frechet import distance_to, distances_of_few
from aigc_bench.metrics.moments import Gaussian, Moments
from aigc_bench.metrics.protocols import Protocol
from aigc_bench.runs.scoring.reference import Reference
from aigc_bench.samples.sets import SampleSet, readable
from aigc_bench.system.foreign import foreign_code

NUM_COMPARED = 256
"""images of a set that both precisions see, all of the size of which so many come first; fewer where no size has so
many, or others had to be held back too long"""


@dataclass(frozen=True, slots=True)
class Seen:
    """Features of the same images in both precisions."""

    exact: Tensor
    """(N, D), all arithmetic float32"""
    lowered: Tensor
    """(N, D), of the declared precision"""

    @classmethod
    def of(cls, samples: SampleSet, protocol: Protocol, place: Place) -> Seen:
        """Both views of a set's first images."""
        images = next(readable(samples.chunks(NUM_COMPARED), samples.name)).samples
        exact = replace(protocol, options={**protocol.options, "precision": "fp32"})
        pools = [_pool(extractor_for(one, samples, place), samples, images, place) for one in (exact, protocol)]
        return cls(*pools)


def _pool(extractor: core.FeatureExtractor, samples: SampleSet, images: Tensor, place: Place) -> Tensor:
    def produce() -> dict[str, Tensor]:
        parts = []
        for piece in images.split(piece_of(extractor)):
            with foreign_code(f"extractor {extractor.name!r}"):
                parts.append(extractors.observed_features(extractor, piece.to(place.device)).pool)
            done = sum(map(len, parts))
            place.on_event({"event": "progress", "unit": "samples", "done": done, "total": len(images)})
        return {"pool": torch.cat(parts)}

    if samples.digest is None:
        return produce()["pool"]
    inputs = {**identity_of(extractor, samples, place), "num_samples": len(images)}
    return place.cache.tensors("first-features", inputs, produce)["pool"]


@dataclass(frozen=True, slots=True)
class Drift:
    """What another precision does to the features of a few images, and to their score."""

    num_samples: int
    rms: float
    """root mean square of all changes of features, in root mean squares of all features"""
    largest: float
    """the largest change of one feature, likewise"""
    distance: float | None = None
    """Fréchet distance between the features of both precisions; None of a single image"""
    exact_score: float | None = None
    """Fréchet distance to the real side's first images in float32; None without such"""
    score: float | None = None
    """the same in the lower precision"""

    @classmethod
    def of(cls, fake: Seen, real: tuple[Gaussian, Gaussian] | None = None) -> Drift:
        """The drift of `fake`, with the real side's features in float32 and in the lower precision."""
        change, scale = (fake.lowered - fake.exact).double(), fake.exact.double().square().mean().sqrt()
        found = cls(len(change), float(change.square().mean().sqrt() / scale), float(change.abs().max() / scale))
        if len(change) < 2:
            return found
        found = replace(found, distance=_distance(Gaussian.fitted(fake.exact), fake.lowered))
        if real is None or len(real[0].mean) != change.shape[1]:
            return found
        exact, lowered = _distance(real[0], fake.exact), _distance(real[1], fake.lowered)
        return replace(found, exact_score=exact, score=lowered)

    def text(self, name: str, precision: str, extractor: str) -> str:
        """A sentence for the report, of a row, in a precision, by an extractor."""
        said = (
            f"{name}: {precision} instead of fp32 changes features of {extractor} by {self.rms:.2%} of their root mean "
            f"square, one of them by {self.largest:.1%} (measured on the first {self.num_samples} samples)"
        )
        if self.distance is not None:
            said += f"; the Fréchet distance between both is {self.distance:.3g}"
        if self.score is not None and self.exact_score is not None:
            said += f", the one from these samples to real ones becomes {self.score:.5g} from {self.exact_score:.5g}"
        return said + "."


def _distance(real: Gaussian, features: Tensor) -> float:
    """Squared Fréchet distance to features (N, D), N ≥ 2."""
    if len(features) < features.shape[1]:
        return distances_of_few(real, features, [torch.arange(len(features))])[0]
    return distance_to(real, Moments.of(features))


def drifts(name: str, samples: SampleSet, reference: Reference, protocol: Protocol, place: Place) -> Iterator[str]:
    """A sentence about a row, where the protocol declares another precision than float32; it is an event, too.

    Raises:
        DataError: samples that cannot be read, or a real side of another precision.
    """
    precision = protocol.options.get("precision", "fp32")
    if precision == "fp32":
        return
    extractor = extractor_for(protocol, samples, place)
    reference.check_extractor(extractor, protocol, place)
    real = _real_side(reference, protocol, place)
    try:
        drift = Drift.of(Seen.of(samples, protocol, place), real)
    except BenchmarkFailedError as error:  # the row will fail by itself
        yield f"{name}: what {precision} changes could not be measured: {error}."
        return
    text = drift.text(name, precision, extractor.name)
    place.on_event({"event": "note", "text": text})
    yield text


def _real_side(reference: Reference, protocol: Protocol, place: Place) -> tuple[Gaussian, Gaussian] | None:
    """What the real side is in either precision; features made earlier are of one precision alone."""
    if reference.statistics is not None:
        moments = Moments.published(reference.statistics.mean, reference.statistics.cov)
        published = Gaussian.of(moments)
        return published, published
    if reference.samples is None:
        return None
    seen = Seen.of(reference.samples, protocol, place)
    return (Gaussian.fitted(seen.exact), Gaussian.fitted(seen.lowered)) if len(seen.exact) > 1 else None

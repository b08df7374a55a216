"""Samples => features, piece by piece while the next piece is decoded.

Every chunk's features are a file of the stage cache under the digest of the samples: what was killed goes on where it
was, and what was seen is not seen again. When all are there they become one mapped file per output.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aigc_bench import core, evidence, modalities
from aigc_bench import samples as sample_sets
from aigc_bench.core import Features, OnEvent, plugins
from aigc_bench.core.errors import MeasurementError, foreign_code
from aigc_bench.evidence import feature_files
from aigc_bench.metrics.protocols import PROTOCOLS, Protocol
from aigc_bench.samples.sets import Chunk, SampleSet, readable
from aigc_bench.system.cache import Cache, digest_of

CHUNK = 512
"""images whose features are one file of the cache until all are there"""

PIECE = 64
"""images that an extractor sees at once, if it says that it likes so few: so often progress is seen, and so many images
are decoded ahead"""

STAGE = "sample-features"

MAX_EXTRACTORS = 8
"""held at once: every resize of a network in two precisions, of two shapes of images"""

SOURCES = (core, evidence, modalities, sample_sets)
"""code that all features depend on"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where features are computed and kept."""

    cache: Cache
    device: torch.device
    on_event: OnEvent = field(default=lambda event: None)
    weights: Path | None = None
    """a file of Inception's published weights; None: where the extractor looks by itself"""
    extractors: dict[str, core.FeatureExtractor] = field(default_factory=dict, compare=False, repr=False)
    """those built last, of which at most MAX_EXTRACTORS are held; a place lives as long as one command"""


def observed_features(extractor: core.FeatureExtractor, samples: Tensor) -> Features:
    """Features on the CPU, where the statistics are done.

    Raises:
        MeasurementError: a feature is NaN or infinite.
    """
    found = extractor(samples)
    if not bool(torch.isfinite(found.pool).all()):
        raise MeasurementError(f"extractor {extractor.name!r} gave NaN or infinite features")
    logits, spatial = (None if part is None else part.cpu() for part in (found.logits, found.spatial))
    return Features(found.pool.cpu(), logits, spatial)


def extractor_for(protocol: Protocol, samples: SampleSet, place: Place) -> core.FeatureExtractor:
    """The protocol's extractor for images like these, built once as long as it is among those used last.

    Raises:
        UnknownNameError: no such extractor.
        ConfigurationError: it does not take such images.
    """
    builder = plugins.load("features", protocol.features)
    spec = samples.spec_of_first()
    options = dict(protocol.options)
    # They are those of the published protocols' network; what an outsider calls its weights is another matter.
    if place.weights is not None and builder is plugins.load("features", PROTOCOLS["tf"].features):
        options["weights"] = str(place.weights)
    # Without an option an extractor may look for its weights where the user's environment says.
    key = digest_of([protocol.features, options, asdict(spec), os.environ.get("AIGC_BENCH_WEIGHTS")])
    found = place.extractors.pop(key, None)
    if found is None:
        while len(place.extractors) >= MAX_EXTRACTORS:
            place.extractors.pop(next(iter(place.extractors)))
        found = builder(spec, device=place.device, **options)
    place.extractors[key] = found  # the one used last stands last
    return found


def sources_of(extractor: core.FeatureExtractor) -> str:
    """Names the code that features depend on: decoding, resizing, the networks, and the extractor's own."""
    return plugins.source_digest(*SOURCES, extractor)


def identity_of(extractor: core.FeatureExtractor, samples: SampleSet, place: Place) -> dict[str, Any]:
    """What features of some of these samples depend on, whichever they are."""
    return {
        "torch": torch.__version__,
        "device": str(place.device),
        "threads": torch.get_num_threads(),
        "source": sources_of(extractor),
        "samples": samples.digest,
        "policies": samples.policies,
        "on_bad_image": samples.on_bad_image,
        "extractor": extractor.digest,
    }


def features_of(
    extractor: core.FeatureExtractor, samples: SampleSet, place: Place, limit: int | None = None
) -> Features:
    """The extractor's view of the first `limit` samples, in their order, on the CPU.

    Raises:
        DataError: an image that cannot be read.
        MeasurementError: features that are NaN or infinite.
        GeneratorError: the extractor raised.
    """

    def produce(folder: Path) -> None:
        if not feature_files.is_whole(folder):
            _extract(extractor, samples, place, limit, folder)
            feature_files.write_left_out(folder, samples)
        feature_files.gather(folder, extractor.name)

    limit = samples.within(limit)
    if samples.digest is None:
        # Nothing names what a loader gives before it has given it.
        with place.cache.scratch() as folder:
            produce(folder)
            return feature_files.mapped(folder)
    folder = place.cache.finish(STAGE, _key(extractor, samples, place, limit), produce)
    feature_files.restore_left_out(folder, samples)
    return feature_files.mapped(folder)


def entry_of(
    extractor: core.FeatureExtractor, samples: SampleSet, place: Place, limit: int | None = None
) -> str | None:
    """Where in the cache `features_of` these would be, asked before it; None of a loader, which nothing names."""
    if samples.digest is None:
        return None
    return place.cache.entry(STAGE, _key(extractor, samples, place, samples.within(limit)))


def _key(extractor: core.FeatureExtractor, samples: SampleSet, place: Place, limit: int | None) -> dict[str, Any]:
    return {
        **identity_of(extractor, samples, place),
        "limit": limit,
        "files": f"one npy per output, from chunks of {CHUNK} in pieces of {piece_of(extractor)}",
        "outputs": getattr(extractor, "outputs", None),
    }


def _extract(
    extractor: core.FeatureExtractor, samples: SampleSet, place: Place, limit: int | None, folder: Path
) -> None:
    """Write the features of every chunk that is not there yet."""
    total = samples.num_samples if limit is None else min(limit, samples.num_samples or limit)
    pieces = _counted(first_samples(samples, limit, piece_of(extractor)))
    for number, group in itertools.groupby(pieces, lambda counted: counted[0] // CHUNK):
        path = folder / f"{number:06}.safetensors"
        if path.is_file():
            continue  # groupby reads on to the next chunk
        indices, found = [], []
        for done, piece in group:
            with foreign_code(f"extractor {extractor.name!r}"):
                found.append(observed_features(extractor, piece.samples.to(place.device)))
            indices.append(piece.indices)
            done += len(piece.indices)
            place.on_event({"event": "progress", "unit": "images", "done": done, "total": total})
        feature_files.write_chunk(path, torch.cat(indices), feature_files.joined(found, extractor.name))


def piece_of(extractor: core.FeatureExtractor) -> int:
    """Images per call: PIECE or the next multiple below of what the extractor says it takes at once, else CHUNK."""
    batch_size: int = getattr(extractor, "batch_size", CHUNK)
    return batch_size * max(1, PIECE // batch_size)


def _counted(pieces: Iterator[Chunk]) -> Iterator[tuple[int, Chunk]]:
    """Every piece with the number of images before it."""
    done = 0
    for piece in pieces:
        yield done, piece
        done += len(piece.indices)


def first_samples(samples: SampleSet, limit: int | None, size: int) -> Iterator[Chunk]:
    """The samples before `limit`, in chunks of at most `size`."""
    for chunk in readable(samples.chunks(size), samples.name):
        if limit is None or int(chunk.indices[-1]) < limit:
            yield chunk
            continue
        kept = int((chunk.indices < limit).sum())
        if kept:
            yield Chunk(chunk.indices[:kept], chunk.samples[:kept])
        if samples.shape is not None:
            return  # one size: the chunks come in order, and all further ones lie beyond


def skipped_notes(samples: SampleSet) -> list[str]:
    """A sentence about what was left out, if anything was."""
    skipped = samples.skipped
    if not skipped:
        return []
    examples = "; ".join(f"{item.name} ({item.reason})" for item in skipped[:5])
    more = f"; and {len(skipped) - 5} more" if len(skipped) > 5 else ""
    return [f"{len(skipped)} of {samples.num_listed} images were skipped: {examples}{more}"]

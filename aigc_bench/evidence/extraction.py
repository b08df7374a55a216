"""Samples => features, piece by piece while the next piece is decoded.

Every chunk's features are a file of the stage cache under the digest of the samples: what was killed goes on where it
was, and what was seen is not seen again. When all are there they become one mapped file per output.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from aigc_bench import core, evidence, modalities
from aigc_bench import samples as sample_sets
from aigc_bench.core import Features, plugins
from aigc_bench.evidence import feature_files
from aigc_bench.evidence.extractors import Place, check_one_shape, observed_features
from aigc_bench.evidence.placement import placed
from aigc_bench.samples.chunks import Chunk
from aigc_bench.samples.sets import SampleSet, readable
from aigc_bench.system.foreign import foreign_code

CHUNK = 512
"""samples whose features are one file of the cache until all are there"""

PIECE = 64
"""samples that an extractor sees at once, if it says that it likes so few: so often progress is seen, and so many are
decoded ahead"""

STAGE = "sample-features"


SOURCES = (core, evidence, modalities, sample_sets)
"""code that all features depend on"""


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


def features_of(extractor: core.FeatureExtractor, samples: SampleSet, place: Place) -> Features:
    """The extractor's view of the samples, in their order, on the device if they fit.

    Raises:
        DataError: a sample that cannot be read.
        MeasurementError: features that are NaN or infinite.
        GeneratorError: the extractor raised.
    """

    def produce(folder: Path) -> None:
        if not feature_files.is_whole(folder):
            _extract(extractor, samples, place, folder)
            feature_files.write_left_out(folder, samples)
        feature_files.gather(folder, extractor.name)

    if samples.digest is None:
        # Nothing names what a loader gives before it has given it.
        with place.cache.scratch() as folder:
            produce(folder)
            return placed(feature_files.mapped(folder), place.device)
    folder = place.cache.finish(STAGE, _key(extractor, samples, place), produce)
    feature_files.restore_left_out(folder, samples)
    return placed(feature_files.mapped(folder), place.device)


def entry_of(extractor: core.FeatureExtractor, samples: SampleSet, place: Place) -> str | None:
    """Where in the cache `features_of` these would be, asked before it; None of a loader, which nothing names."""
    if samples.digest is None:
        return None
    return place.cache.entry(STAGE, _key(extractor, samples, place))


def _key(extractor: core.FeatureExtractor, samples: SampleSet, place: Place) -> dict[str, Any]:
    return {
        **identity_of(extractor, samples, place),
        "files": f"one npy per output, from chunks of {CHUNK} in pieces of {piece_of(extractor)}",
        "outputs": getattr(extractor, "outputs", None),
    }


def _extract(extractor: core.FeatureExtractor, samples: SampleSet, place: Place, folder: Path) -> None:
    """Write the features of every chunk that is not there yet."""
    pieces = _counted(readable(samples.chunks(piece_of(extractor)), samples.name))
    first: tuple[int, ...] | None = None
    for number, group in itertools.groupby(pieces, lambda counted: counted[0] // CHUNK):
        path = folder / f"{number:06}.safetensors"
        if path.is_file():
            continue  # groupby reads on to the next chunk
        indices, found = [], []
        for done, piece in group:
            shape = tuple(piece.samples.shape[1:])
            first = first or shape
            check_one_shape(extractor, [(samples.name, first), (samples.name, shape)])
            with foreign_code(f"extractor {extractor.name!r}"):
                found.append(observed_features(extractor, piece.samples.to(place.device)))
            indices.append(piece.indices)
            done += len(piece.indices)
            place.on_event({"event": "progress", "unit": "samples", "done": done, "total": samples.num_samples})
        feature_files.write_chunk(path, torch.cat(indices), feature_files.joined(found, extractor.name))


def piece_of(extractor: core.FeatureExtractor) -> int:
    """Images per call: PIECE or the next multiple below of what the extractor says it takes at once, else CHUNK."""
    batch_size: int = getattr(extractor, "batch_size", CHUNK)
    return batch_size * max(1, PIECE // batch_size)


def _counted(pieces: Iterator[Chunk]) -> Iterator[tuple[int, Chunk]]:
    """Every piece with the number of samples before it."""
    done = 0
    for piece in pieces:
        yield done, piece
        done += len(piece.indices)


def skipped_notes(samples: SampleSet) -> list[str]:
    """A sentence about what was left out, if anything was."""
    skipped = samples.skipped
    if not skipped:
        return []
    examples = "; ".join(f"{item.name} ({item.reason})" for item in skipped[:5])
    more = f"; and {len(skipped) - 5} more" if len(skipped) > 5 else ""
    return [f"{len(skipped)} of {samples.num_listed} samples were skipped: {examples}{more}"]

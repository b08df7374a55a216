"""Samples => features, chunk by chunk while the next chunk is decoded.

Every chunk's features are a file of the stage cache under the digest of the samples: what was killed goes on where it
was, and what was seen is not seen again.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from aigc_bench import collect, core, plugins
from aigc_bench.core import Features, OnEvent, SampleSpec
from aigc_bench.errors import DataError, foreign_code
from aigc_bench.inputs.samples import Chunk, SampleSet
from aigc_bench.protocols import Protocol
from aigc_bench.store import Cache, digest_of, writing

OUTPUTS = ("pool", "logits", "spatial")
"""fields of Features"""

CHUNK = 512
"""images whose features are one file of the cache"""


@dataclass(frozen=True, slots=True)
class StoredFeatures:
    """Features of the real side, extracted earlier and written by `write_features`."""

    name: str
    features: Features
    extractor: str
    extractor_digest: str
    digest: str
    """of the samples"""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where features are computed and kept."""

    cache: Cache
    device: torch.device
    on_event: OnEvent = field(default=lambda event: None)


def extractor_for(protocol: Protocol, samples: SampleSet, device: torch.device) -> core.FeatureExtractor:
    """The protocol's extractor for images like these.

    Raises:
        UnknownNameError: no such extractor.
        ConfigurationError: it does not take such images.
    """
    builder = plugins.load("features", protocol.features)
    shape = samples.shape or tuple(next(samples.chunks(1)).samples.shape[1:])
    found: core.FeatureExtractor = builder(SampleSpec("image", shape), device=device, **protocol.options)
    return found


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
        for number, chunk in enumerate(_first(samples, limit)):
            path = folder / f"{number:06}.safetensors"
            if not path.is_file():
                with foreign_code(f"extractor {extractor.name!r}"):
                    found = collect.features(extractor, chunk.samples.to(place.device))
                _write_chunk(path, chunk.indices, found)
            total = samples.num_samples if limit is None else min(limit, samples.num_samples or limit)
            done = number * CHUNK + len(chunk.indices)
            place.on_event({"event": "progress", "unit": "images", "done": done, "total": total})

    if samples.digest is None:
        # Nothing names what a loader gives before it has given it.
        with tempfile.TemporaryDirectory() as folder:
            produce(Path(folder))
            return _read_chunks(Path(folder), extractor.name)
    inputs = {
        "torch": torch.__version__,
        "device": str(place.device),
        "threads": torch.get_num_threads(),
        "source": plugins.source_digest(collect, core),
        "samples": samples.digest,
        "policies": samples.policies,
        "limit": limit,
        "chunk": CHUNK,
        "extractor": extractor.digest,
        "outputs": getattr(extractor, "outputs", None),
    }
    return _read_chunks(place.cache.finish("sample-features", inputs, produce), extractor.name)


def _first(samples: SampleSet, limit: int | None) -> Iterator[Chunk]:
    """Chunks of the samples before `limit`."""
    for chunk in samples.chunks(CHUNK):
        if limit is None or int(chunk.indices[-1]) < limit:
            yield chunk
            continue
        kept = int((chunk.indices < limit).sum())
        if kept:
            yield Chunk(chunk.indices[:kept], chunk.samples[:kept])
        if samples.shape is not None:
            return  # one size: the chunks come in order, and all further ones lie beyond


def _write_chunk(path: Path, indices: Tensor, found: Features) -> None:
    tensors = {"indices": indices, **tensors_of(found)}
    partial = path.with_suffix(".partial")
    safetensors.torch.save_file(tensors, partial)
    os.replace(partial, path)


def _read_chunks(folder: Path, extractor: str) -> Features:
    parts = [safetensors.torch.load_file(path) for path in sorted(folder.glob("*.safetensors"))]
    widths = {part["pool"].shape[1] for part in parts}
    if len(widths) > 1:
        raise DataError(
            f"extractor {extractor!r} gives {sorted(widths)} features for images of several sizes; expected images of "
            "one size: resize them, or use an extractor that resizes, such as 'inception'"
        )
    num = sum(len(part["indices"]) for part in parts)

    def gathered(key: str) -> Tensor:
        # Filled chunk by chunk: the files are mapped, so that no second copy is held.
        whole = torch.empty(num, parts[0][key].shape[1])
        for part in parts:
            whole[part["indices"]] = part[key]
        return whole

    return Features(**{key: gathered(key) for key in OUTPUTS if key in parts[0]})


def tensors_of(features: Features) -> dict[str, Tensor]:
    """What there is of features, by name, as files want it."""
    found = {key: getattr(features, key) for key in OUTPUTS}
    return {key: tensor.contiguous() for key, tensor in found.items() if tensor is not None}


def write_features(path: Path, samples: SampleSet, protocol: Protocol, place: Place) -> StoredFeatures:
    """Extract features of samples once, into a file that `read_features` reads.

    Raises:
        StoreError: it cannot be written.
    """
    extractor = extractor_for(protocol, samples, place.device)
    found = features_of(extractor, samples, place)
    stored = StoredFeatures(
        samples.name,
        found,
        extractor.name,
        extractor.digest,
        digest_of([samples.digest]),
        (*samples.policies, *skipped_notes(samples)),
    )
    about = {
        "format": "aigc-bench features 1",
        "name": stored.name,
        "extractor": stored.extractor,
        "extractor_digest": stored.extractor_digest,
        "digest": stored.digest,
        "notes": stored.notes,
    }
    content = safetensors.torch.save(tensors_of(found), {"about": json.dumps(about, sort_keys=True)})
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_bytes(content)
        os.replace(partial, path)
    return stored


def read_features(path: Path) -> StoredFeatures:
    """Read what `write_features` wrote.

    Raises:
        DataError: it is no such file.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  it is no dictionary
    except (OSError, safetensors.SafetensorError, ValueError) as error:
        raise DataError(f"{path} is no file of features: {error}") from error
    if about.get("format") != "aigc-bench features 1" or "pool" not in tensors:
        raise DataError(f"{path} is no file of features; expected one that `aigc-bench stats` wrote")
    return StoredFeatures(
        about["name"],
        Features(**{key: tensors[key] for key in OUTPUTS if key in tensors}),
        about["extractor"],
        about["extractor_digest"],
        about["digest"],
        tuple(about["notes"]),
    )


def skipped_notes(samples: SampleSet) -> list[str]:
    """A sentence about what was left out, if anything was."""
    skipped = samples.skipped
    if not skipped:
        return []
    examples = "; ".join(f"{item.name} ({item.reason})" for item in skipped[:5])
    more = f"; and {len(skipped) - 5} more" if len(skipped) > 5 else ""
    return [f"{len(skipped)} of {samples.num_listed} images were skipped: {examples}{more}"]

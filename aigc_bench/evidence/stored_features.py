"""Features kept in a file: those of the real side, extracted once for many comparisons."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from aigc_bench.core import Features
from aigc_bench.core.errors import DataError, MeasurementError
from aigc_bench.evidence import feature_files
from aigc_bench.evidence.extraction import features_of, skipped_notes
from aigc_bench.evidence.extractors import Place, extractor_for
from aigc_bench.evidence.feature_files import tensors_of
from aigc_bench.metrics import balls, moments
from aigc_bench.metrics.protocols import Protocol
from aigc_bench.samples.sets import SampleSet
from aigc_bench.system.files import save_tensors, writing

RADII = "radii"
"""key of the real side's radii in a file of features"""

MAX_WIDTH = 4096
"""features of which the covariance is kept in a file: at most 128 MiB"""


@dataclass(frozen=True, slots=True)
class StoredFeatures:
    """Features of the real side, extracted earlier and written by `write_features`."""

    name: str
    features: Features
    extractor: str
    extractor_digest: str
    digest: str
    """of the features"""
    shape: tuple[int, ...]
    """of one sample"""
    notes: tuple[str, ...] = ()


def write_features(
    path: Path, samples: SampleSet, protocol: Protocol, place: Place, notes: Sequence[str] = ()
) -> StoredFeatures:
    """Extract features of samples once, into a file that `read_features` reads; `notes` are kept in it.

    Raises:
        StoreError: it cannot be written.
    """
    extractor = extractor_for(protocol, samples, place)
    found = features_of(extractor, samples, place)
    stored = StoredFeatures(
        samples.name,
        found,
        extractor.name,
        extractor.digest,
        feature_files.digest_of(found),
        tuple(samples.spec_of_first().shape),
        (*samples.policies, *skipped_notes(samples), *notes),
    )
    about = {
        "format": "aigc-bench features 1",
        "name": stored.name,
        "extractor": stored.extractor,
        "extractor_digest": stored.extractor_digest,
        "shape": stored.shape,
        "notes": stored.notes,
    }
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        # Written from where the tensors are mapped: a copy in memory would be the largest thing there.
        tensors = tensors_of(found) | _derived(found)
        save_tensors(tensors, partial, {"about": json.dumps(about, sort_keys=True)})
        os.replace(partial, path)
    return stored


def _derived(found: Features) -> dict[str, Tensor]:
    """What scores need of the real side alone, to be kept beside its features: radii and moments."""
    tensors = {}
    with contextlib.suppress(MeasurementError):  # too few samples: for these metrics, not for all
        tensors[RADII] = balls.radii_of(found).cpu().contiguous()
    if found.pool.shape[1] <= MAX_WIDTH:
        known = moments.moments_of_side(found)
        tensors |= {"mean": known.mean.cpu(), "scatter": known.scatter.cpu()}
    return tensors


def _restored(tensors: Mapping[str, Tensor]) -> Features:
    found = Features.of(tensors)
    if RADII in tensors:
        found.memo.remember(balls.radii_of_pool, tensors[RADII])
    if "scatter" in tensors:
        known = moments.Moments(found.num_samples, tensors["mean"], tensors["scatter"])
        found.memo.remember(moments.moments_of_pool, known)
    return found


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
        raise DataError(f"{path} is no file of features; expected one that `aigc-bench extract` wrote")
    found = _restored(tensors)
    return StoredFeatures(
        about["name"],
        found,
        about["extractor"],
        about["extractor_digest"],
        feature_files.digest_of(found),
        tuple(about.get("shape") or ()),
        tuple(about["notes"]),
    )

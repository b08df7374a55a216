"""Extractors: found and built once, and what they return checked before it becomes evidence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aigc_bench import core
from aigc_bench.core import Features, OnEvent, plugins
from aigc_bench.core.errors import ConfigurationError, DataError, MeasurementError
from aigc_bench.evidence.feature_files import OUTPUTS
from aigc_bench.metrics.protocols import PROTOCOLS, Protocol
from aigc_bench.samples.sets import SampleSet
from aigc_bench.system.cache import Cache, digest_of
from aigc_bench.system.foreign import foreign_code

MAX_EXTRACTORS = 8
"""held at once: every resize of a network in two precisions, of two shapes of samples"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where features are computed and kept."""

    cache: Cache
    device: torch.device
    on_event: OnEvent = field(default=lambda event: None)
    weights: Path | None = None
    """a file of Inception's published weights; None: where the extractor looks by itself"""
    download: bool = False
    """whether those weights may be fetched where no file is named"""
    extractors: dict[str, core.FeatureExtractor] = field(default_factory=dict, compare=False, repr=False)
    """those built last, of which at most MAX_EXTRACTORS are held; a place lives as long as one command"""


def observed_features(extractor: core.FeatureExtractor, samples: Tensor) -> Features:
    """Features on the CPU, from where they go to a file, found to be what `Features` says.

    Raises:
        MeasurementError: they are not one row of finite numbers per sample.
    """
    found = extractor(samples)
    if not isinstance(found, Features):
        raise MeasurementError(
            f"extractor {extractor.name!r} returned {type(found).__name__}; expected aigc_bench.core.Features(pool), "
            "with pool (N, D) float32"
        )
    outputs = {name: _matrix(getattr(found, name), name, extractor.name, len(samples)) for name in OUTPUTS}
    assert outputs["pool"] is not None
    return Features(outputs["pool"], outputs["logits"], outputs["spatial"])


def _matrix(values: Any, name: str, extractor: str, num_samples: int) -> Tensor | None:
    """An output (N, D) on the CPU; trailing axes of length 1 are dropped."""
    if values is None and name != "pool":
        return None
    if not isinstance(values, Tensor) or not values.is_floating_point():
        what = f"{values.dtype} numbers" if isinstance(values, Tensor) else type(values).__name__
        raise MeasurementError(
            f"extractor {extractor!r} gave {what} as {name}; expected a tensor (N, D) of floating point numbers"
        )
    shape = tuple(values.shape)
    if len(shape) < 2 or shape[0] != num_samples or 0 in shape or any(length > 1 for length in shape[2:]):
        raise MeasurementError(
            f"extractor {extractor!r} gave {name} of shape {shape} for {num_samples} samples; expected (N, D), one row "
            f"of D numbers for each of the {num_samples}: flatten or pool whatever has further axes"
        )
    if not bool(torch.isfinite(values).all()):
        raise MeasurementError(f"extractor {extractor!r} gave NaN or infinite features")
    return values.detach().cpu().reshape(shape[:2])


def extractor_for(protocol: Protocol, samples: SampleSet, place: Place) -> core.FeatureExtractor:
    """The protocol's extractor for samples like these, built once as long as it is among those used last.

    Raises:
        UnknownNameError: no such extractor.
        ConfigurationError: it does not take such samples.
    """
    builder = plugins.load("features", protocol.features)
    spec = samples.spec_of_first()
    options = dict(protocol.options)
    # They are those of the published protocols' network; what an outsider calls its weights is another matter.
    if builder is plugins.load("features", PROTOCOLS["tf"].features):
        options |= {"weights": str(place.weights)} if place.weights is not None else {}
        options |= {"download": True} if place.download else {}
    # Without an option an extractor may look for its weights where the user's environment says.
    key = digest_of([protocol.features, options, asdict(spec), os.environ.get("AIGC_BENCH_WEIGHTS")])
    found = place.extractors.pop(key, None)
    if found is None:
        while len(place.extractors) >= MAX_EXTRACTORS:
            place.extractors.pop(next(iter(place.extractors)))
        with foreign_code(f"extractor {protocol.features!r}"):
            found = builder(spec, device=place.device, **options)
        _check_protocol(found, protocol.features)
    place.extractors[key] = found  # the one used last stands last
    return found


def _check_protocol(found: Any, name: str) -> None:
    """Refuse what is no extractor, before anything is extracted."""
    missing = [part for part in ("name", "digest") if not isinstance(getattr(found, part, None), str)]
    missing += [] if callable(found) else ["__call__"]
    if missing:
        raise ConfigurationError(
            f"{name} built {type(found).__name__}, which has no {' and no '.join(missing)}; expected an extractor: "
            "`name` and `digest` as texts, and a call from samples to Features (aigc_bench.core.FeatureExtractor)"
        )


def check_one_shape(extractor: core.FeatureExtractor, shapes: Sequence[tuple[str, tuple[int, ...]]]) -> None:
    """Refuse samples of unlike shapes, unless the extractor resizes them: features do not compare otherwise.

    Args:
        extractor: says that it resizes by an attribute `resizes` that is true.
        shapes: whose samples, and the shape of one.

    Raises:
        DataError: there are several shapes.
    """
    (whose, first), *others = shapes
    for other, shape in others:
        if shape != first and not getattr(extractor, "resizes", False):
            raise DataError(
                f"samples of {whose} have shape {first} and samples of {other} {shape}, and extractor "
                f"{extractor.name!r} takes them as they are, so that their features do not compare; expected samples "
                "of one shape: convert one side, or use an extractor that does, such as 'inception'"
            )

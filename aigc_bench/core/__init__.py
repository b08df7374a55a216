"""The vocabulary that authors of plug-ins import: types and protocols only.

A `Generator` makes samples from seeds; the harness collects *evidence* about it (features, reconstructions,
log-probabilities, timings); a `Metric` is a pure function from one kind of evidence to an `Estimate`; a
`Score` is an estimate with its address (which generator, training seed and metric).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aigc_bench.core.events import Event, OnEvent
    from aigc_bench.core.evidence import (
        Efficiency,
        Evidence,
        FeatureExtractor,
        FeaturePair,
        Features,
        Footprint,
        Latency,
        LogProbs,
        ReconstructionErrors,
        SpatialStatisticsPair,
        StatisticsPair,
        Throughput,
    )
    from aigc_bench.core.generators import Density, Generator, GeneratorBuilder, Reconstructor, Trainable, TrainingLog
    from aigc_bench.core.samples import Batch, Dataset, SampleSpec, Split
    from aigc_bench.core.scores import Estimate, Metric, ReplicatesOf, Score

__all__ = [
    "Batch",
    "Dataset",
    "Density",
    "Efficiency",
    "Estimate",
    "Event",
    "Evidence",
    "FeatureExtractor",
    "FeaturePair",
    "Features",
    "Footprint",
    "Generator",
    "GeneratorBuilder",
    "Latency",
    "LogProbs",
    "Metric",
    "OnEvent",
    "ReconstructionErrors",
    "Reconstructor",
    "ReplicatesOf",
    "SampleSpec",
    "Score",
    "SpatialStatisticsPair",
    "Split",
    "StatisticsPair",
    "Throughput",
    "Trainable",
    "TrainingLog",
]

_HOMES = {
    "Batch": "samples",
    "Dataset": "samples",
    "Density": "generators",
    "Estimate": "scores",
    "Event": "events",
    "Evidence": "evidence",
    "FeatureExtractor": "evidence",
    "FeaturePair": "evidence",
    "Features": "evidence",
    "Efficiency": "evidence",
    "Footprint": "evidence",
    "Generator": "generators",
    "GeneratorBuilder": "generators",
    "Latency": "evidence",
    "LogProbs": "evidence",
    "Metric": "scores",
    "OnEvent": "events",
    "ReconstructionErrors": "evidence",
    "Reconstructor": "generators",
    "ReplicatesOf": "scores",
    "SampleSpec": "samples",
    "Score": "scores",
    "SpatialStatisticsPair": "evidence",
    "Split": "samples",
    "StatisticsPair": "evidence",
    "Throughput": "evidence",
    "Trainable": "generators",
    "TrainingLog": "generators",
}
"""name => module of this package"""


def __getattr__(name: str) -> Any:
    # Lazily, so that what needs `aigc_bench.core.errors` alone, as the command line's help, does not wait for torch.
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

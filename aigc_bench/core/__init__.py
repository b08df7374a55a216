"""The vocabulary that authors of plug-ins import: types and protocols only.

A `Generator` makes samples from seeds; the harness collects *evidence* about it (features, reconstructions,
log-probabilities, timings); a `Metric` is a pure function from one kind of evidence to an `Estimate`; a
`Score` is an estimate with its address (which generator, training seed and metric).
"""

from aigc_bench.core.events import Event, OnEvent
from aigc_bench.core.evidence import (
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
from aigc_bench.core.samples import Batch, Dataset, Modality, SampleSpec
from aigc_bench.core.scores import Estimate, Metric, ReplicatesOf, Score

__all__ = [
    "Batch",
    "Dataset",
    "Density",
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
    "Modality",
    "OnEvent",
    "ReconstructionErrors",
    "Reconstructor",
    "ReplicatesOf",
    "SampleSpec",
    "Score",
    "SpatialStatisticsPair",
    "StatisticsPair",
    "Throughput",
    "Trainable",
    "TrainingLog",
]

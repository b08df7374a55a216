"""The vocabulary: types and protocols only.

A `Generator` makes samples from seeds; a stage collects *evidence* about it (features, reconstructions,
log-probabilities, timings); a `Metric` is a pure function from one kind of evidence to an `Estimate`; a
`Score` is an estimate with its address (which generator, training seed and metric).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from aigc_bench.errors import GeneratorError, MeasurementError

Modality = Literal["image", "text", "audio"]
ReplicatesOf = Literal["block left out", "split", "half", "subset"]

_DTYPES = {"image": torch.uint8, "text": torch.uint8, "audio": torch.float32}


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """What one sample is. A batch is this with N in front.

    Canonical values: image uint8 0…255, text uint8 UTF-8 bytes with 0 as padding, audio float32 in
    [-1, 1]. There is one quantisation, at the generator's mouth, as when images are saved to disk.
    """

    modality: Modality
    shape: tuple[int, ...]
    """image (C, H, W), text (L,), audio (T,)"""
    sample_rate: int | None = None
    """Hz; audio only"""

    @property
    def dtype(self) -> torch.dtype:
        """The canonical element type of this modality."""
        return _DTYPES[self.modality]

    @property
    def num_dims(self) -> int:
        """Numbers in one sample, the denominator of bits per dimension."""
        return math.prod(self.shape)

    def check(self, batch: Tensor, num_samples: int) -> Tensor:
        """Return `batch` if it is `num_samples` canonical samples.

        Raises:
            GeneratorError: wrong type, shape, or values (NaN, infinity, outside [-1, 1] in audio).
        """
        if not isinstance(batch, Tensor):
            raise GeneratorError(f"expected a torch.Tensor of samples, got {type(batch).__name__}")
        expected = (num_samples, *self.shape)
        if tuple(batch.shape) != expected:
            raise GeneratorError(f"expected samples of shape {expected}, got {tuple(batch.shape)}")
        if batch.is_floating_point() and not bool(torch.isfinite(batch).all()):
            raise GeneratorError("expected finite samples, got NaN or infinity")
        if batch.dtype != self.dtype:
            raise GeneratorError(
                f"expected {self.modality} samples of dtype {self.dtype}, got {batch.dtype}; quantise "
                "once, at the generator's mouth (for images: x.mul(255).round().to(torch.uint8))"
            )
        if self.modality == "audio" and batch.numel() and float(batch.abs().max()) > 1.0:
            raise GeneratorError(f"expected audio in [-1, 1], got {float(batch.abs().max()):.3g}")
        return batch


@dataclass(frozen=True, slots=True)
class Batch:
    """Training data for one step: samples (N, *shape) in canonical values, labels (N,) int64 or None."""

    samples: Tensor
    labels: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Three disjoint splits of real data.

    `fit` trains models and the extractors trained here, `reference` is the real side of every score,
    `holdout` is the floor row and the input of likelihoods and reconstructions.
    """

    name: str
    spec: SampleSpec
    fit: Batch
    reference: Batch
    holdout: Batch
    digest: str
    """SHA-256 over the samples and labels of all three splits"""
    num_classes: int | None = None
    notes: tuple[str, ...] = ()
    """what a reader of the scores has to know about these data; the report prints them"""


# ---- what is scored -------------------------------------------------------------------------------


@runtime_checkable
class Generator(Protocol):
    """The public seam: one property and one method."""

    @property
    def spec(self) -> SampleSpec:
        """What one sample is."""
        ...

    def sample(self, seeds: Tensor) -> Tensor:
        """(N,) int64 => (N, *spec.shape): sample i depends on seed i alone, on the seeds' device."""
        ...


@runtime_checkable
class Trainable(Protocol):
    """A generator that the harness can fit."""

    def fit(self, batches: Iterator[Batch], *, seed: int) -> Iterator[dict[str, float]]:
        """Take one step per batch and yield its losses. Goes on from the loaded state, if any."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to sample and to go on training: nested dicts and lists of tensors and numbers."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        ...


@runtime_checkable
class Reconstructor(Protocol):
    """A generator with an encoder."""

    def reconstruct(self, batch: Tensor) -> Tensor:
        """(N, *shape) => (N, *shape), canonical samples to canonical samples, deterministically."""
        ...


@runtime_checkable
class Density(Protocol):
    """A generator that knows how likely a sample is."""

    log_prob_method: str
    """what the number is, for the report: "importance-weighted bound, 64 samples" """

    def log_prob(self, batch: Tensor) -> Tensor:
        """(N, *shape) canonical samples => (N,) nats of the *discrete* samples, or a lower bound."""
        ...


@runtime_checkable
class Conditional(Protocol):
    """A class-conditional generator."""

    num_classes: int

    def sample(self, seeds: Tensor, labels: Tensor | None = None) -> Tensor:
        """As `Generator.sample`; labels (N,) int64, drawn from the seeds where None."""
        ...


class GeneratorBuilder(Protocol):
    """What an entry point of `aigc_bench.generators` or "pkg.module:build" names."""

    def __call__(self, spec: SampleSpec, *, device: torch.device, **options: Any) -> Generator:
        """Build a generator of `spec`; options come from the suite and are checked against the signature."""
        ...


# ---- evidence: what was observed, collected once, shared by every metric that wants its type --------


@dataclass(frozen=True, slots=True)
class Features:
    """What an extractor saw: pool (N, D) float32, and logits (N, K) float32 where it classifies."""

    pool: Tensor
    logits: Tensor | None = None
    spatial: Tensor | None = None
    """(N, S) float32 from before the last pooling, where a protocol asks for it"""
    derived: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """what was computed of this side alone, such as its radii: the real side has it once for all rows"""

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Features:
        """Features from what there is, by name."""
        return cls(tensors["pool"], tensors.get("logits"), tensors.get("spatial"))

    @property
    def num_samples(self) -> int:
        """N."""
        return int(self.pool.shape[0])


@runtime_checkable
class FeatureExtractor(Protocol):
    """Maps samples to features."""

    name: str
    digest: str
    """hash of weights and preprocessing; scores of unlike digests are not compared"""

    def __call__(self, batch: Tensor) -> Features:
        """(N, *shape) canonical samples => features, on the batch's device."""
        ...


class Evidence(Protocol):
    """Anything a metric can be computed from."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Fills the braces of `Metric.name`, where one suite collects several of a kind."""
        ...


@dataclass(frozen=True, slots=True)
class FeaturePair:
    """The same extractor's view of real and generated samples."""

    real: Features
    fake: Features
    extractor: str
    extractor_digest: str
    logit_bias: Tensor | None = None
    """(K,) what some codes add to the logits; None where the extractor has none"""
    shared: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """what one metric computed and another wants too, such as the sweep over all distances"""

    @property
    def labels(self) -> Mapping[str, str]:
        """The extractor is part of a Fréchet or kernel distance's name."""
        return {"extractor": self.extractor}


@dataclass(frozen=True, slots=True)
class StatisticsPair:
    """Moments of real features that were published without the features, and features of generated samples."""

    real_mean: Tensor
    """(D,) float64"""
    real_cov: Tensor
    """(D, D) float64"""
    fake: Features
    extractor: str
    extractor_digest: str

    @property
    def labels(self) -> Mapping[str, str]:
        """As of a `FeaturePair`."""
        return {"extractor": self.extractor}


@dataclass(frozen=True, slots=True)
class SpatialStatisticsPair(StatisticsPair):
    """The same of the features from before the last pooling, as ADM publishes them."""


@dataclass(frozen=True, slots=True)
class ReconstructionErrors:
    """How far each reconstruction is from its original; made chunk by chunk, so that no pixels are held."""

    squared: Tensor
    """(N,) float64 mean squared error of each image, pixels scaled to 0…1"""
    ssim: Tensor
    """(N,) float64 structural similarity of each image"""
    window: str
    """what the similarity was averaged over: "Gaussian 11 × 11 window" """

    @property
    def labels(self) -> Mapping[str, str]:
        """One of a kind."""
        return {}


@dataclass(frozen=True, slots=True)
class LogProbs:
    """log_prob (N,) float64 nats of held-out samples with `num_dims` numbers each."""

    log_prob: Tensor
    num_dims: int
    method: str

    @property
    def labels(self) -> Mapping[str, str]:
        """One of a kind."""
        return {}


@dataclass(frozen=True, slots=True)
class Throughput:
    """Seconds per call of `sample` at one batch size, a figure per timed block."""

    batch_size: int
    seconds: tuple[float, ...]

    @property
    def labels(self) -> Mapping[str, str]:
        """There is one per batch size."""
        return {"batch_size": str(self.batch_size)}


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds of single calls of `sample` with one seed, in the order they were made."""

    seconds: tuple[float, ...]

    @property
    def labels(self) -> Mapping[str, str]:
        """One of a kind."""
        return {}


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a generator costs to hold, to run once, and to train."""

    peak_bytes: int
    peak_method: str
    """which counter read it: "VmHWM of a fresh process", "torch.cuda.max_memory_allocated" """
    num_parameters: int | None
    """weights that `sample` needs; None where the generator does not say"""
    flops_per_sample: float | None
    """None where torch's counter saw no operation it knows"""
    train_steps_per_s: tuple[float, ...] = ()
    """a figure per tenth of the training; empty for a generator that was not fitted here"""

    @property
    def labels(self) -> Mapping[str, str]:
        """One of a kind."""
        return {}


# ---- metrics and what they say ---------------------------------------------------------------------

E = TypeVar("E", bound=Evidence)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its error bar, and what exactly is estimated.

    Raises:
        MeasurementError: a value, bound or replicate is NaN or infinite.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    value: float
    standard_error: float | None
    low: float | None
    high: float | None
    level: float
    """confidence level of [low, high]"""
    method: str
    """how the interval was obtained, and what is random in it"""
    estimand: str
    """what the interval covers"""
    num_samples: int
    replicates: tuple[float, ...] = ()
    """per block, process or training seed: the unit of every test"""
    replicates_of: ReplicatesOf | None = None
    """what each replicate is the score of, for comparisons replicate by replicate: the set without one of its 20 random
    blocks, one of the disjoint splits, one of 19 × 2 halves, or one of the overlapping subsets"""
    degrees: float | None = None
    """of freedom of the standard error in Student's t; null where it is taken as known"""

    def __post_init__(self) -> None:
        """Refuse what is undefined: a file never holds a NaN."""
        numbers = (self.value, self.standard_error, self.low, self.high, self.degrees, *self.replicates)
        if any(number is not None and not math.isfinite(number) for number in numbers):
            raise MeasurementError(f"the value is undefined: {self.value} ({self.estimand})")


@dataclass(frozen=True, slots=True)
class Metric(Generic[E]):
    """A metric is a value, not a subclass."""

    name: str
    """what its score is called; `{extractor}` and `{batch_size}` are filled from the evidence"""
    evidence: type[E]
    compute: Callable[[E], Estimate]
    """pure; raises MeasurementError where the value is undefined"""
    higher_is_better: bool
    unit: str = ""
    kind: Literal["quality", "speed"] = "quality"
    """speed depends on the machine and the moment; quality repeats to the bit"""
    description: str = ""
    """one sentence for the report"""
    of_statistics: Metric[Any] | None = None
    """the same score from published moments of the real side, for metrics that need no more of it"""


@dataclass(frozen=True, slots=True)
class Score:
    """An estimate with its address. Without an estimate there is a reason, never a silent gap."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    generator: str
    training_seed: int | None
    """None for the anchor rows and for generators that are not trained"""
    metric: str
    kind: Literal["quality", "speed"]
    higher_is_better: bool
    unit: str = ""
    estimate: Estimate | None = None
    status: Literal["ok", "not available", "failed"] = "ok"
    """not available: this generator cannot have it; failed: it should have, and is undefined"""
    reason: str | None = None
    extractor: str | None = None
    extractor_digest: str | None = None
    class_name: str | None = None
    """the class whose samples alone are scored; None: all samples"""


Event = Mapping[str, Any]
"""Progress: {"event": "stage" | "step" | …, …}; what listens decides what to show."""

OnEvent = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class TrainingLog:
    """What fitting a generator did and cost."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    steps: int
    wall_s: float
    peak_bytes: int
    reproducible: bool
    """False where a time budget decided how many steps were taken"""
    loss_steps: tuple[int, ...] = ()
    losses: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """mean of each loss over the steps since the last point"""
    steps_per_s: tuple[float, ...] = ()
    """per tenth of the training"""

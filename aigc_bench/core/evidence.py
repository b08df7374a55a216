"""Evidence: what was observed, collected once and shared by every metric that wants its type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from aigc_bench.core.memo import Memo


@dataclass(frozen=True, slots=True)
class Features:
    """What an extractor saw: pool (N, D) float32, and logits (N, K) float32 where it classifies."""

    pool: Tensor
    logits: Tensor | None = None
    spatial: Tensor | None = None
    """(N, S) float32 from before the last pooling, where a protocol asks for it"""
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)
    """what was computed of this side alone, such as its radii: the real side has it once for all rows"""

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Features:
        """Features from what there is, by name."""
        return cls(tensors["pool"], tensors.get("logits"), tensors.get("spatial"))

    def to(self, device: torch.device) -> Features:
        """The same on a device, with nothing computed of them yet; itself where it is there."""
        if self.pool.device == device:
            return self
        logits, spatial = (None if part is None else part.to(device) for part in (self.logits, self.spatial))
        return Features(self.pool.to(device), logits, spatial)

    @property
    def num_samples(self) -> int:
        """The number of samples, N."""
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
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)
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
        """Which extractor the statistics are of."""
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
        """None: a suite collects one of them."""
        return {}


@dataclass(frozen=True, slots=True)
class LogProbs:
    """log_prob (N,) float64 nats of held-out samples with `num_dims` numbers each."""

    log_prob: Tensor
    num_dims: int
    method: str

    @property
    def labels(self) -> Mapping[str, str]:
        """None: a suite collects one of them."""
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
        """None: a suite collects one of them."""
        return {}


@dataclass(frozen=True, slots=True)
class Efficiency:
    """What a generator makes of the machine while it samples."""

    batch_size: int
    seconds: tuple[float, ...]
    """per call of `sample`, a figure per timed block"""
    flops_per_sample: float | None
    """None where torch's counter saw no operation it knows"""
    products_per_s: float
    """FLOP/s of the device in a product of float32 matrices, measured beside it"""
    noise_shares: tuple[float, ...]
    """share of a call that `aigc_bench.noise` takes, a figure per call"""
    joules_per_sample: tuple[float, ...] = ()
    """a figure per block; empty where nothing measures them"""
    energy_method: str = ""

    @property
    def labels(self) -> Mapping[str, str]:
        """None: a suite collects one of them."""
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
        """None: a suite collects one of them."""
        return {}

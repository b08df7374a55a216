"""Generators: the public protocol, what some can do beside it, and what fitting one cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from aigc_bench.core.samples import Batch, SampleSpec


@runtime_checkable
class Generator(Protocol):
    """The public seam: one property and one method."""

    @property
    def spec(self) -> SampleSpec:
        """Shape and data type of one sample."""
        ...

    def sample(self, seeds: Tensor) -> Tensor:
        """(N,) int64 => (N, *spec.shape): sample i depends on seed i alone, on the seeds' device."""
        ...


@runtime_checkable
class Trainable(Protocol):
    """A generator that the harness can fit."""

    def fit(self, batches: Iterator[Batch], *, seed: int) -> Iterator[Mapping[str, float | Tensor]]:
        """Take one step per batch and yield its losses. Goes on from the loaded state, if any.

        A loss may be a tensor without dimensions, one of its own for each step: it is read some steps later with
        others, since to read one of a GPU is to wait for all that the GPU was told to do.
        """
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


class GeneratorBuilder(Protocol):
    """What an entry point of `aigc_bench.generators` or "pkg.module:build" names."""

    def __call__(self, spec: SampleSpec, *, device: torch.device, **options: Any) -> Generator:
        """Build a generator of `spec`; options come from the suite and are checked against the signature."""
        ...


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

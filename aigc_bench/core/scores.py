"""Scores: a metric is a value, an estimate is a number with its error bar, a score is an estimate with its address."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

from aigc_bench.core.errors import MeasurementError
from aigc_bench.core.evidence import Evidence

ReplicatesOf = Literal["block left out", "split", "half", "subset"]


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
    caveat: str = ""
    """why the interval is not to be trusted; empty where nothing is known against it"""

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

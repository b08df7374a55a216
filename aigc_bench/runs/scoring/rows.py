"""Rows: whatever is scored. A row has a name, samples, and whatever else can be observed of it.

`run` and `score` differ in what makes the rows, and in nothing after that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aigc_bench.core import Generator, TrainingLog
from aigc_bench.generators.blueprint import Blueprint
from aigc_bench.samples.sets import SampleSet


@dataclass(frozen=True, slots=True)
class Subject:
    """A generator that can be reconstructed with, asked for likelihoods, and timed."""

    generator: Generator
    identity: Mapping[str, Any]
    """inputs of the stages that observe it"""
    blueprint: Blueprint
    training: TrainingLog | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is scored."""

    name: str
    training_seed: int | None
    samples: SampleSet
    status: Literal["ok", "anchor"] = "ok"
    seeded: bool = False
    """sample i is that of sample seed i"""
    subject: Subject | None = None
    """None of samples that exist, and of the anchors"""
    weights: str | None = None
    """the checkpoint that was sampled, relative to the cache; None of what was not trained here"""


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row before it is made: building and training belong to its turn, and its failure leaves the others alone."""

    name: str
    training_seed: int | None
    make: Callable[[], Row]
    given: bool = False
    """samples that somebody named: if they cannot be read, nothing is scored; a generator fails alone"""

    @classmethod
    def of(cls, row: Row, *, given: bool = False) -> PlannedRow:
        """A row that is there already."""
        return cls(row.name, row.training_seed, lambda: row, given)

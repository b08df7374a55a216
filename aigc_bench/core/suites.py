"""Suites: what to run, as a strict document. An unknown key names the nearest known one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from aigc_bench.core.errors import ConfigurationError, UnknownNameError

ANCHORS = ("floor", "noise")
"""rows beside the generators: held-out real data, the best that any model can do; uniform noise, what any must beat"""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Budget(_Strict):
    """How long to train: by steps (a repeat gives the same weights) or by seconds (it does not)."""

    steps: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_of(self) -> Budget:
        if (self.steps is None) == (self.seconds is None):
            raise ValueError("give exactly one of 'steps' and 'seconds'")
        return self


class GeneratorEntry(_Strict):
    """One generator of a suite."""

    build: str
    """entry point of `aigc_bench.generators`, or "pkg.module:build" """
    name: str = ""
    """the row's name; defaults to `build`"""
    options: dict[str, Any] = {}
    budget: Budget | None = None
    """None: sampled as built"""
    batch_size: int = Field(default=256, ge=1)
    """of training"""

    @model_validator(mode="before")
    @classmethod
    def _name(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("build"), str) and not data.get("name"):
            data = {**data, "name": data["build"]}
        return data


class DataEntry(_Strict):
    """The data set of a suite."""

    name: str
    """entry point of `aigc_bench.datasets`, or "pkg.module:build" """
    options: dict[str, Any] = {}


class SpeedEntry(_Strict):
    """How generation is timed."""

    batch_sizes: tuple[int, ...] = Field(default=(1, 8, 64, 512), strict=False)
    latency_calls: int = Field(default=320, ge=20)
    """single calls; a p99 needs at least 299"""
    blocks: int = Field(default=7, ge=3)
    """timed blocks per batch size"""


class Suite(_Strict):
    """What to run: one data set, extractors, metrics, generators and training seeds."""

    schema_version: Literal[1] = 1
    name: str
    description: str = ""
    data: DataEntry
    features: tuple[str, ...] = Field(strict=False)
    metrics: tuple[str, ...] = Field(strict=False)
    num_samples: int = Field(ge=2)
    """N of every row, real and fake"""
    num_reconstructions: int = Field(default=256, ge=2)
    """held-out samples that are reconstructed and whose likelihood is asked"""
    seeds: int = Field(default=1, ge=1)
    """training seeds 0 … seeds - 1"""
    speed: SpeedEntry = SpeedEntry()
    generators: tuple[GeneratorEntry, ...] = Field(strict=False)

    @model_validator(mode="after")
    def _unique(self) -> Suite:
        names = [entry.name for entry in self.generators]
        if len(set(names)) < len(names):
            raise ValueError(f"two generators share a name: {names}; give one of them another 'name'")
        if set(names) & {"floor", "noise"}:
            raise ValueError("'floor' and 'noise' name the anchor rows; give the generator another 'name'")
        return self


@dataclass(frozen=True, slots=True)
class Case:
    """One row to measure: a generator at one training seed."""

    entry: GeneratorEntry
    training_seed: int | None

    @property
    def label(self) -> str:
        """For messages: "gan" or "gan, seed 0"."""
        seed = "" if self.training_seed is None else f", seed {self.training_seed}"
        return f"{self.entry.name}{seed}"


def parse_suite(document: dict[str, Any], *, source: str) -> Suite:
    """Validate a suite's document; every problem is one line that names its place in `source`."""
    try:
        return Suite.model_validate(document)
    except ValidationError as error:
        problems = "; ".join(_problem(item) for item in error.errors())
        raise ConfigurationError(f"{source}: {problems}") from error


def cases(suite: Suite) -> Iterator[Case]:
    """Every case of the suite: trained generators once per training seed, the others once."""
    for entry in suite.generators:
        if entry.budget is None:
            yield Case(entry, None)
        else:
            for seed in range(suite.seeds):
                yield Case(entry, seed)


def _problem(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return str(UnknownNameError.of("key", place, _known_keys(item["loc"])))
    got = "" if item["type"] in ("missing", "value_error") else f", got {json.dumps(item['input'])}"
    return f"{place or 'suite'}: {item['msg']}{got}"


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """The keys allowed where the unknown one stands, as full paths."""
    tables: dict[str, type[BaseModel]] = {
        "data": DataEntry,
        "speed": SpeedEntry,
        "generators": GeneratorEntry,
        "budget": Budget,
    }
    names = [part for part in location[:-1] if isinstance(part, str)]
    model = tables[names[-1]] if names else Suite
    prefix = [str(part) for part in location[:-1]]
    return [".".join([*prefix, key]) for key in model.model_fields]

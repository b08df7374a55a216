"""What one process measured: seconds by benchmark, or why there are none."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MIN_BLOCKS = 7


@dataclass(frozen=True, slots=True)
class Reading:
    """One benchmark in one process."""

    blocks: tuple[float, ...] = ()
    """seconds of one call, in each block; empty where it failed"""
    failure: str | None = None
    """why there is no number"""

    @classmethod
    def of(cls, blocks: Any) -> Reading:
        """A reading, failed where a number is none, not finite, or not positive."""
        numbers = blocks if isinstance(blocks, list) else [blocks]
        for number in numbers or [None]:
            if not isinstance(number, int | float) or not math.isfinite(number) or number <= 0:
                return cls(failure=f"expected seconds above 0, got {number}")
        return cls(tuple(float(number) for number in numbers))

    def as_value(self) -> Any:
        """For the journal: the blocks, or the reason."""
        return {"failure": self.failure} if self.failure is not None else list(self.blocks)

    @classmethod
    def from_value(cls, value: Any) -> Reading:
        """And back."""
        return cls(failure=str(value["failure"])) if isinstance(value, dict) else cls.of(value)


@dataclass(frozen=True, slots=True)
class Readings:
    """Everything one process measured."""

    of: Mapping[str, Reading]
    wall_s: float
    died: str | None = None
    """the process as a whole failed, and why: what is missing has this reason"""
    process: Mapping[str, Any] = field(default_factory=dict)
    """threads and device, where the process knows"""
    killed: bool = False
    """by SIGKILL, as by a lack of memory or somebody's hand: worth another try"""

    def found(self, name: str) -> Reading | None:
        """Of a benchmark; None where this side has none of that name."""
        # A file that cannot be imported takes all of its benchmarks with it.
        found = self.of.get(name) or self.of.get(name.partition("::")[0])
        return found or (Reading(failure=self.died) if self.died else None)

    def reading(self, name: str) -> Reading:
        """Of a benchmark that was there before."""
        return self.found(name) or Reading(failure="it was not measured this time, though it had been")


@dataclass(frozen=True, slots=True)
class Pair:
    """What a process of base and one of head measured."""

    base: Mapping[str, Reading]
    head: Mapping[str, Reading]
    in_turns: bool = False
    """whether block i of one was measured beside block i of the other"""

    def failure(self, name: str) -> str | None:
        """Why a benchmark has no number on a side; None if both have one."""
        for label, side in (("base", self.base), ("head", self.head)):
            if (why := side[name].failure) is not None:
                return f"{label} failed: {why}"
        return None

    def log_ratio(self, name: str) -> float:
        """Log head - log base.

        In turns, the median over blocks: whatever slowed a block of one slowed its neighbour, and a few that were hit
        alone do not count. Apart, of the least blocks: what other work on the machine adds is no property of the code.
        """
        base, head = self.base[name].blocks, self.head[name].blocks
        if self.in_turns:
            return statistics.median(math.log(new / old) for old, new in zip(base, head, strict=False))
        return math.log(min(head) / min(base))

    def seconds(self, name: str) -> tuple[float, float]:
        """Of base, and of head by their ratio."""
        base = self.base[name].blocks
        of_base = statistics.median(base) if self.in_turns else min(base)
        return of_base, of_base * math.exp(self.log_ratio(name))


def parsed(path: Path) -> tuple[dict[str, Reading], dict[str, Any]]:
    """The readings of a file in pytest-benchmark's form, and what it says of its process; ours may hold reasons.

    Without benchmarks, pytest-benchmark writes no file: then there are none.

    Raises:
        ValueError: it is not one.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        readings = {str(one["fullname"]): Reading.from_value(one["stats"]["data"]) for one in document["benchmarks"]}
        return readings, dict(document.get("process", {}))
    except FileNotFoundError:
        return {}, {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the output is not pytest-benchmark's JSON: {type(error).__name__}: {error}") from error


def outcomes(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """What the plug-in wrote: name => reason of benchmarks that failed, and threads and device of the process."""
    failed: dict[str, str] = {}
    process: dict[str, Any] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        try:
            record: Any = json.loads(line)
            if "process" in record:
                process = dict(record["process"])
            else:
                failed.setdefault(str(record["name"]), str(record["reason"]))
        except (ValueError, KeyError, TypeError):
            continue  # torn by what killed the process, which is told anyhow
    return failed, process

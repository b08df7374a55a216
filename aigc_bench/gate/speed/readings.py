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
        """A reading of seconds, one number or a list; a failed one unless every number is finite and above 0."""
        numbers = blocks if isinstance(blocks, list) else [blocks]
        for number in numbers or [None]:
            if not isinstance(number, int | float) or not math.isfinite(number) or number <= 0:
                return cls(failure=f"expected seconds above 0, got {number}")
        return cls(tuple(float(number) for number in numbers))

    def as_value(self) -> Any:
        """What the journal keeps: the list of seconds, or an object with the reason of the failure."""
        return {"failure": self.failure} if self.failure is not None else list(self.blocks)

    @classmethod
    def from_value(cls, value: Any) -> Reading:
        """The reading that `as_value` wrote: a list of seconds, or an object with the reason of a failure."""
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
    """by SIGKILL, as when memory runs out or somebody ends it: measured a second time"""

    def get(self, name: str) -> Reading | None:
        """The reading of a benchmark; None where this side has no benchmark of that name."""
        # A file that cannot be imported fails as a whole: its reading stands for all of its benchmarks.
        reading = self.of.get(name) or self.of.get(name.partition("::")[0])
        return reading or (Reading(failure=self.died) if self.died else None)

    def reading(self, name: str) -> Reading:
        """The reading of a benchmark that the pilot had; a failed one where it is missing now."""
        return self.get(name) or Reading(failure="it was not measured this time, though it had been")


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
        """Log head - log base of a benchmark.

        Where blocks of base alternate with blocks of head (`in_turns`): the median over neighbouring blocks, since
        what slows one block mostly slows its neighbour as well, and a median ignores the few that were slowed alone.
        Where the processes ran one after the other: of the fastest blocks, since other work on the machine only adds
        time.
        """
        base, head = self.base[name].blocks, self.head[name].blocks
        if self.in_turns:
            return statistics.median(math.log(new / old) for old, new in zip(base, head, strict=False))
        return math.log(min(head) / min(base))

    def seconds(self, name: str) -> tuple[float, float]:
        """(seconds of base, the same times the ratio of head to base)."""
        base = self.base[name].blocks
        of_base = statistics.median(base) if self.in_turns else min(base)
        return of_base, of_base * math.exp(self.log_ratio(name))


def parsed(path: Path) -> tuple[dict[str, Reading], dict[str, Any]]:
    """(benchmark => reading, threads and device of the process) of a file in pytest-benchmark's JSON format.

    Files of our own probes may have a reason in the place of numbers. pytest-benchmark writes no file where it ran no
    benchmark: a missing file is empty.

    Raises:
        ValueError: the file is not in that format.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        readings = {
            str(entry["fullname"]): Reading.from_value(entry["stats"]["data"]) for entry in document["benchmarks"]
        }
        return readings, dict(document.get("process", {}))
    except FileNotFoundError:
        return {}, {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the output is not pytest-benchmark's JSON: {type(error).__name__}: {error}") from error


def outcomes(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """(benchmark => why it failed, threads and device of the process), as `aigc_bench_outcomes` wrote them."""
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
            continue  # the process was killed while it wrote the line; the kill is reported elsewhere
    return failed, process

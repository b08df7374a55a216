"""The pilot, a pair that does not count: it warms caches, and shows what can be compared and how long a pair takes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aigc_bench.gate.speed.preflight import Preflight
from aigc_bench.gate.speed.readings import Reading, Readings
from aigc_bench.gate.verdicts import Decision


@dataclass(frozen=True, slots=True)
class Pilot:
    """What the first two processes measured; kept in the journal, so that a resumed gate has the same schedule."""

    base: Readings
    head: Readings
    seed: int
    """even: base goes first in the first pair"""

    @classmethod
    def of(cls, base: Readings, head: Readings, seed: int | None) -> Pilot:
        """The pilot of two processes; a `seed` of None is drawn at random."""
        return cls(base, head, secrets.randbelow(2**31) if seed is None else seed)

    @property
    def pair_s(self) -> float:
        """Seconds that a pair takes: the wall times of both processes."""
        return self.base.wall_s + self.head.wall_s

    @property
    def is_sound(self) -> bool:
        """Whether nothing failed; a pilot in which something did is measured again by a resumed gate."""
        return not any(
            side.died or any(reading.failure for reading in side.of.values()) for side in (self.base, self.head)
        )

    def as_record(self) -> dict[str, Any]:
        """The JSON object that the journal keeps; `from_record` reads it."""
        return {"pilot": {"base": _as_record(self.base), "head": _as_record(self.head), "seed": self.seed}}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Pilot:
        """The pilot of a journal's record, as of `as_record`.

        Raises:
            KeyError: the record is not a pilot's.
        """
        pilot = record["pilot"]
        return cls(_from_record(pilot["base"]), _from_record(pilot["head"]), int(pilot["seed"]))


def _as_record(readings: Readings) -> dict[str, Any]:
    return {
        "of": {name: reading.as_value() for name, reading in readings.of.items()},
        "wall_s": readings.wall_s,
        "died": readings.died,
        "process": dict(readings.process),
    }


def _from_record(record: Mapping[str, Any]) -> Readings:
    of = {name: Reading.from_value(value) for name, value in record["of"].items()}
    return Readings(of, record["wall_s"], record["died"], record["process"])


@dataclass(frozen=True, slots=True)
class Sorted:
    """Benchmarks of both sides, sorted into those that can be compared and the others."""

    common: tuple[str, ...]
    decisions: tuple[Decision, ...]
    """on benchmarks that failed or may not be compared"""
    new: tuple[str, ...]
    removed: tuple[str, ...]


def sorted_out(pilot: Pilot, checked: Preflight, label: str) -> Sorted:
    """Which benchmarks can be compared, and why the others cannot."""
    common, new, removed, decisions = [], [], [], []
    names = dict.fromkeys([*pilot.head.of, *pilot.base.of])
    files = {name.partition("::")[0] for name in names if "::" in name}
    for name in names:
        if name in files:
            continue  # a file that cannot be imported: the other side knows its benchmarks, which say so one by one
        base, head = pilot.base.get(name), pilot.head.get(name)
        refusal = checked.refused(name) if base and head else None
        failed = [
            (side, reading.failure) for side, reading in (("base", base), ("head", head)) if reading and reading.failure
        ]
        if refusal:
            decisions.append(Decision(name, "speed", "INCOMPARABLE", refusal))
        elif failed:
            reasons = "; ".join(f"{side} failed: {reason}" for side, reason in failed)
            decisions.append(Decision(name, "speed", None, reasons))
        elif base is None:
            new.append(name)
        elif head is None:
            removed.append(name)
        else:
            common.append(name)
    sides = (("base", pilot.base), ("head", pilot.head))
    died = [f"{side} failed: {readings.died}" for side, readings in sides if readings.died]
    if died and not decisions:
        decisions.append(Decision(label, "speed", None, "; ".join(died)))
    return Sorted(tuple(common), tuple(decisions), tuple(new), tuple(removed))

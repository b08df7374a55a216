"""One pair that does not count: it warms what can be warmed, says what there is to compare, and how long it takes."""

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
    """What the first two processes found; kept in the journal, so that a gate that goes on has the same plan."""

    base: Readings
    head: Readings
    seed: int
    """even: base goes first in the first pair"""

    @classmethod
    def of(cls, base: Readings, head: Readings, seed: int | None) -> Pilot:
        """With a seed drawn if there is none."""
        return cls(base, head, secrets.randbelow(2**31) if seed is None else seed)

    @property
    def pair_s(self) -> float:
        """How long a pair takes."""
        return self.base.wall_s + self.head.wall_s

    @property
    def is_sound(self) -> bool:
        """Whether nothing failed: what did is measured again, not remembered."""
        return not any(side.died or any(one.failure for one in side.of.values()) for side in (self.base, self.head))

    def as_record(self) -> dict[str, Any]:
        """For the journal."""
        return {"pilot": {"base": _as_record(self.base), "head": _as_record(self.head), "seed": self.seed}}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Pilot:
        """And back.

        Raises:
            KeyError: it is not a pilot's.
        """
        found = record["pilot"]
        return cls(_from_record(found["base"]), _from_record(found["head"]), int(found["seed"]))


def _as_record(readings: Readings) -> dict[str, Any]:
    return {
        "of": {name: one.as_value() for name, one in readings.of.items()},
        "wall_s": readings.wall_s,
        "died": readings.died,
        "process": dict(readings.process),
    }


def _from_record(record: Mapping[str, Any]) -> Readings:
    of = {name: Reading.from_value(value) for name, value in record["of"].items()}
    return Readings(of, record["wall_s"], record["died"], record["process"])


@dataclass(frozen=True, slots=True)
class Found:
    """Benchmarks by what becomes of them."""

    common: tuple[str, ...]
    decisions: tuple[Decision, ...]
    """on those that failed or may not be compared"""
    new: tuple[str, ...]
    removed: tuple[str, ...]


def sorted_out(pilot: Pilot, checked: Preflight, label: str) -> Found:
    """Which benchmarks can be compared, and why the others cannot."""
    common, new, removed, decisions = [], [], [], []
    for name in dict.fromkeys([*pilot.head.of, *pilot.base.of]):
        base, head = pilot.base.found(name), pilot.head.found(name)
        refusal = checked.refused(name) if base and head else None
        failed = [(side, one.failure) for side, one in (("base", base), ("head", head)) if one and one.failure]
        if refusal:
            decisions.append(Decision(name, "speed", "INCOMPARABLE", refusal))
        elif failed:
            told = "; ".join(f"{side} failed: {reason}" for side, reason in failed)
            decisions.append(Decision(name, "speed", None, told))
        elif base is None:
            new.append(name)
        elif head is None:
            removed.append(name)
        else:
            common.append(name)
    died = [f"{side} failed: {one.died}" for side, one in (("base", pilot.base), ("head", pilot.head)) if one.died]
    if died and not decisions:
        decisions.append(Decision(label, "speed", None, "; ".join(died)))
    return Found(tuple(common), tuple(decisions), tuple(new), tuple(removed))

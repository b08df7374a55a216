"""Both sides while they are measured: the pilot and every pair, from the journal or from fresh processes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from aigc_bench.core import OnEvent
from aigc_bench.gate.sides.sides import Runnable
from aigc_bench.gate.speed.journal import Journal, Record
from aigc_bench.gate.speed.order import abba
from aigc_bench.gate.speed.pilot import Pilot
from aigc_bench.gate.speed.planning import SpeedPolicy
from aigc_bench.gate.speed.processes import Benchmarks
from aigc_bench.gate.speed.readings import Pair, Reading, Readings
from aigc_bench.stats.looks import PAIRS


@dataclass(frozen=True, slots=True)
class Request:
    """What is timed on both sides, and how it is judged."""

    benchmarks: Benchmarks
    policy: SpeedPolicy
    store: Path
    command: str
    """the command line that repeats it"""


@dataclass
class Session:
    """Both sides of a gate while they are measured, with its journal and its budget."""

    base: Runnable
    head: Runnable
    request: Request
    kept: Journal
    on_event: OnEvent
    started: float = field(default_factory=time.monotonic)
    stopped: str = "the end of the gate"
    longest_s: float = 0.0
    """seconds of the longest pair so far"""
    is_apart: bool = False
    """whether a process died while both were running, so that pairs run one process after the other"""

    def pilot(self) -> Pilot:
        """The pilot of the journal if nothing failed in it, else one that is measured now."""
        if (record := self.kept.peek()) is not None and "pilot" in record:
            recorded = Pilot.from_record(record)
            if recorded.is_sound:
                self.kept.take()
                return recorded
        self.on_event({"event": "case", "name": "pilot", "number": 0, "total": PAIRS[-1]})
        pilot = Pilot.of(self._process(self.base, None, 0), self._process(self.head, None, 0), self.request.policy.seed)
        self.kept.append(pilot.as_record())
        return pilot

    def pair(self, number: int, names: Sequence[str], seed: int) -> Pair | None:
        """Pair `number` from the journal, or measured now; None where the budget has no time for it."""
        record = self.kept.peek()
        if record is not None and record.get("pair") == number and set(names) <= set(record["base"]):
            recorded = _from_record(record)
            if not any(recorded.failure(name) for name in names):
                self.kept.take()
                return recorded
        if self._is_over():
            return None
        start = time.monotonic()
        sides = {"base": self.base, "head": self.head}
        order = abba(number, seed)
        readings, in_turns = self._processes(sides[order[0]], sides[order[1]], names, seed + number)
        by_side = dict(zip(order, readings, strict=True))
        self.longest_s = max(self.longest_s, time.monotonic() - start)
        base, head = ({name: by_side[side].reading(name) for name in names} for side in sides)
        values = {
            side: {name: reading.as_value() for name, reading in of.items()}
            for side, of in (("base", base), ("head", head))
        }
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self.kept.append({"pair": number, "at": at, "first": order[0], "in_turns": in_turns, **values})
        return Pair(base, head, in_turns)

    def _processes(
        self, first: Runnable, second: Runnable, names: Sequence[str], seed: int
    ) -> tuple[tuple[Readings, Readings], bool]:
        """(readings of both, whether their blocks alternated).

        Once a process has died while both were running, all later pairs run one process after the other: memory, a
        port or the GPU may not be enough for two.
        """
        if not (self.request.policy.apart or self.is_apart):
            both = self.request.benchmarks.measured_in_turns(first, second, names, seed)
            died = [readings.died for readings in both or () if readings.died]
            if both and not died:
                return both, True
            self.is_apart = True
            if died:
                text = f"While both processes of a pair were running, {died[0]}; from now on one process runs at a time"
                self.on_event({"event": "note", "text": text})
        return (self._process(first, names, seed), self._process(second, names, seed)), False

    def _is_over(self) -> bool:
        budget = self.request.policy.budget_s
        if budget is None or time.monotonic() - self.started + self.longest_s <= budget:
            return False
        self.stopped = f"the end of the budget of {budget:g} s"
        return True

    def _process(self, side: Runnable, names: Sequence[str] | None, seed: int) -> Readings:
        readings = self.request.benchmarks.measured(side, names, seed)
        if readings.killed:
            # SIGKILL comes from outside: the kernel out of memory, or somebody. A second kill counts as a failure.
            self.on_event({"event": "note", "text": f"{readings.died}; measured again"})
            readings = self.request.benchmarks.measured(side, names, seed)
        return readings


def _from_record(record: Record) -> Pair:
    base, head = (
        {name: Reading.from_value(value) for name, value in record[side].items()} for side in ("base", "head")
    )
    return Pair(base, head, record["in_turns"])

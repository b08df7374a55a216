"""`gate speed`: pairs of fresh processes that take turns, looked at as they come => a judgement."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from aigc_bench.core import OnEvent
from aigc_bench.core.wording import percent
from aigc_bench.gate.sides.sides import Asked, Runnable, opened
from aigc_bench.gate.speed.journal import Journal, Record, journal
from aigc_bench.gate.speed.measure import Benchmarks
from aigc_bench.gate.speed.pilot import Found, Pilot, sorted_out
from aigc_bench.gate.speed.planning import Schedule, SpeedPolicy, planned
from aigc_bench.gate.speed.preflight import Preflight, as_measured, machine_identity, preflight, unlike
from aigc_bench.gate.speed.readings import Pair, Reading, Readings
from aigc_bench.gate.speed.trials import Trial, run_pairs
from aigc_bench.gate.verdicts import Decision, Judgement
from aigc_bench.stats.looks import PAIRS, detectable

JOURNAL_VERSION = 2


@dataclass(frozen=True, slots=True)
class Request:
    """What is timed on both sides, and how it is judged."""

    benchmarks: Benchmarks
    policy: SpeedPolicy
    store: Path
    command: str
    """the command line that repeats it"""


def gate_speed(asked: Asked, request: Request, on_event: OnEvent = lambda event: None) -> Judgement:
    """Make both sides ready, measure, and judge.

    Raises:
        ConfigurationError: no such ref or interpreter, or options that make no sense together.
        BenchmarkFailedError: a side does not build. What fails later is a decision without a verdict.
        StoreError: the disk is full, or the journal is damaged or in use.
    """
    clock = time.perf_counter()
    with opened(asked, request.store, on_event) as (base, head):
        return gate_pair(base, head, request, on_event, clock)


def gate_pair(
    base: Runnable,
    head: Runnable,
    request: Request,
    on_event: OnEvent = lambda event: None,
    clock: float | None = None,
) -> Judgement:
    """Measure two sides that are ready, and judge; `clock` is when all began.

    Raises:
        BenchmarkFailedError: an interpreter cannot even say what it is.
        StoreError: the disk is full, or the journal is damaged or in use.
    """
    clock = time.perf_counter() if clock is None else clock
    checked = preflight(base, head, request.benchmarks)
    if checked.refusal:
        refused = Decision(request.benchmarks.label, "speed", "INCOMPARABLE", checked.refusal)
        return _judgement(request, checked, Found((), (refused,), (), ()), (), clock)
    inputs = {
        "version": JOURNAL_VERSION,
        "base": (base.identity, base.argv, request.benchmarks.sources(base)),
        "head": (head.identity, head.argv, request.benchmarks.sources(head)),
        "benchmarks": request.benchmarks.inputs,
        "policy": (request.policy.dead_zone, request.policy.effect, request.policy.budget_s, request.policy.seed),
        "apart": request.policy.apart,
        "machine": machine_identity(),
        "environments": [one.model_dump(mode="json")["environment"] for one in (checked.base, checked.head)],
    }
    with journal(request.store / "gate" / "journals", inputs, fresh=request.policy.fresh) as kept:
        session = Session(base, head, request, kept, on_event)
        return judged_speed(request, session, checked, clock)


@dataclass
class Session:
    """Both sides while they are measured."""

    base: Runnable
    head: Runnable
    request: Request
    kept: Journal
    on_event: OnEvent
    started: float = field(default_factory=time.monotonic)
    stopped: str = "the end of the gate"
    longest_s: float = 0.0
    """of the pairs so far"""
    is_apart: bool = False
    """whether taking turns did not work here"""

    def pilot(self) -> Pilot:
        """From the journal, or measured now."""
        if (record := self.kept.peek()) is not None and "pilot" in record:
            known = Pilot.from_record(record)
            if known.is_sound:
                self.kept.take()
                return known
        self.on_event({"event": "case", "name": "pilot", "number": 0, "total": PAIRS[-1]})
        found = Pilot.of(self._process(self.base, None, 0), self._process(self.head, None, 0), self.request.policy.seed)
        self.kept.append(found.as_record())
        return found

    def pair(self, number: int, names: Sequence[str], seed: int) -> Pair | None:
        """The pair of that number: from the journal, or measured now if there is time."""
        record = self.kept.peek()
        if record is not None and record.get("pair") == number and set(names) <= set(record["base"]):
            known = _from_record(record)
            if not any(known.failure(name) for name in names):
                self.kept.take()
                return known
        if self._is_over():
            return None
        start = time.monotonic()
        sides = {"base": self.base, "head": self.head}
        order = ("base", "head") if (number + seed) % 2 == 0 else ("head", "base")
        found, in_turns = self._processes(sides[order[0]], sides[order[1]], names, seed + number)
        by_side = dict(zip(order, found, strict=True))
        self.longest_s = max(self.longest_s, time.monotonic() - start)
        base, head = ({name: by_side[side].reading(name) for name in names} for side in sides)
        values = {
            side: {name: one.as_value() for name, one in of.items()} for side, of in (("base", base), ("head", head))
        }
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self.kept.append({"pair": number, "at": at, "first": order[0], "in_turns": in_turns, **values})
        return Pair(base, head, in_turns)

    def _processes(
        self, first: Runnable, second: Runnable, names: Sequence[str], seed: int
    ) -> tuple[tuple[Readings, Readings], bool]:
        """Both sides, and whether they took turns; apart from then on where one of them died of it, or seems to."""
        if not (self.request.policy.apart or self.is_apart):
            found = self.request.benchmarks.measured_in_turns(first, second, names, seed)
            died = [one.died for one in found or () if one.died]
            if found and not died:
                return found, True
            self.is_apart = True
            if died:
                self.on_event({"event": "note", "text": f"In turns, {died[0]}; from now on one process at a time"})
        return (self._process(first, names, seed), self._process(second, names, seed)), False

    def _is_over(self) -> bool:
        budget = self.request.policy.budget_s
        if budget is None or time.monotonic() - self.started + self.longest_s <= budget:
            return False
        self.stopped = f"the end of the budget of {budget:g} s"
        return True

    def _process(self, side: Runnable, names: Sequence[str] | None, seed: int) -> Readings:
        found = self.request.benchmarks.measured(side, names, seed)
        if found.killed:
            # Not by itself: by somebody, or for want of memory. If it happens again, it is the benchmark.
            self.on_event({"event": "note", "text": f"{found.died}; measured again"})
            found = self.request.benchmarks.measured(side, names, seed)
        return found


def _from_record(record: Record) -> Pair:
    base, head = (
        {name: Reading.from_value(value) for name, value in record[side].items()} for side in ("base", "head")
    )
    return Pair(base, head, record["in_turns"])


def judged_speed(request: Request, session: Session, checked: Preflight, clock: float) -> Judgement:
    """Pilot, plan, pairs, verdicts; `clock` is when all began."""
    pilot = session.pilot()
    session.longest_s = pilot.pair_s
    checked = Preflight(
        as_measured(checked.base, pilot.base.process),
        as_measured(checked.head, pilot.head.process),
        checked.refusal,
        checked.changed_files,
        checked.statements,
    )
    refusal = unlike(checked.base.environment, checked.head.environment)
    if refusal:
        refused = Decision(request.benchmarks.label, "speed", "INCOMPARABLE", refusal)
        return _judgement(request, checked, Found((), (refused,), (), ()), (), clock)
    found = sorted_out(pilot, checked, request.benchmarks.label)
    if not found.common:
        return _judgement(request, checked, found, _nothing(found), clock)
    plan = planned(request.policy, pilot.pair_s, len(found.common))
    session.on_event({"event": "note", "text": plan.statement})
    decisions, remarks = _decided(session, found, plan, pilot)
    found = Found(found.common, (*decisions, *found.decisions), found.new, found.removed)
    return _judgement(request, checked, found, remarks, clock)


def _nothing(found: Found) -> tuple[str, ...]:
    if found.new or found.removed:
        return (f"Nothing in common: {len(found.new)} benchmarks only in head, {len(found.removed)} only in base.",)
    return () if found.decisions else ("No benchmark was found: the files hold no test that takes `benchmark`.",)


def _decided(session: Session, found: Found, plan: Schedule, pilot: Pilot) -> tuple[list[Decision], tuple[str, ...]]:
    if plan.looks is None:
        why = "the budget is too small for the first look"
        return [Decision(name, "speed", "INCONCLUSIVE", why) for name in found.common], (plan.statement,)
    trials = [Trial.of(name, plan.looks, plan.confirming) for name in found.common]

    in_turns: list[bool] = []

    def measure(number: int, names: Sequence[str]) -> Pair | None:
        if number == PAIRS[0]:
            _tell_spread(session, trials, plan)
        if pair := session.pair(number, names, pilot.seed):
            in_turns.append(pair.in_turns)
        return pair

    run_pairs(trials, measure, session.on_event)
    replayed = max(session.kept.num_read - 1, 0)
    remarks = [plan.statement, *_error_rates(trials, plan)]
    remarks.append(
        f"{_how_measured(in_turns)}, ABBA from {'base' if pilot.seed % 2 == 0 else 'head'}; seed {pilot.seed}."
    )
    if replayed:
        remarks.append(f"{replayed} of them were measured by an earlier run of this gate; --fresh forgets them.")
    return [trial.decision(session.stopped) for trial in trials], tuple(remarks)


def _how_measured(in_turns: Sequence[bool]) -> str:
    num, turned = len(in_turns), sum(in_turns)
    if turned == num:
        return f"{num} pairs of processes that take turns"
    alone = "a process at a time" if turned == 0 else f"{turned} of them in turns, the rest a process at a time"
    return f"{num} pairs of processes, {alone}"


def _tell_spread(session: Session, trials: Sequence[Trial], plan: Schedule) -> None:
    """The plan again, now with what pairs differ by."""
    spreads = [statistics.stdev(trial.first.differences) for trial in trials if len(trial.first.base) > 1]
    if spreads and plan.looks is not None:
        widest = max(spreads)
        seen = detectable(widest, plan.looks.pairs[-1], plan.looks)
        text = (
            f"Pairs differ by up to {widest:.2g}: slowdowns from {percent(seen or 0.0)} on are caught with 95 % power."
        )
        session.on_event({"event": "note", "text": text})


def _error_rates(trials: Sequence[Trial], plan: Schedule) -> Iterator[str]:
    assert plan.looks is not None
    alpha, beta = plan.looks.alpha, plan.looks.beta
    how = (
        f"{len(trials)} benchmarks, a REGRESSION of each confirmed on fresh pairs" if plan.confirming else "1 benchmark"
    )
    yield (
        f"Error rates: {how}: without any change this gate cries wolf in at most {100 * alpha:g} % of runs; a slowdown "
        f"of {percent(plan.looks.effect)} passes in at most {100 * beta:g} %."
    )
    spreads = [one.spread for trial in trials if (one := trial.first.outcome)]
    last = plan.looks.pairs[-1]
    guaranteed = [detectable(spread, last, plan.looks) or math.inf for spread in spreads]
    blind = [seen for seen in guaranteed if seen > plan.looks.effect]
    if spreads:
        alone = len(spreads) == 1
        widest = f"{max(spreads):.2g}" if alone else f"{min(spreads):.2g} to {max(spreads):.2g}"
        yield (
            f"Pairs differ by {widest} (standard deviation of log ratios): slowdowns from {percent(max(guaranteed))} "
            f"on are caught with 95 % power{'' if alone else ' in every benchmark'}."
        )
    if blind:
        yield (
            f"{len(blind)} of {len(trials)} benchmarks spread too much for {percent(plan.looks.effect)} to be caught "
            f"with 95 % power by {last} pairs; INCONCLUSIVE is the likelier verdict there."
        )


def _judgement(request: Request, checked: Preflight, found: Found, remarks: Sequence[str], clock: float) -> Judgement:
    policy = request.policy
    return Judgement(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        wall_s=time.perf_counter() - clock,
        command=request.command,
        suite=request.benchmarks.label,
        kind="speed",
        claim=f"head is not slower than base: REGRESSION beyond {percent(policy.dead_zone)}, PASS below "
        f"{percent(policy.effect)}; in pairs of fresh processes",
        base=checked.base,
        head=checked.head,
        decisions=found.decisions,
        new=found.new,
        removed=found.removed,
        statements=(*remarks, *checked.statements),
    )

"""`gate error-rates`: the false-alarm rate of the speed gate on this machine, and its power on 5 % more work.

Every round is a complete gate, with the same loop, looks and confirmation as `gate speed`, on small workloads in fresh
processes whose 20 ms blocks alternate. Each process times every workload twice; the second time, head does 5 % more of
the same work. One set of processes so gives two decisions for each workload: one without any change, and one on a
slowdown. Decisions of one round share their processes and the state of the machine, so intervals are given over rounds
as well as over decisions.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from aigc_bench.core import OnEvent
from aigc_bench.core.errors import BenchmarkFailedError, NothingMeasuredError
from aigc_bench.gate.probe.self_work import SLOWER, WORK
from aigc_bench.gate.sides.sides import Runnable
from aigc_bench.gate.speed.order import abba
from aigc_bench.gate.speed.pipes import Turn
from aigc_bench.gate.speed.preflight import machine_statements
from aigc_bench.gate.speed.processes import PROBE, Finish, InBlocks, script
from aigc_bench.gate.speed.readings import Pair
from aigc_bench.gate.speed.trials import Trial, run_pairs
from aigc_bench.stats import binomial
from aigc_bench.stats.binomial import Share
from aigc_bench.stats.looks import Looks, confirmation_looks

TIMEOUT_S = 120.0
SCRIPT = PROBE / "self_work.py"


class Rate(BaseModel):
    """How often something happened, with exact 95 % intervals."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: str
    hits: int
    decisions: int
    rounds: int
    value: float
    low: float
    high: float
    """95 %, as if decisions were independent (Clopper and Pearson)"""
    clustered_low: float | None
    clustered_high: float | None
    """95 %, over rounds; None for a single round"""


class ErrorRates(BaseModel):
    """The error rates of the gate on this machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wall_s: float
    rounds: int
    pairs: tuple[int, ...]
    """number of pairs in each round"""
    rates: tuple[Rate, ...]
    spread: float
    """median standard deviation of pairs' log ratios"""
    statements: tuple[str, ...]


@dataclass
class Round:
    """The trials of one round: of unchanged work, and of 5 % more work on head."""

    same: list[Trial]
    slower: list[Trial]
    num_pairs: int = 0

    @classmethod
    def planned(cls, names: Sequence[str]) -> Round:
        """A round before its first pair: two suites of these workloads, each with a confirmation of its own."""
        looks = Looks.spending()
        confirming = confirmation_looks(len(names), looks)
        same, slower = ([Trial.of(name + end, looks, confirming) for name in names] for end in ("", SLOWER))
        return cls(same, slower)


class Workloads(InBlocks):
    """The workloads of `probe/self_work.py`; a side's name says whose work it does."""

    __slots__ = ()

    def started(
        self, side: Runnable, only: Sequence[str] | None, seed: int, turn: Turn | None
    ) -> AbstractContextManager[Finish]:
        """See `InBlocks`."""
        return script(SCRIPT, side, {"only": only, "side": side.name}, seed, TIMEOUT_S, turn)


@dataclass
class _Measured:
    """Measures the pairs of a round, until `deadline` on the monotonic clock."""

    seed: int
    deadline: float
    longest_s: float = field(default=0.0)

    def pair(self, number: int, names: Sequence[str]) -> Pair | None:
        """One pair of processes whose blocks alternate; None where the deadline would be missed."""
        start = time.monotonic()
        if start + self.longest_s > self.deadline:
            return None
        order = abba(number, self.seed)
        first, second = (Runnable(side, sys.executable, (sys.executable,), Path.cwd()) for side in order)
        readings = Workloads().measured_in_turns(first, second, names, self.seed + number)
        self.longest_s = max(self.longest_s, time.monotonic() - start)
        for process in readings:
            if process.died:
                raise BenchmarkFailedError(f"a process of the measurement failed: {process.died}")
        by_side = dict(zip(order, readings, strict=True))
        base, head = ({name: by_side[side].reading(name) for name in names} for side in ("base", "head"))
        return Pair(base, head, in_turns=True)


def measured_error_rates(
    repeats: int, *, seed: int = 0, budget_s: float | None = None, on_event: OnEvent = lambda event: None
) -> ErrorRates:
    """Run `repeats` rounds, or as many as `budget_s` seconds are enough for.

    A round is not started if one as long as the longest so far would exceed the budget. A trial that the end of the
    budget leaves undecided counts as INCONCLUSIVE, as in a gate: to leave such rounds out would leave out the noisy
    ones.

    Raises:
        BenchmarkFailedError: a process failed.
        NothingMeasuredError: the budget ended before there were two pairs.
    """
    clock = time.monotonic()
    deadline = math.inf if budget_s is None else clock + budget_s
    statements = tuple(machine_statements())
    rounds: list[Round] = []
    longest_s = 0.0
    for number in range(repeats):
        start = time.monotonic()
        if start + longest_s > deadline:
            break
        on_event({"event": "note", "text": f"Round {number + 1} of {repeats}"})
        rounds.append(_round(_Measured(seed + number, deadline), on_event))
        longest_s = max(longest_s, time.monotonic() - start)
        if number == 0 and budget_s is not None and (text := _cut_short(repeats, longest_s, budget_s)):
            on_event({"event": "note", "text": text})
            statements = (*statements, text)
    spreads = [outcome.spread for item in rounds for trial in item.same if (outcome := trial.first.outcome)]
    if not spreads:
        raise NothingMeasuredError(f"a budget of {budget_s:g} s ended before there were two pairs; give it a minute")
    return ErrorRates(
        wall_s=time.monotonic() - clock,
        rounds=len(rounds),
        pairs=tuple(item.num_pairs for item in rounds),
        rates=tuple(rates(rounds)),
        spread=statistics.median(spreads),
        statements=statements,
    )


def _cut_short(repeats: int, round_s: float, budget_s: float) -> str | None:
    """What a budget that does not reach all rounds cannot show, said after the first; None where it reaches them."""
    affordable = max(1, math.floor(budget_s / round_s))
    if affordable >= repeats:
        return None
    suites = binomial.exact(0, affordable).high
    decisions = binomial.exact(0, affordable * len(WORK)).high
    return (
        f"A round takes {round_s:.0f} s: the budget of {budget_s:g} s is enough for about {affordable} of {repeats}. "
        f"Even without any false alarm they can show no less than {suites:.0%} of suites and {decisions:.1%} of "
        f"decisions (95 % bounds); for all rounds give it {math.ceil(repeats * round_s / 60)}m."
    )


def _round(measured: _Measured, on_event: OnEvent) -> Round:
    """Two suites of the same workloads, each with its own confirmation, on the same processes."""
    planned = Round.planned(tuple(WORK))
    planned.num_pairs = run_pairs([*planned.same, *planned.slower], measured.pair, on_event)
    return planned


def rates(rounds: Sequence[Round]) -> Iterator[Rate]:
    """False-alarm rate and power over decisions, and the false-alarm rate of whole suites."""
    same = [[_verdict(trial) for trial in item.same] for item in rounds]
    slower = [[_verdict(trial) for trial in item.slower] for item in rounds]
    yield _rate("false alarms (REGRESSION without a change)", same, "REGRESSION")
    suites = [["REGRESSION" if "REGRESSION" in verdicts else ""] for verdicts in same]
    yield _rate(f"suites of {len(same[0])} with a false alarm", suites, "REGRESSION")
    yield _rate("power (REGRESSION at +5 % of work)", slower, "REGRESSION")
    yield _rate("missed (PASS at +5 % of work)", slower, "PASS")
    yield _rate("undecided without a change", same, "INCONCLUSIVE")


def _verdict(trial: Trial) -> str:
    return str(trial.decision("the end of the budget").verdict)


def _rate(what: str, verdicts: Sequence[Sequence[str]], wanted: str) -> Rate:
    hits = [sum(verdict == wanted for verdict in of_round) for of_round in verdicts]
    trials = [len(of_round) for of_round in verdicts]
    alone = binomial.exact(sum(hits), sum(trials))
    over: Share | None = binomial.clustered(hits, trials) if len(verdicts) > 1 else None
    return Rate(
        what=what,
        hits=sum(hits),
        decisions=sum(trials),
        rounds=len(verdicts),
        value=alone.value,
        low=alone.low,
        high=alone.high,
        clustered_low=over.low if over else None,
        clustered_high=over.high if over else None,
    )

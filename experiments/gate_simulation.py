"""How often the gate on speed is wrong and what it catches, simulated; and what others' rules do on the same traces.

python experiments/gate_simulation.py > simulation.md
"""

from __future__ import annotations

import argparse
import math
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import peer_rules
from noise_model import HOSTILE, MACHINES, Machine, differences, differences_apart

from aigc_bench.stats import binomial, sequential
from aigc_bench.stats.sequential import Looks

SUITE = 20
CHUNK = 4_000
EFFECTS = (0.02, 0.03, 0.05, 0.10)
LOOKS = Looks.spending()
CONFIRMATION = sequential.confirmation_looks(SUITE, LOOKS) or LOOKS


@dataclass(frozen=True, slots=True)
class Walks:
    """Verdicts on benchmarks and the pairs they took; in a suite of 20 a REGRESSION is confirmed on fresh pairs."""

    verdicts: np.ndarray
    used: np.ndarray
    confirmed: np.ndarray
    """(R,) bool"""
    fresh: np.ndarray
    """(R,) pairs that it took, 0 where nothing was flagged"""

    def share(self, verdict: str) -> float:
        """Of all benchmarks."""
        return float((self.verdicts == verdict).mean())

    def hits(self) -> int:
        """How many REGRESSIONs."""
        return int((self.verdicts == "REGRESSION").sum())

    @property
    def fresh_pairs(self) -> float:
        """Mean over what was flagged."""
        return float(self.fresh.sum() / max(self.hits(), 1))


Pairs = Callable[[int], np.ndarray]
"""repetitions => (R, 68) differences of identical code"""


def pairs_of(machine: Machine, rng: np.random.Generator, scale: float = 1.0) -> Pairs:
    """Pairs of a machine whose noise is as large, or `scale` times as large."""
    return lambda repetitions: scale * differences(machine.in_turns(repetitions, LOOKS.pairs[-1], rng), rng)


def walked(pairs: Pairs, repetitions: int, slowdown: float) -> Walks:
    """The looks, and for what they flag the confirmation on fresh pairs; `slowdown` is a share of the time."""
    found = [_walked(pairs, min(CHUNK, repetitions - done), slowdown) for done in range(0, repetitions, CHUNK)]
    return Walks(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _walked(pairs: Pairs, repetitions: int, slowdown: float) -> tuple[np.ndarray, ...]:
    shift = math.log1p(slowdown)
    verdicts, used = sequential.walked(pairs(repetitions) + shift, LOOKS)
    confirmed, fresh = np.zeros(repetitions, dtype=bool), np.zeros(repetitions, dtype=int)
    flagged = np.flatnonzero(verdicts == "REGRESSION")
    if len(flagged):
        again, fresh[flagged] = sequential.walked(pairs(len(flagged)) + shift, CONFIRMATION)
        confirmed[flagged] = again == "REGRESSION"
    return verdicts, used, confirmed, fresh


# ---- what is printed ---------------------------------------------------------------------------------


def percent(hits: int, trials: int) -> str:
    """A share with its exact 95 % interval."""
    share = binomial.exact(hits, trials)
    return f"{share.value:.2%} ({share.low:.2%} to {share.high:.2%})"


def table(header: str, rows: Iterable[str]) -> Iterator[str]:
    """A Markdown table and an empty line."""
    yield f"| {header} |"
    yield "|" + "---|" * (header.count("|") + 1)
    yield from (f"| {row} |" for row in rows)
    yield ""


def of_machines(rng: np.random.Generator) -> Iterator[str]:
    """What the machines are."""
    for machine in MACHINES:
        spread = pairs_of(machine, rng)(4000).std()
        apart = differences_apart(machine.log_times(4000, 2 * LOOKS.pairs[-1], rng), rng).std()
        neighbour = f"{machine.slowed:.0%} by {np.expm1(machine.slowdown):.0%}" if machine.slowed else "–"
        yield (
            f"{machine.name} | {machine.drift:.1%} | {machine.persistence} | {machine.process:.1%} "
            f"| {machine.jitter:.1%} | {machine.spiked:.0%} by {machine.spike:.0%} | {neighbour} | {apart:.1%} "
            f"| **{spread:.1%}**"
        )


def of_allowed(suites: int, slowdown: float, rng: np.random.Generator) -> Iterator[str]:
    """False alarms where all of a suite is slower by what is allowed, or by nothing."""
    for machine in MACHINES:
        walks = walked(pairs_of(machine, rng), SUITE * suites, slowdown)
        flagged = (walks.verdicts == "REGRESSION").reshape(suites, SUITE).any(1)
        failed = walks.confirmed.reshape(suites, SUITE).any(1)
        yield (
            f"{machine.name} | {percent(walks.hits(), SUITE * suites)} | {percent(int(flagged.sum()), suites)} "
            f"| **{percent(int(failed.sum()), suites)}** | {walks.share('PASS'):.1%} "
            f"| {walks.share('INCONCLUSIVE'):.1%} | {walks.used.mean():.1f}"
        )


def of_slower(repetitions: int, rng: np.random.Generator) -> Iterator[str]:
    """Verdicts on slowdowns."""
    for machine in MACHINES:
        for effect in EFFECTS:
            walks = walked(pairs_of(machine, rng), repetitions, effect)
            yield (
                f"{machine.name} | +{effect:.0%} | {percent(walks.hits(), repetitions)} | {walks.confirmed.mean():.1%} "
                f"| {walks.share('PASS'):.1%} | {walks.share('INCONCLUSIVE'):.1%} | {walks.used.mean():.1f} "
                f"| {walks.fresh_pairs:.1f}"
            )


def of_spreads(repetitions: int, rng: np.random.Generator) -> Iterator[str]:
    """The power over the spread of a pair: the hostile machine's noise, scaled."""
    spread = pairs_of(HOSTILE, rng)(20_000).std()
    for wanted in np.arange(1, 9) / 100:
        pairs = pairs_of(HOSTILE, rng, wanted / spread)
        walks = {effect: walked(pairs, repetitions, effect) for effect in EFFECTS}
        at_5 = walks[0.05]
        planned = sequential.power(LOOKS.detect, float(wanted), LOOKS)
        detectable = sequential.detectable(float(wanted), LOOKS.pairs[-1], LOOKS)
        yield (
            f"{wanted:.0%} | {walks[0.02].share('REGRESSION'):.1%} | {percent(at_5.hits(), repetitions)} "
            f"| {planned:.1%} | {at_5.confirmed.mean():.1%} | {walks[0.10].share('REGRESSION'):.1%} "
            f"| {at_5.used.mean():.1f} | {math.expm1(detectable or 0):.1%}"
        )


def of_orders(repetitions: int, rng: np.random.Generator) -> Iterator[str]:
    """What it costs to run second, by 2 %, does to identical code."""
    for machine in MACHINES:
        in_turns = machine.in_turns(repetitions, LOOKS.pairs[-1], rng)
        orders = [differences(in_turns, rng, alternating=alternating, second=0.02) for alternating in (False, True)]
        flagged = [int((sequential.walked(seen, LOOKS)[0] == "REGRESSION").sum()) for seen in orders]
        yield f"{machine.name} | " + " | ".join(percent(hits, repetitions) for hits in flagged)


def of_peers(repetitions: int, rng: np.random.Generator) -> Iterator[str]:
    """Others' rules on the first processes of a trace, and on those of two traces."""
    processes = {**dict.fromkeys(peer_rules.OF_ONE_PROCESS, 1), **dict.fromkeys(peer_rules.OF_TWO_PROCESSES, 2)}
    rules = {**peer_rules.OF_ONE_PROCESS, **peer_rules.OF_TWO_PROCESSES}
    for machine in MACHINES:
        here, elsewhere = (np.exp(machine.log_times(repetitions, 4, rng)) for _ in range(2))
        for name, rule in rules.items():
            num = processes[name]
            base = here[:, :num].reshape(repetitions, -1)
            cells = [
                percent(int(rule(base, (1 + effect) * head.reshape(repetitions, -1)).sum()), repetitions)
                for head in (here[:, num : 2 * num], elsewhere[:, :num])
                for effect in (0.0, 0.05)
            ]
            yield f"{machine.name} | {name} | " + " | ".join(cells)


def section(repetitions: int, seed: int) -> Iterator[str]:
    """The lines of the page."""
    rng = np.random.default_rng(seed)
    yield "## Simulation\n"
    yield MODEL
    header = "machine | drift | its persistence | process | jitter | blocks hit | neighbour | spread of a pair, apart"
    header += " | **in turns**"
    yield from table(header, of_machines(rng))
    header = "machine | flagged, per benchmark | flagged, per suite of 20 | **false alarm, per suite of 20** | passes"
    header += " | inconclusive | pairs, mean"
    yield IDENTICAL.format(suites=repetitions, benchmarks=SUITE * repetitions)
    yield from table(header, of_allowed(repetitions, 0.0, rng))
    yield ALLOWED.format(tolerance=math.expm1(LOOKS.tolerance), suites=repetitions)
    yield from table(header, of_allowed(repetitions, math.expm1(LOOKS.tolerance), rng))
    yield SLOWER
    header = "machine | slower by | REGRESSION | confirmed | passes | inconclusive | pairs, mean | fresh pairs"
    yield from table(header, of_slower(repetitions, rng))
    yield SPREADS
    header = "spread of a pair | +2 % | **+5 %** | +5 %, planned | +5 %, confirmed | +10 % | pairs, mean, at +5 %"
    yield from table(header + " | detectable, planned", of_spreads(repetitions, rng))
    yield ORDERS
    yield from table("machine | AB AB AB AB … | AB BA AB BA …", of_orders(repetitions, rng))
    yield PEERS.format(resamples=peer_rules.NUM_RESAMPLES)
    header = (
        "machine | rule | identical, next process | +5 %, next process | identical, another job | +5 %, another job"
    )
    yield from table(header, of_peers(repetitions, rng))


MODEL = """\
The log time of a block is the drift of the machine, autoregressive over process slots, plus an effect of the process,
plus one-sided jitter, plus spikes, plus a neighbour on the same core who comes for a second in the mean
(`experiments/noise_model.py`). The processes of a pair take turns, 14 blocks each, and see the same drift; the median
of the log ratios of neighbouring blocks stands for the pair. Pairs begin AB BA, from a random phase. "Apart" is the
spread of pairs of processes one after the other, each the least of 7 blocks. Intervals are exact binomial ones, 95 %.
"""
IDENTICAL = """\
**Identical code**, {suites} suites of 20 benchmarks, {benchmarks} benchmarks on each machine. A benchmark that its
interim analyses flag is measured again, on fresh pairs whose analyses err in 0.01 / (20 · 0.01) = 5 % of all cases; a
suite has a false alarm when one is confirmed.
"""
ALLOWED = """\
**Slower by exactly the tolerance**, {tolerance:.0%}, all 20 benchmarks of {suites} suites: the worst that is allowed. A
REGRESSION is a false alarm here, too, and its rate is the gate's guarantee at its edge.
"""
SLOWER = """\
**Slower code.** A benchmark alone is decided by its interim analyses (REGRESSION); in a suite of 20 it must be
confirmed as well.
+2 % is the tolerance; +3 % is beyond it and below the 5 % that must be caught, so that either verdict on it is right.
"""
SPREADS = """\
**Power over the spread of a pair** (the standard deviation of a difference; the hostile machine's noise, scaled).
"Planned" is what the gate computes beforehand from the spread alone, rather below the truth; "detectable" is the
slowdown that it then states to catch with 95 % power.
"""
ORDERS = """\
**The order**: false alarms per benchmark on identical code, where it costs 2 % to come second.
"""
PEERS = """\
**Others' rules** (`experiments/peer_rules.py` has their sources) on the same machines: one process of each side (asv:
two), one after the other, head in the next process of the same job, or in another job, as when a stored baseline is
compared with. A process has 7 blocks for all of them, where asv would take 5 and criterion.rs 100, whose bootstraps
have {resamples} draws here and not 100,000.
"""


def main() -> None:
    """Print the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=4000, help="suites of 20, and benchmarks of each other row")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for line in section(options.repetitions, options.seed):
        print(line, flush=True)
    print(f"Made by `{shlex.join(['python', 'experiments/gate_simulation.py', *sys.argv[1:]])}`.")


if __name__ == "__main__":
    main()

"""Sentences of a judgement on speed: how the pairs were measured, the error rates, and which slowdowns are caught."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

from aigc_bench.core.wording import percent
from aigc_bench.gate.speed.order import abba
from aigc_bench.gate.speed.trials import Trial
from aigc_bench.stats.looks import Looks, detectable


def how_measured(are_in_turns: Sequence[bool], seed: int) -> str:
    """What a pair was here; `are_in_turns` says of each pair whether its blocks alternated."""
    num, num_in_turns = len(are_in_turns), sum(are_in_turns)
    if num_in_turns == num:
        order = "each 20 ms block of base alternates with one of head"
    elif num_in_turns == 0:
        order = "the process of base and the one of head run one after the other"
    else:
        order = (
            f"in {num_in_turns} of them each 20 ms block of base alternates with one of head, "
            "in the others the processes run one after the other"
        )
    first, second = abba(0, seed)
    return (
        f"{num} pairs of fresh processes: {order}. The side that starts changes in ABBA order ({first}, {second}, "
        f"{second}, {first}, …), so that a steady drift of the machine cancels; seed {seed}."
    )


def spread_so_far(trials: Sequence[Trial], looks: Looks) -> str | None:
    """What the pairs so far say of the slowdowns that will be caught; None before any benchmark has two pairs."""
    spreads = [statistics.stdev(trial.first.differences) for trial in trials if len(trial.first.base) > 1]
    if not spreads:
        return None
    smallest = detectable(max(spreads), looks.pairs[-1], looks)
    return (
        f"The log ratios of pairs have standard deviations up to {max(spreads):.2g}: slowdowns of "
        f"{percent(smallest or 0.0)} or more are caught with 95 % power."
    )


def error_rates(trials: Sequence[Trial], looks: Looks, *, confirmed: bool) -> Iterator[str]:
    """The error rates of the whole gate, and the slowdowns that are caught given how much pairs differed."""
    each = f"{len(trials)} benchmarks, each REGRESSION confirmed on further pairs" if confirmed else "1 benchmark"
    yield (
        f"Error rates ({each}): where nothing is truly slower by more than {percent(looks.tolerance)}, at most "
        f"{100 * looks.alpha:g} % of gate runs report a REGRESSION; a slowdown of {percent(looks.detect)} passes in "
        f"at most {100 * looks.beta:g} %. The test is group-sequential with "
        "non-binding boundaries (Lan–DeMets, Pocock-type spending)."
    )
    spreads = [outcome.spread for trial in trials if (outcome := trial.first.outcome)]
    if not spreads:
        return
    last = looks.pairs[-1]
    smallest = [detectable(spread, last, looks) or math.inf for spread in spreads]
    several = len(spreads) > 1
    text = f"{min(spreads):.2g} to {max(spreads):.2g}" if several else f"{spreads[0]:.2g}"
    yield (
        f"Standard deviation of the pairs' log ratios: {text}. Slowdowns of {percent(max(smallest))} or more are "
        f"caught with 95 % power{' in every benchmark' if several else ''}."
    )
    num_noisy = sum(effect > looks.detect for effect in smallest)
    if num_noisy:
        yield (
            f"{num_noisy} of {len(trials)} benchmarks vary too much for a slowdown of {percent(looks.detect)} to be "
            f"caught with 95 % power by {last} pairs; INCONCLUSIVE is the likelier verdict there."
        )

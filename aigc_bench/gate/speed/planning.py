"""How many pairs there will be, and what they can see: stated before the first is taken."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aigc_bench.core.errors import ConfigurationError
from aigc_bench.core.wording import percent
from aigc_bench.stats.looks import DEAD_ZONE, EFFECT, PAIRS, Looks, confirmation_looks, detectable

ASSUMED_SPREAD = 0.05
"""of pairs, until eight of them say what it is"""
NEAR = 0.8
"""of the last look: a look later than that is left out before it"""
SLACK = 1.1
"""pairs may take this much longer than the pilot's"""


@dataclass(frozen=True, slots=True)
class SpeedPolicy:
    """What is asked of the gate."""

    dead_zone: float = DEAD_ZONE
    """log ratio up to which a change is none"""
    effect: float = EFFECT
    """log ratio that must be caught"""
    budget_s: float | None = None
    """for measuring; building comes before"""
    seed: int | None = None
    """of the order of the sides and of what processes hash by; None: drawn"""
    fresh: bool = False
    """whether pairs of an earlier gate are forgotten"""
    apart: bool = False
    """whether the second process of a pair begins when the first has ended: two at once may need too much memory"""

    def __post_init__(self) -> None:
        """Refuse what no number of pairs could decide."""
        if not 0 <= self.dead_zone < self.effect:
            raise ConfigurationError(
                f"expected a dead zone from 0 on, and below the effect to be caught; got {percent(self.dead_zone)} "
                f"and {percent(self.effect)}"
            )


@dataclass(frozen=True, slots=True)
class Schedule:
    """The looks, and what flagged benchmarks are confirmed by."""

    looks: Looks | None
    """None: the budget does not reach the first look"""
    confirming: Looks | None
    statement: str


def planned(policy: SpeedPolicy, pair_s: float, num_benchmarks: int) -> Schedule:
    """The looks that the budget is enough for, where a pair takes `pair_s`.

    It depends on the time of the pilot alone, not on any difference: the errors are spent anew over fewer looks.
    """
    num = _affordable(policy, pair_s, num_benchmarks)
    if num is None:
        looks = Looks.spending(PAIRS, dead_zone=policy.dead_zone, effect=policy.effect)
        return Schedule(looks, confirmation_looks(num_benchmarks, looks), _foreseen(looks, None, pair_s))
    if num < PAIRS[0]:
        least = (PAIRS[0] + 1) * SLACK * pair_s
        pairs = "pair" if num == 1 else "pairs"
        statement = (
            f"A budget of {policy.budget_s:g} s is enough for {num} {pairs} of {pair_s:.2g} s, and the first look is "
            f"at {PAIRS[0]}: nothing can be decided. Give it {least:.0f} s, or fewer benchmarks."
        )
        return Schedule(None, None, statement)
    at = PAIRS if num >= PAIRS[-1] else [*(one for one in PAIRS if one <= NEAR * num), num]
    looks = Looks.spending(at, dead_zone=policy.dead_zone, effect=policy.effect)
    return Schedule(looks, confirmation_looks(num_benchmarks, looks), _foreseen(looks, policy.budget_s, pair_s))


def _affordable(policy: SpeedPolicy, pair_s: float, num_benchmarks: int) -> int | None:
    """Pairs after the pilot; where flagged benchmarks must be confirmed, some are kept for that."""
    if policy.budget_s is None:
        return None
    num = math.floor((policy.budget_s - pair_s) / (SLACK * pair_s))
    num = num - PAIRS[0] if num_benchmarks > 1 and num >= 2 * PAIRS[0] else max(num, 0)
    return num - num % 2  # each side first as often as the other


def _foreseen(looks: Looks, budget_s: float | None, pair_s: float) -> str:
    seen = detectable(ASSUMED_SPREAD, looks.pairs[-1], looks)
    budget = "" if budget_s is None else f"A budget of {budget_s:g} s is enough for "
    return (
        f"{budget}{'u' if budget else 'U'}p to {looks.pairs[-1]} pairs of about {pair_s:.2g} s: if pairs differ by "
        f"{ASSUMED_SPREAD:.0%}, slowdowns from {percent(seen or math.inf)} on are caught with 95 % power."
    )

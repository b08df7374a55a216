"""The schedule of looks that a time budget allows, and which slowdowns it will catch: stated before the first pair."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aigc_bench.core.errors import ConfigurationError
from aigc_bench.core.wording import percent
from aigc_bench.stats.looks import DETECT, PAIRS, TOLERANCE, Looks, confirmation_looks, detectable

ASSUMED_SPREAD = 0.05
"""standard deviation of the log ratios of pairs, until eight pairs have been measured"""
NEAR = 0.8
"""of the last look's number of pairs; other looks beyond that share are left out"""
SLACK = 1.1
"""pairs may take this much longer than the pilot's"""


@dataclass(frozen=True, slots=True)
class SpeedPolicy:
    """How a gate on speed is to decide: thresholds, time budget, and how the processes run."""

    tolerance: float = TOLERANCE
    """log ratio; a true slowdown up to this is failed in at most 1 % of gate runs, however precisely it is measured"""
    detect: float = DETECT
    """log ratio; a true slowdown of this size is caught with 95 % power, or it is said beforehand that it cannot be"""
    budget_s: float | None = None
    """seconds for measuring, the building of both sides not included; None: as long as it takes"""
    seed: int | None = None
    """of the order of the sides and of PYTHONHASHSEED in each pair; None: drawn at random"""
    fresh: bool = False
    """whether the pairs that an interrupted gate has kept are measured again"""
    apart: bool = False
    """whether the two processes of a pair run one after the other, for when memory is not enough for both"""

    def __post_init__(self) -> None:
        """Refuse thresholds between which no number of pairs could decide.

        Raises:
            ConfigurationError: a negative tolerance, or one that is not below what must be caught.
        """
        if not 0 <= self.tolerance < self.detect:
            raise ConfigurationError(
                "expected a tolerance of at least 0 and below the slowdown to be detected, got "
                f"{percent(self.tolerance)} and {percent(self.detect)}"
            )


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the data are tested (the looks), and the looks at fresh pairs that confirm a flagged benchmark."""

    looks: Looks | None
    """None: the budget does not reach the first look"""
    confirming: Looks | None
    """None: a single benchmark needs no confirmation"""
    statement: str


def planned(policy: SpeedPolicy, pair_s: float, num_benchmarks: int) -> Schedule:
    """The looks that the budget is enough for, where a pair takes `pair_s`.

    It depends on the pilot's time alone and on no measured difference, so that the error rates hold; with fewer looks,
    alpha and beta are spent over those.
    """
    num = _affordable(policy, pair_s, num_benchmarks)
    if num is None:
        looks = Looks.spending(PAIRS, tolerance=policy.tolerance, detect=policy.detect)
        return Schedule(looks, confirmation_looks(num_benchmarks, looks), _foreseen(looks, None, pair_s))
    if num < PAIRS[0]:
        least = (PAIRS[0] + 1) * SLACK * pair_s
        pairs = "pair" if num == 1 else "pairs"
        statement = (
            f"A budget of {policy.budget_s:g} s is enough for {num} {pairs} of {pair_s:.2g} s, and the first interim "
            f"analysis is after {PAIRS[0]}: nothing can be decided. Give it {least:.0f} s, or fewer benchmarks."
        )
        return Schedule(None, None, statement)
    at = PAIRS if num >= PAIRS[-1] else [*(look for look in PAIRS if look <= NEAR * num), num]
    looks = Looks.spending(at, tolerance=policy.tolerance, detect=policy.detect)
    return Schedule(looks, confirmation_looks(num_benchmarks, looks), _foreseen(looks, policy.budget_s, pair_s))


def _affordable(policy: SpeedPolicy, pair_s: float, num_benchmarks: int) -> int | None:
    """Number of pairs after the pilot, less those that are reserved to confirm flagged benchmarks; None: no limit."""
    if policy.budget_s is None:
        return None
    num = math.floor((policy.budget_s - pair_s) / (SLACK * pair_s))
    num = num - PAIRS[0] if num_benchmarks > 1 and num >= 2 * PAIRS[0] else max(num, 0)
    return num - num % 2  # each side first as often as the other


def _foreseen(looks: Looks, budget_s: float | None, pair_s: float) -> str:
    smallest = detectable(ASSUMED_SPREAD, looks.pairs[-1], looks)
    budget = "" if budget_s is None else f"A budget of {budget_s:g} s is enough for "
    return (
        f"{budget}{'u' if budget else 'U'}p to {looks.pairs[-1]} pairs of about {pair_s:.2g} s: if the log ratios of "
        f"pairs have a standard deviation of {ASSUMED_SPREAD:.0%}, slowdowns of {percent(smallest or math.inf)} or "
        "more are caught with 95 % power."
    )

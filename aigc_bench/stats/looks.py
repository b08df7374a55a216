"""When a comparison of pairs is looked at, what it takes to stop, and what that can see.

A pair is a measurement of base and one of head, one after the other, and its difference is log head - log base. At each
look one-sided paired t tests ask whether head is slower than the dead zone, and whether it is faster than the effect
that must be caught. Their levels spend α = 1 % and β = 5 % over the looks (`spending`); neither counts on the other's
stopping, so that both hold whatever is done in between (non-binding boundaries: Jennison and Turnbull 2000, "Group
Sequential Methods", §7 and §11, who also give the approximation used here: a normal path, and the t test's own levels).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy import optimize, special, stats

from aigc_bench.stats.spending import Path, nominal_levels

PAIRS = (8, 12, 18, 26, 40)
DEAD_ZONE, EFFECT = math.log(1.005), math.log(1.05)
POWER = 0.95
CONFIRMATION_BETA = 0.005
MOST_PAIRS = 10**7
"""a plan beyond this is no plan"""


@dataclass(frozen=True, slots=True)
class Looks:
    """A plan of looks; `spending` makes one."""

    pairs: tuple[int, ...]
    """how many pairs there are at each look"""
    fail: tuple[float, ...]
    """one-sided p at which a look says REGRESSION"""
    passing: tuple[float, ...]
    """one-sided p at which a look says PASS"""
    alpha: float = 0.01
    """the chance of a REGRESSION over all looks, were head slower by the dead zone"""
    beta: float = 0.05
    """the chance of a PASS over all looks, were head slower by the effect"""
    dead_zone: float = DEAD_ZONE
    """log ratio up to which a change is none"""
    effect: float = EFFECT
    """log ratio that must be caught"""

    @classmethod
    def spending(
        cls,
        pairs: Sequence[int] = PAIRS,
        alpha: float = 0.01,
        beta: float = 0.05,
        dead_zone: float = DEAD_ZONE,
        effect: float = EFFECT,
    ) -> Looks:
        """Looks at these numbers of pairs that spend both errors evenly (Lan and DeMets' Pocock type).

        Raises:
            ValueError: fewer than 2 pairs at a look, numbers that do not ascend, or an effect within the dead zone.
        """
        if not pairs or pairs[0] < 2 or effect <= dead_zone:
            raise ValueError(f"expected looks from 2 pairs on and an effect beyond {dead_zone}, got {pairs}, {effect}")
        shares = [num / pairs[-1] for num in pairs]
        return cls(
            tuple(pairs), nominal_levels(alpha, shares), nominal_levels(beta, shares), alpha, beta, dead_zone, effect
        )

    def up_to(self, num_pairs: int) -> Looks | None:
        """The looks that so many pairs are enough for; None if not for the first."""
        num = sum(pairs <= num_pairs for pairs in self.pairs)
        return replace(self, pairs=self.pairs[:num], fail=self.fail[:num], passing=self.passing[:num]) if num else None

    def stretched(self, num_pairs: int) -> Looks:
        """The same looks in proportion, the last at so many pairs, from 2 on."""
        pairs = [max(2, math.ceil(num * num_pairs / self.pairs[-1])) for num in self.pairs]
        return replace(self, pairs=tuple(pairs))


def power(slowdown: float, spread: float, looks: Looks) -> float:
    """The probability of a REGRESSION where head is slower by `slowdown`, a log ratio, and pairs differ by `spread`.

    `spread` is the standard deviation of the differences. The path is normal. Its upper boundary is where a normal test
    would have 95 % power against what a t test at this look has 95 % power against (noncentral t); its lower one is the
    normal's, since near the effect a t test lets pass just as often as its level says. Simulated, what is
    stated is kept; where power is far from 95 %, up to 0.03 more.
    """
    last = looks.pairs[-1]
    if spread == 0:
        return float(slowdown > looks.dead_zone)
    unit = spread / math.sqrt(last)
    drift, gap = (slowdown - looks.dead_zone) / unit, (looks.effect - looks.dead_zone) / unit
    path, found = Path.start(), 0.0
    for num, fail, passing in zip(looks.pairs, looks.fail, looks.passing, strict=True):
        time = num / last
        if time <= path.time:
            continue  # stretched over few pairs, two looks may fall on one
        high = _critical(fail, num - 1) * math.sqrt(time)
        low = gap * time - float(stats.norm.isf(passing)) * math.sqrt(time)
        found += path.beyond(high, time, drift)
        if low >= high:
            break  # every mean is one or the other
        path = path.between(low, high, time, drift)
    return found


@functools.cache
def _critical(level: float, degrees: int) -> float:
    """The critical value of a normal test that has 95 % power where this t test has."""
    shift = float(special.nctdtrinc(degrees, 1 - POWER, float(stats.t.isf(level, degrees))))
    return shift - float(stats.norm.ppf(POWER))


def detectable(spread: float, num_pairs: int, looks: Looks) -> float | None:
    """The smallest slowdown, as a log ratio, that so many pairs make a REGRESSION with 95 % power.

    None where they are too few for the first look.
    """
    within = looks.up_to(num_pairs)
    if within is None:
        return None
    if spread == 0:
        return looks.dead_zone  # whatever is beyond
    far = looks.dead_zone + spread
    while power(far, spread, within) < POWER:
        far += far - looks.dead_zone
    root = optimize.brentq(lambda slowdown: power(slowdown, spread, within) - POWER, looks.dead_zone, far, xtol=1e-7)
    return float(root)


def pairs_needed(spread: float, looks: Looks) -> int:
    """How many pairs, the looks stretched in proportion, make the effect a REGRESSION with 95 % power.

    At least the first look's. A single look would need (3.97 · spread / gap)², by z.01 + z.05; five that may each let
    the effect pass need (4.59 · spread / gap)² at the most, and about half of that on average.
    """
    low, high = looks.pairs[0] - 1, looks.pairs[0]
    while high < MOST_PAIRS and power(looks.effect, spread, looks.stretched(high)) < POWER:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = power(looks.effect, spread, looks.stretched(middle)) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return high


# ---- a suite -----------------------------------------------------------------------------------------


def confirmation(num_benchmarks: int, looks_alpha: float = 0.01, suite_alpha: float = 0.01) -> float:
    """The level at which a flagged benchmark is confirmed on fresh pairs, so that a suite seldom cries wolf.

    A benchmark that is no slower is flagged with probability α₁ = `looks_alpha` and, its fresh pairs knowing nothing of
    the first, confirmed with probability `level`. By Bonferroni's inequality M of them cry wolf at most M · α₁ · level
    of the time, however they hang together; that is `suite_alpha` for level = suite_alpha / (M α₁). At 1 nothing
    needs confirming.

    Raises:
        ValueError: no benchmark.
    """
    if num_benchmarks < 1:
        raise ValueError(f"a suite has at least 1 benchmark, got {num_benchmarks}")
    return min(1.0, suite_alpha / (num_benchmarks * looks_alpha))


def confirmation_looks(num_benchmarks: int, looks: Looks) -> Looks | None:
    """The plan that fresh pairs of a flagged benchmark are judged by; None where nothing needs confirming.

    The same looks that err in `confirmation(num_benchmarks)` of all cases in the place of α, and let the effect go in
    half a percent in the place of β: the power of both stages is hardly below that of the first. Looks, because most of
    what was flagged is confirmed by the first of them; and a number of fresh pairs taken from the spread of the flagged
    ones would be too small, since those are flagged the sooner the less they happen to spread.

    Raises:
        ValueError: no benchmark.
    """
    level = confirmation(num_benchmarks, looks.alpha)
    if level >= 1:
        return None
    return Looks.spending(looks.pairs, level, CONFIRMATION_BETA, looks.dead_zone, looks.effect)

"""The design of the group-sequential test on pairs: looks, boundaries, power, and the smallest detectable slowdown.

A pair is a measurement of base and one of head; its difference is log head - log base. At each interim analysis (look)
one-sided paired t tests ask whether head is slower by more than the tolerance (slowdowns up to this size count as
unchanged), and whether it is slower by less than what must be caught. Lan–DeMets spending functions of
Pocock's type divide α = 1 % and β = 5 % among the looks (`spending`). The boundaries are non-binding: each error rate
holds even if the test goes on after the other boundary was crossed (Jennison and Turnbull 2000, "Group Sequential
Methods", §7 and §11, who also give the approximation used here: a normal path, with the levels of the t test).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy import optimize, special, stats

from aigc_bench.stats.spending import Path, nominal_levels

PAIRS = (8, 12, 18, 26, 40, 68)
"""so many that `DETECT` is caught with 95 % power up to a spread of 5 %"""
TOLERANCE, DETECT = math.log(1.02), math.log(1.05)
POWER = 0.95
CONFIRMATION_BETA = 0.005
MOST_PAIRS = 10**7
"""limit of the search in `pairs_needed`"""


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks of a group-sequential test with their nominal levels; `Looks.spending` computes them."""

    pairs: tuple[int, ...]
    """how many pairs there are at each look"""
    fail: tuple[float, ...]
    """one-sided p at which a look says REGRESSION"""
    passing: tuple[float, ...]
    """one-sided p at which a look says PASS"""
    alpha: float = 0.01
    """the chance of a REGRESSION over all looks, were head slower by the tolerance"""
    beta: float = 0.05
    """the chance of a PASS over all looks, were head slower by `detect`"""
    tolerance: float = TOLERANCE
    """log ratio; slowdowns up to this count as unchanged"""
    detect: float = DETECT
    """log ratio; a slowdown of this size must be caught"""

    @classmethod
    def spending(
        cls,
        pairs: Sequence[int] = PAIRS,
        alpha: float = 0.01,
        beta: float = 0.05,
        tolerance: float = TOLERANCE,
        detect: float = DETECT,
    ) -> Looks:
        """Looks at these numbers of pairs that spend both errors evenly (Lan and DeMets' Pocock type).

        Raises:
            ValueError: fewer than 2 pairs at a look, numbers that do not ascend, or a `detect` within the tolerance.
        """
        if not pairs or pairs[0] < 2 or detect <= tolerance:
            raise ValueError(f"expected looks from 2 pairs on and detect beyond {tolerance}, got {pairs}, {detect}")
        shares = [num / pairs[-1] for num in pairs]
        return cls(
            tuple(pairs), nominal_levels(alpha, shares), nominal_levels(beta, shares), alpha, beta, tolerance, detect
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
    normal's, since near `detect` a t test lets pass just as often as its level says. Simulated, what is
    stated is kept; where power is far from 95 %, up to 0.03 more.
    """
    last = looks.pairs[-1]
    if spread == 0:
        return float(slowdown > looks.tolerance)
    unit = spread / math.sqrt(last)
    drift, gap = (slowdown - looks.tolerance) / unit, (looks.detect - looks.tolerance) / unit
    path, probability = Path.start(), 0.0
    for num, fail, passing in zip(looks.pairs, looks.fail, looks.passing, strict=True):
        time = num / last
        if time <= path.time:
            continue  # stretched over few pairs, two looks may have the same number of pairs
        high = _critical(fail, num - 1) * math.sqrt(time)
        low = gap * time - float(stats.norm.isf(passing)) * math.sqrt(time)
        probability += path.beyond(high, time, drift)
        if low >= high:
            break  # the boundaries have met: every mean gives a verdict
        path = path.between(low, high, time, drift)
    return probability


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
        return looks.tolerance  # without any spread, every slowdown beyond the tolerance is caught
    far = looks.tolerance + spread
    while power(far, spread, within) < POWER:
        far += far - looks.tolerance
    root = optimize.brentq(lambda slowdown: power(slowdown, spread, within) - POWER, looks.tolerance, far, xtol=1e-7)
    return float(root)


def pairs_needed(spread: float, looks: Looks) -> int:
    """How many pairs, the looks stretched in proportion, make `detect` a REGRESSION with 95 % power.

    At least the first look's. A single look would need (3.97 · spread / gap)², by z.01 + z.05; six that may each let
    `detect` pass need (4.55 · spread / gap)² at the most, and about half of that on average.
    """
    low, high = looks.pairs[0] - 1, looks.pairs[0]
    while high < MOST_PAIRS and power(looks.detect, spread, looks.stretched(high)) < POWER:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = power(looks.detect, spread, looks.stretched(middle)) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return high


# ---- a suite -----------------------------------------------------------------------------------------


def confirmation(num_benchmarks: int, looks_alpha: float = 0.01, suite_alpha: float = 0.01) -> float:
    """The level at which a flagged benchmark is confirmed on fresh pairs, which limits a suite's false alarms.

    An unchanged benchmark is flagged with probability α₁ = `looks_alpha` and, as its fresh pairs are independent of the
    first ones, confirmed with probability `level`. By Bonferroni's inequality the false-alarm rate of M benchmarks is
    at most M · α₁ · level, however they depend on each other; that is `suite_alpha` for level = suite_alpha / (M α₁).
    At level 1 nothing needs to be confirmed.

    Raises:
        ValueError: no benchmark.
    """
    if num_benchmarks < 1:
        raise ValueError(f"a suite has at least 1 benchmark, got {num_benchmarks}")
    return min(1.0, suite_alpha / (num_benchmarks * looks_alpha))


def confirmation_looks(num_benchmarks: int, looks: Looks) -> Looks | None:
    """The looks at the fresh pairs of a flagged benchmark; None where nothing needs to be confirmed.

    The same numbers of pairs, with `confirmation(num_benchmarks)` for α and 0.5 % for β, so that
    the power of both stages together is hardly below that of the first. The confirmation has looks because most flagged
    benchmarks are confirmed at the first one. A number of fresh pairs computed from the spread of the flagged pairs
    would be too small, since benchmarks are flagged the earlier the smaller their spread happens to be.

    Raises:
        ValueError: no benchmark.
    """
    level = confirmation(num_benchmarks, looks.alpha)
    if level >= 1:
        return None
    return Looks.spending(looks.pairs, level, CONFIRMATION_BETA, looks.tolerance, looks.detect)

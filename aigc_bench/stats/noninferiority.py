"""Is head worse than base, credibly, or credibly not: verdicts by one-sided bounds on a difference.

Worse beyond the tolerance by its 99 % bound is a REGRESSION; worse by less than `detect` by its 95 % bound passes
(non-inferiority: Wellek 2010, "Testing Statistical Hypotheses of Equivalence and Noninferiority", §2). Where both hold,
the difference being small and well known, REGRESSION goes first,
since the tolerance was named as what is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from aigc_bench.core.errors import MeasurementError

FAIL_LEVEL, PASS_LEVEL = 0.99, 0.95
POWER = 0.80
FEWEST_SEEDS = 5
"""training seeds a side below which nothing is said of a recipe"""
MOST_SEEDS = 10**6
"""a side beyond which nobody goes"""
FAR_SHIFT = 30.0
"""noncentrality from which on power is 1, and scipy's noncentral t loses its digits"""


@dataclass(frozen=True, slots=True)
class Difference:
    """How much worse head is than base: positive is worse. `degrees` are Student's t's, infinite for a normal."""

    value: float
    standard_error: float
    degrees: float

    def __post_init__(self) -> None:
        """Refuse what is undefined.

        Raises:
            MeasurementError: NaN or infinite, a negative standard error, or no degree of freedom.
        """
        if not (math.isfinite(self.value) and 0 <= self.standard_error < math.inf and self.degrees > 0):
            raise MeasurementError(
                f"expected a finite difference with a standard error and degrees of freedom, got {self.value} ± "
                f"{self.standard_error} with {self.degrees}"
            )


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on a difference, with its p-value and bounds."""

    verdict: Literal["PASS", "REGRESSION", "INCONCLUSIVE"]
    p_value: float
    """one-sided, that head is worse beyond the tolerance"""
    low: float
    """one-sided 99 % bound"""
    high: float
    """one-sided 95 % bound"""
    level: float
    """of [low, high] together: 0.94"""
    improved: bool
    """better by more than `detect`, by the 99 % bound"""


def finding_of(difference: Difference, *, tolerance: float, detect: float) -> Finding:
    """The verdict on a difference.

    Raises:
        ValueError: a `detect` that is not above 0 or below the tolerance, or a negative tolerance.
    """
    if not 0 <= tolerance <= detect or detect == 0:
        raise ValueError(f"expected 0 ≤ tolerance ≤ detect, and detect above 0, got {tolerance} and {detect}")
    value, error = difference.value, difference.standard_error
    fail = float(stats.t.ppf(FAIL_LEVEL, difference.degrees))
    low, high = value - fail * error, value + float(stats.t.ppf(PASS_LEVEL, difference.degrees)) * error
    verdict: Literal["PASS", "REGRESSION", "INCONCLUSIVE"] = (
        "REGRESSION" if low > tolerance else "PASS" if high < detect else "INCONCLUSIVE"
    )
    return Finding(
        verdict=verdict,
        p_value=_p_value(value - tolerance, error, difference.degrees),
        low=low,
        high=high,
        level=FAIL_LEVEL + PASS_LEVEL - 1,
        improved=value + fail * error < -detect,
    )


def deciding_error(value: float, tolerance: float, detect: float) -> float:
    """The standard error at which, were `value` the truth, a verdict would fall with 80 % power; normal theory.

    The easier of the two verdicts: PASS where the value is well below `detect`, REGRESSION where it is well beyond
    the tolerance. 0 where it is exactly as far as both.
    """
    power = float(stats.norm.ppf(POWER))
    passing = (detect - value) / (float(stats.norm.ppf(PASS_LEVEL)) + power)
    failing = (value - tolerance) / (float(stats.norm.ppf(FAIL_LEVEL)) + power)
    return max(passing, failing, 0.0)


def units_needed(num_units: int, standard_error: float, wanted: float) -> int | None:
    """How many samples, blocks or seeds bring a standard error, which falls as 1 / √n, to `wanted`; None at 0."""
    return math.ceil(num_units * (standard_error / wanted) ** 2) if wanted > 0 else None


# ---- training seeds ----------------------------------------------------------------------------------


def welch(base_values: Sequence[float], head_values: Sequence[float]) -> Difference:
    """Mean of head less mean of base, where each value is a training seed's and the two sides may spread differently.

    Degrees of freedom are Welch's (1947, doi:10.1093/biomet/34.1-2.28) and Satterthwaite's. Values are such that
    more is worse, as the log of a distance is.

    Raises:
        MeasurementError: fewer than 2 values on a side, or one that is NaN or infinite.
    """
    base, head = np.asarray(base_values, dtype=np.float64), np.asarray(head_values, dtype=np.float64)
    if min(len(base), len(head)) < 2:
        raise MeasurementError(f"a difference of means needs at least 2 values a side, got {len(base)} and {len(head)}")
    shares = [float(side.var(ddof=1)) / len(side) for side in (base, head)]
    value, total = float(head.mean() - base.mean()), sum(shares)
    if total == 0:
        return Difference(value, 0.0, len(base) + len(head) - 2)
    # As scipy's ttest_ind has them, which warns where all seeds of one side agree.
    parts = [share / total for share in shares]
    degrees = 1 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (base, head), strict=True))
    return Difference(value, math.sqrt(total), degrees)


def seeds_needed(base_spread: float, head_spread: float, detect: float, power: float = POWER) -> int | None:
    """Training seeds a side with which head passes with this power, if nothing changed; None beyond a million.

    The spreads are standard deviations over seeds. With n a side, t against `detect` is noncentral by detect / SE
    with Welch's degrees of freedom; the smallest n ≥ 5 that is enough. (These degrees are of the true spreads; with
    fewer seeds, estimating them would cost more than one percent of power.)

    Raises:
        ValueError: a `detect` that is not above 0.
    """
    if detect <= 0:
        raise ValueError(f"expected detect above 0, got {detect}")

    def enough(num: int) -> bool:
        return pass_power(num, base_spread, head_spread, detect) >= power

    low, high = FEWEST_SEEDS - 1, FEWEST_SEEDS
    while not enough(high):
        if high > MOST_SEEDS:
            return None
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def pass_power(num_seeds: int, base_spread: float, head_spread: float, detect: float) -> float:
    """The probability that head passes with so many seeds a side, if nothing changed."""
    variances = base_spread**2, head_spread**2
    total = sum(variances)
    if total == 0:
        return 1.0
    degrees = (num_seeds - 1) * total**2 / sum(variance**2 for variance in variances)
    shift = detect / math.sqrt(total / num_seeds)
    if shift > FAR_SHIFT:
        return 1.0
    return float(stats.nct.sf(stats.t.ppf(PASS_LEVEL, degrees), degrees, shift))


def _p_value(room: float, error: float, degrees: float) -> float:
    if error == 0:
        return 0.0 if room > 0 else 1.0
    return float(stats.t.sf(room / error, degrees))

"""The group-sequential test on pairs: REGRESSION, PASS, or continue (`looks` has its design and error rates)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from aigc_bench.core.errors import MeasurementError
from aigc_bench.stats.looks import Looks, confirmation, confirmation_looks, detectable, pairs_needed, power

__all__ = [
    "Looks",
    "Outcome",
    "bounds",
    "confirmation",
    "confirmation_looks",
    "crossed",
    "detectable",
    "judged",
    "outcome",
    "pairs_needed",
    "power",
    "walked",
]

SIGNED_RANK_LEVEL = 0.05
"""of the test that a REGRESSION must pass as well; at 8 pairs its smallest p is 1/256, so not the look's own level"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result on a sequence of pairs; its numbers are of the pairs up to the deciding look, or of all pairs."""

    verdict: Literal["PASS", "REGRESSION", "INCONCLUSIVE"] | None
    """None: more pairs are needed; INCONCLUSIVE: the last look gave no verdict"""
    look: int | None
    """how many pairs there were at the look that decided, or at the last; None while more are needed"""
    num_pairs: int
    """that these numbers are of"""
    mean: float
    """log ratio; positive where head is slower"""
    spread: float
    """standard deviation of the differences"""
    p_value: float
    """one-sided, against the tolerance, of this look alone; to be compared with the look's level"""
    low: float
    high: float
    level: float
    """of [low, high]: 1 - α - β over all looks"""
    detectable: float | None
    """log ratio that this many pairs would have caught with 95 % power; None where they reach no look"""
    needed_pairs: int | None
    """how many would decide, where these did not"""


def crossed(differences: ArrayLike, looks: Looks) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(..., n) differences with n pairs at a look => (...) whether each says REGRESSION, and whether PASS.

    Both may be true where the mean lies well between `tolerance` and `detect`: REGRESSION takes
    precedence, since head is then credibly slower even though by less than `detect`.

    Raises:
        ValueError: there is no look at n pairs.
    """
    values = np.asarray(differences, dtype=np.float64)
    look = looks.pairs.index(values.shape[-1])
    slower = np.asarray(_p_value(values, looks.tolerance) <= looks.fail[look])
    # The exact signed-rank test is slow and seldom changes the verdict: it runs only where the t test rejects.
    flagged = values[slower]
    if len(flagged):
        slower[slower] = _signed_rank(flagged - looks.tolerance) <= SIGNED_RANK_LEVEL
    return slower, np.asarray(_p_value(-values, -looks.detect) <= looks.passing[look])


def judged(differences: Sequence[float], looks: Looks) -> Literal["PASS", "REGRESSION"] | None:
    """The verdict of the look at this number of pairs; None between looks, and if no boundary is crossed.

    Raises:
        MeasurementError: a difference is NaN or infinite.
    """
    if len(differences) not in looks.pairs:
        return None
    slower, passing = crossed(_finite(differences), looks)
    return "REGRESSION" if slower else "PASS" if passing else None


def outcome(differences: Sequence[float], looks: Looks) -> Outcome:
    """Walk the looks over the differences, in the order they came; pairs after the deciding look are ignored.

    [low, high] are repeated confidence bounds (Jennison and Turnbull 1989, doi:10.1111/j.2517-6161.1989.tb01433.x):
    one-sided t bounds at the look's own levels, so that the lower one errs in 1 % and the upper one in 5 % over all
    looks. They agree with the verdict: low is beyond the tolerance when the t test says REGRESSION, and high is short
    of `detect` when it says PASS. Between looks the levels are the next look's.

    Raises:
        MeasurementError: fewer than 2 differences, or one that is NaN or infinite.
    """
    values = _finite(differences)
    if len(values) < 2:
        raise MeasurementError(f"a verdict needs at least 2 pairs, got {len(values)}")
    for num in looks.pairs:
        if num <= len(values) and (verdict := judged(values[:num].tolist(), looks)):
            return _described(values[:num], looks, verdict)
    at_end = len(values) >= looks.pairs[-1]
    return _described(values[: looks.pairs[-1]], looks, "INCONCLUSIVE" if at_end else None)


def bounds(differences: Sequence[float], looks: Looks) -> tuple[float, float]:
    """(low, high) of these pairs at the levels of the look that they reach, or of the next; see `outcome`.

    Raises:
        MeasurementError: fewer than 2 differences, or one that is NaN or infinite.
    """
    values = _finite(differences)
    if len(values) < 2:
        raise MeasurementError(f"bounds need at least 2 pairs, got {len(values)}")
    described = _described(values[: looks.pairs[-1]], looks, None)
    return described.low, described.high


def walked(differences: ArrayLike, looks: Looks) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """(R, n) sequences of pairs, up to the last look => (R,) verdicts as of `outcome`, and the pairs each one used."""
    values = np.asarray(differences, dtype=np.float64)
    verdicts = np.full(len(values), "INCONCLUSIVE")
    used, going = np.full(len(values), looks.pairs[-1]), np.arange(len(values))
    for num in looks.pairs:
        slower, passing = crossed(values[going, :num], looks)
        verdicts[going[passing]], verdicts[going[slower]] = "PASS", "REGRESSION"
        used[going[slower | passing]] = num
        going = going[~(slower | passing)]
    return verdicts, used


def _described(
    values: NDArray[np.float64], looks: Looks, verdict: Literal["PASS", "REGRESSION", "INCONCLUSIVE"] | None
) -> Outcome:
    num, mean, spread = len(values), float(values.mean()), float(values.std(ddof=1))
    look = sum(pairs < num for pairs in looks.pairs)
    error = spread / math.sqrt(num)
    undecided = verdict in (None, "INCONCLUSIVE")
    return Outcome(
        verdict=verdict,
        look=None if verdict is None else num,
        num_pairs=num,
        mean=mean,
        spread=spread,
        p_value=float(_p_value(values, looks.tolerance)),
        low=mean - float(stats.t.isf(looks.fail[look], num - 1)) * error,
        high=mean + float(stats.t.isf(looks.passing[look], num - 1)) * error,
        level=1 - looks.alpha - looks.beta,
        detectable=detectable(spread, num, looks),
        needed_pairs=_needed(num, mean, spread, looks) if undecided else None,
    )


def _needed(num: int, mean: float, spread: float, looks: Looks) -> int:
    """The largest of: the design's need at this spread, the last look's need at this mean, and one more than `num`."""
    slower, passing = stats.norm.isf(looks.fail[-1]), stats.norm.isf(looks.passing[-1])
    room = max((mean - looks.tolerance) / float(slower), (looks.detect - mean) / float(passing))
    return max(num + 1, pairs_needed(spread, looks), math.ceil((spread / room) ** 2))


def _p_value(values: NDArray[np.float64], beyond: float) -> NDArray[np.float64]:
    """(..., n) => (...) one-sided p of the t test that the mean is above `beyond`."""
    num = values.shape[-1]
    room, error = values.mean(-1) - beyond, values.std(-1, ddof=1) / math.sqrt(num)
    # Without any spread p is 0 or 1; scipy's ttest_1samp would warn and give NaN.
    t = np.where(error > 0, room / np.where(error > 0, error, 1), np.where(room > 0, np.inf, -np.inf))
    return np.asarray(stats.t.sf(t, num - 1))


def _signed_rank(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m, n) => (m,) exact one-sided p of Wilcoxon's signed-rank test; zeros count half to either side."""
    test = stats.wilcoxon(values, axis=-1, alternative="greater", method="exact", zero_method="zsplit")
    return np.asarray(test.pvalue)


def _finite(differences: Sequence[float]) -> NDArray[np.float64]:
    values = np.asarray(differences, dtype=np.float64)
    if not np.isfinite(values).all():
        raise MeasurementError(f"expected finite log ratios of pairs, got {values[~np.isfinite(values)][0]}")
    return values

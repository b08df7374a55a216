"""Permutation tests: the sides of pairs are swapped, and nothing else is assumed.

If the two sides of each pair are exchangeable, every way to swap them was as likely as the one that came. p counts
those that look at least as bad: exactly where all can be counted, otherwise over random ones as (1 + #) / (B + 1),
which is never 0 and never too small (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aigc_bench.core.errors import MeasurementError

NUM_DRAWS = 9_999
BLOCK = 1 << 21
"""random signs that are held at once, 16 MiB of them"""
TIE = 1e-12
"""relative: sums of the same numbers in another order are ties"""


def paired(differences: ArrayLike, *, num_draws: int = NUM_DRAWS, seed: int = 0) -> float:
    """(n,) differences of pairs => one-sided p that their mean is above 0, by swaps of sides.

    Identical samples, whose differences are all 0, have p = 1. The same as `scipy.stats.permutation_test` with
    `permutation_type="samples"`, which holds two indices for each sample and draw; here a draw is a bit for each sample
    and a product of matrices, so that 50,000 samples take seconds.

    Raises:
        MeasurementError: no difference, or one that is NaN or infinite.
    """
    return paired_family(np.atleast_2d(np.asarray(differences, dtype=np.float64)), num_draws=num_draws, seed=seed)[0]


def paired_family(differences: ArrayLike, *, num_draws: int = NUM_DRAWS, seed: int = 0) -> tuple[float, ...]:
    """(M, n) differences of M scores on the same n pairs => a p for each, adjusted for there being M.

    The step-down procedure with the largest statistic (Westfall and Young 1993, "Resampling-Based Multiple Testing",
    algorithm 2.8): all scores of a draw are swapped alike, so that what hangs together is not paid for twice. A
    score's statistic is its sum over the root of its sum of squares, which no swap changes.

    Raises:
        MeasurementError: no difference, or one that is NaN or infinite.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise MeasurementError(
            f"expected finite differences (scores, samples), got shape {values.shape}, NaN, or infinity"
        )
    norms = np.sqrt((values**2).sum(1, keepdims=True))
    standardised = values / np.where(norms > 0, norms, 1)
    observed = standardised.sum(1)
    order = np.argsort(-observed, kind="stable")
    standardised, observed = standardised[order], observed[order]
    tolerance = TIE * np.abs(standardised).sum(1)
    hits, num = np.zeros(len(values), dtype=np.int64), 0
    for sums in _swapped_sums(standardised, num_draws, seed):
        # Largest of this score and of all that came out below it.
        largest = np.maximum.accumulate(sums[:, ::-1], axis=1)[:, ::-1]
        hits += (largest >= observed - tolerance).sum(0)
        num += len(sums)
    extra = 0 if _exact(values.shape[1], num_draws) else 1
    adjusted = np.empty(len(values))
    adjusted[order] = np.maximum.accumulate((hits + extra) / (num + extra))
    return tuple(adjusted.tolist())


def _exact(num: int, num_draws: int) -> bool:
    return num < 63 and 1 << num <= num_draws + 1


def _swapped_sums(values: NDArray[np.float64], num_draws: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """(M, n) => blocks (b, M) of sums after swaps: every one there is, or `num_draws` at random."""
    num = values.shape[1]
    totals = values.sum(1)
    if _exact(num, num_draws):
        codes = np.arange(1 << num)
        yield 2.0 * ((codes[:, None] >> np.arange(num)) & 1) @ values.T - totals
        return
    # RandomState's stream is frozen by NumPy's policy: a verdict repeats under any version.
    random = np.random.RandomState(seed)
    for start in range(0, num_draws, rows := max(1, BLOCK // num)):
        some = min(rows, num_draws - start)
        packed = np.frombuffer(random.bytes(math.ceil(some * num / 8)), dtype=np.uint8)
        signs = np.unpackbits(packed, count=some * num).reshape(some, num)
        yield 2.0 * signs @ values.T - totals

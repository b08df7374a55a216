"""The difference of two statistics that were computed on the same blocks of the same samples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from aigc_bench.core.errors import MeasurementError
from aigc_bench.stats.noninferiority import Difference


def difference(value: float, base_left_out: Sequence[float], head_left_out: Sequence[float]) -> Difference:
    """A statistic of head less that of base, `value`, with the delete-a-block jackknife's error of the difference.

    Value b of either side is the statistic with block b left out, the same samples on both. What the sides have in
    common moves both alike and falls out: with δ their differences, SE² = (g - 1) / g · Σ (δ_b - mean δ)² over g
    blocks, and t with g - 1 degrees of freedom (Künsch 1989, doi:10.1214/aos/1176347265). On average SE² is not too
    small (Efron and Stein 1981, doi:10.1214/aos/1176345462).

    Raises:
        MeasurementError: unlike numbers of blocks, fewer than 2, or a value that is NaN or infinite.
    """
    base, head = np.asarray(base_left_out, dtype=np.float64), np.asarray(head_left_out, dtype=np.float64)
    if base.shape != head.shape or base.ndim != 1 or len(base) < 2:
        raise MeasurementError(
            f"a paired jackknife needs the same blocks on both sides, at least 2, got {base.shape} and {head.shape}"
        )
    deltas = head - base
    num = len(deltas)
    error = math.sqrt((num - 1) / num * float(((deltas - deltas.mean()) ** 2).sum()))
    return Difference(value, error, num - 1)

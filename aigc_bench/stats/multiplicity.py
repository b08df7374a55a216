"""Multiple testing: p-values adjusted so that their family-wise error rate is the level each is compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p in the order given, each to be compared with the level of the whole family.

    The k-th smallest of M counts M - k + 1 times, and none less than one before it (Holm 1979, Scandinavian Journal of
    Statistics 6, 65-70); the tests may depend on each other in any way.

    Raises:
        ValueError: a p outside [0, 1].
    """
    values = np.asarray(p_values, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"expected p values in [0, 1], got {tuple(p_values)}")
    order = np.argsort(values, kind="stable")
    counts = np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(counts * values[order]), 1)
    return tuple(adjusted.tolist())

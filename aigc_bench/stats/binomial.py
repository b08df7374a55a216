"""Exact intervals of a share: of independent trials, and of trials in clusters (runs)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from aigc_bench.core.errors import MeasurementError

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Share:
    """A share of trials with its confidence interval."""

    value: float
    low: float
    high: float
    level: float
    """of [low, high]"""


def exact(hits: int, trials: int, level: float = LEVEL) -> Share:
    """Clopper and Pearson's interval (1934, doi:10.1093/biomet/26.4.404), which is never too narrow.

    Raises:
        MeasurementError: no trial.
        ValueError: more hits than trials.
    """
    if trials < 1:
        raise MeasurementError(f"a share needs at least 1 trial, got {trials}")
    interval = stats.binomtest(hits, trials).proportion_ci(level, method="exact")
    return Share(hits / trials, float(interval.low), float(interval.high), level)


def clustered(hits: Sequence[int], trials: Sequence[int], level: float = LEVEL) -> Share:
    """The interval for trials in runs that may be correlated: entry r has the hits and trials of run r.

    Korn and Graubard 1998 (Survey Methodology 24, 193-201): the variance of the ratio Σ hits / Σ trials over runs gives
    the independent trials that would vary as much, fewer by (t of the trials / t of the runs)² since it is itself
    estimated from runs; Clopper and Pearson's interval is taken of those, never of more than there were.

    A share of 0 or 1 has no variance and does not show the correlation within runs: then each run is a single trial.

    Raises:
        MeasurementError: unlike numbers of hits and trials, fewer than 2 runs with trials, or more hits than trials.
    """
    h, n = np.asarray(hits, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    if h.shape != n.shape or (h > n).any() or (h < 0).any():
        raise MeasurementError(f"expected as many hits as trials, none with more hits, got {hits} of {trials}")
    h, n = h[n > 0], n[n > 0]
    num_runs, total = len(n), float(n.sum())
    if num_runs < 2:
        raise MeasurementError(f"an interval over runs needs at least 2 runs with trials, got {num_runs}")
    value = float(h.sum()) / total
    if value in (0.0, 1.0):
        return exact(num_runs * int(value), num_runs, level)
    variance = num_runs / (num_runs - 1) * float(((h - value * n) ** 2).sum()) / total**2
    tail = (1 + level) / 2
    ratio = float(stats.t.ppf(tail, total - 1) / stats.t.ppf(tail, num_runs - 1))
    effective = min(total, value * (1 - value) / variance * ratio**2) if variance > 0 else total
    return _of_effective(value, effective, level)


def _of_effective(value: float, effective: float, level: float) -> Share:
    """Clopper and Pearson's bounds are quantiles of beta distributions, which need no whole numbers."""
    tail, x = (1 - level) / 2, value * effective
    low = float(stats.beta.ppf(tail, x, effective - x + 1))
    high = float(stats.beta.ppf(1 - tail, x + 1, effective - x))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise MeasurementError(f"no interval for a share of {value} over {effective} effective trials")
    return Share(value, low, high, level)

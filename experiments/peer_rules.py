"""What others call a regression, on times of blocks: (R, b) seconds of base and of head => (R,) whether it is one.

| rule | from |
|---|---|
| `min_5`, `mean_5` | pytest-benchmark 5.1, `--benchmark-compare-fail` with `min:5%` and `mean:5%` |
| `asv` | asv 0.6.4, `asv continuous` (`_is_result_better`, `statistics.is_different`): both at their defaults |
| `mann_whitney` | two-sided Mann-Whitney at p < .05, the usual home-made rule |
| `criterion` | criterion.rs 0.5 (`analysis/compare.rs`, `report.rs`): both at their defaults |

Only a change for the worse counts. Blocks of a process share its fate, which none of these rules knows.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

NUM_RESAMPLES = 1_000
"""of criterion.rs' bootstraps; its own 100,000 move a p by less than its standard error here, .007 at p = .05"""
CHUNK = 250


def min_5(base: np.ndarray, head: np.ndarray) -> np.ndarray:
    """The fastest block is slower by more than 5 %."""
    return head.min(1) > 1.05 * base.min(1)


def mean_5(base: np.ndarray, head: np.ndarray) -> np.ndarray:
    """The mean of the blocks is slower by more than 5 %."""
    return head.mean(1) > 1.05 * base.mean(1)


def asv(base: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Unlike by two-sided Mann-Whitney at p < .002, and the median slower by a factor of more than 1.1.

    Its p is exact up to 20 samples a side, and beyond that of the normal distribution without continuity correction. By
    default the samples come from two processes of each side.
    """
    exact = max(base.shape[1], head.shape[1]) <= 20
    found = stats.mannwhitneyu(
        head, base, axis=1, method="exact" if exact else "asymptotic", use_continuity=False, alternative="two-sided"
    )
    return (found.pvalue < 0.002) & (np.median(base, 1) < np.median(head, 1) / 1.1)


def mann_whitney(base: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Unlike by two-sided Mann-Whitney at p < .05, and the median slower."""
    found = stats.mannwhitneyu(head, base, axis=1, method="exact", alternative="two-sided")
    return (found.pvalue < 0.05) & (np.median(head, 1) > np.median(base, 1))


def criterion(base: np.ndarray, head: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Unlike means by a bootstrapped t test at p < .05, and the 95 % interval of their ratio above 1 + 1 %.

    t is drawn from both sides pooled, the ratio of means from each side by itself, its interval by percentiles.
    """
    rng = np.random.default_rng(seed)
    found = []
    for start in range(0, len(base), CHUNK):
        old, new = base[start : start + CHUNK], head[start : start + CHUNK]
        pooled = np.concatenate([new, old], axis=1)
        drawn = _resampled(pooled, pooled.shape[1], rng)
        below = (_t(drawn[..., : new.shape[1]], drawn[..., new.shape[1] :]) < _t(new, old)[:, None]).sum(1)
        p_value = 2 * np.minimum(below, NUM_RESAMPLES - below) / NUM_RESAMPLES
        ratios = _resampled(new, new.shape[1], rng).mean(2) / _resampled(old, old.shape[1], rng).mean(2) - 1
        found.append((p_value < 0.05) & (np.quantile(ratios, 0.025, axis=1) > 0.01))
    return np.concatenate(found)


def _resampled(values: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """(r, b) => (r, 1000, size) draws with replacement from each row."""
    rows = np.arange(len(values))[:, None, None]
    return values[rows, rng.integers(0, values.shape[1], (len(values), NUM_RESAMPLES, size))]


def _t(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    error = np.sqrt(new.var(-1, ddof=1) / new.shape[-1] + old.var(-1, ddof=1) / old.shape[-1])
    return (new.mean(-1) - old.mean(-1)) / error


OF_ONE_PROCESS = {
    "pytest-benchmark, min:5%": min_5,
    "pytest-benchmark, mean:5%": mean_5,
    "Mann-Whitney, p < .05": mann_whitney,
    "criterion.rs": criterion,
}
OF_TWO_PROCESSES = {"asv continuous": asv}

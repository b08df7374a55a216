"""Intervals: from independent values, from a delete-a-block jackknife, and for quantiles without assumptions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from aigc_bench.core import Estimate, ReplicatesOf
from aigc_bench.core.errors import MeasurementError, NotAvailableError

LEVEL = 0.95
NUM_BLOCKS = 20
BLOCK_SEED = 0


def symmetric(  # the fields of an Estimate, by keyword
    value: float,
    standard_error: float,
    degrees: float,
    *,
    method: str,
    estimand: str,
    num_samples: int,
    replicates: Sequence[float] = (),
    replicates_of: ReplicatesOf | None = None,
    support: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """Value ± t · standard_error, Student's t with `degrees` of freedom; bounds stay within `support`."""
    half = float(stats.t.ppf(0.5 + LEVEL / 2, degrees)) * standard_error
    return Estimate(
        value=value,
        standard_error=standard_error,
        low=max(value - half, support[0]),
        high=min(value + half, support[1]),
        level=LEVEL,
        method=method,
        estimand=estimand,
        num_samples=num_samples,
        replicates=tuple(replicates),
        replicates_of=replicates_of if replicates else None,
        degrees=degrees if math.isfinite(degrees) else None,
    )


def leaning(estimate: Estimate, slope: float) -> Estimate:
    """The estimate with the interval of a squared error that rises by `slope` per unit of the score.

    Wilson's construction (1927): all θ with (T - θ)² ≤ t² (SE² + slope · (θ - T)), that is T + a ± √(t² SE² + a²) with
    a = t² slope / 2. It leans to where errors are larger, and lies about the value at `slope` 0.

    Raises:
        MeasurementError: the estimate has no standard error with degrees of freedom.
    """
    if estimate.standard_error is None or estimate.degrees is None:
        raise MeasurementError("an interval leans by a standard error and its degrees of freedom; this has none")
    t = float(stats.t.ppf(0.5 + estimate.level / 2, estimate.degrees))
    middle = t**2 * slope / 2
    half = math.hypot(t * estimate.standard_error, middle)
    return replace(estimate, low=estimate.value + middle - half, high=estimate.value + middle + half)


def of_mean(
    values: Tensor, *, method: str, estimand: str, support: tuple[float, float] = (-math.inf, math.inf)
) -> Estimate:
    """The mean of independent values (N,) with Student's t interval; its replicates are those of a jackknife.

    Raises:
        MeasurementError: fewer than two values.
    """
    values = values.to(torch.float64)
    num = len(values)
    if num < 2:
        raise MeasurementError(f"a mean with an error bar needs at least 2 values, got {num}")
    error = float(values.std(correction=1)) / math.sqrt(num)
    return symmetric(
        float(values.mean()),
        error,
        num - 1,
        method=method,
        estimand=estimand,
        num_samples=num,
        replicates=means_without(values),
        replicates_of="block left out",
        support=support,
    )


def of_jackknife(
    value: float,
    left_out: Sequence[float],
    *,
    estimand: str,
    num_samples: int,
    support: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """A statistic with its delete-a-block jackknife interval, from its values with one block left out.

    SE² = (g - 1) / g · Σ (θ₍₋ᵦ₎ - mean)², Künsch 1989 (doi 10.1214/aos/1176347265) for g blocks; t with g - 1
    degrees of freedom.
    """
    values = np.asarray(left_out, dtype=np.float64)
    num_blocks = len(values)
    error = math.sqrt((num_blocks - 1) / num_blocks * float(((values - values.mean()) ** 2).sum()))
    return symmetric(
        value,
        error,
        num_blocks - 1,
        method=f"delete-a-block jackknife, {num_blocks} random blocks of the generated set; reference fixed",
        estimand=estimand,
        num_samples=num_samples,
        replicates=values.tolist(),
        replicates_of="block left out",
        support=support,
    )


def block_of(num: int) -> Tensor:
    """(num,) int64: which of the blocks each sample is in."""
    found = torch.empty(num, dtype=torch.int64)
    for number, members in enumerate(blocks(num)):
        found[members] = number
    return found


def means_without(values: Tensor) -> list[float]:
    """The mean of (N,) values without each of the blocks; none where there are too few values for blocks."""
    if len(values) < 2 * NUM_BLOCKS:
        return []
    total, num = values.sum(), len(values)
    return [float((total - values[block].sum()) / (num - len(block))) for block in blocks(num)]


def of_share(flags: Tensor, *, method: str, estimand: str, inflation: float = 1.0) -> Estimate:
    """The share of flags (N,) bool with Wilson's interval, which is sound at 0 and 1, too.

    Wilson 1927, doi:10.1080/01621459.1927.10502953. Of flags that depend on each other, `inflation` is how many times
    the variance of the share is that of independent ones: N / inflation then takes the place of N.

    Raises:
        MeasurementError: no flag.
    """
    num, hits = len(flags), int(flags.sum())
    if not num:
        raise MeasurementError("a share needs at least 1 sample, got 0")
    share = hits / num
    low, high = _wilson(hits, num, inflation)
    without = tuple(means_without(flags.double()))
    return Estimate(
        value=share,
        standard_error=math.sqrt(share * (1 - share) / num * inflation),
        low=low,
        high=high,
        level=LEVEL,
        method=method,
        estimand=estimand,
        num_samples=num,
        replicates=without,
        replicates_of="block left out" if without else None,
    )


def _wilson(hits: int, num: int, inflation: float) -> tuple[float, float]:
    if inflation == 1.0:
        interval = stats.binomtest(hits, num).proportion_ci(LEVEL, method="wilson")
        return float(interval.low), float(interval.high)
    share, effective, z = hits / num, num / inflation, float(stats.norm.ppf((1 + LEVEL) / 2))
    centre = (share + z * z / (2 * effective)) / (1 + z * z / effective)
    half = z / (1 + z * z / effective) * math.sqrt(share * (1 - share) / effective + (z / (2 * effective)) ** 2)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def scaled(estimate: Estimate, factor: float) -> Estimate:
    """The same in a unit that is `factor` times smaller."""

    def times(value: float | None) -> float | None:
        return None if value is None else factor * value

    return replace(
        estimate,
        value=factor * estimate.value,
        standard_error=times(estimate.standard_error),
        low=times(estimate.low),
        high=times(estimate.high),
        replicates=tuple(factor * value for value in estimate.replicates),
    )


def blocks(num_samples: int, num_blocks: int = NUM_BLOCKS) -> list[Tensor]:
    """Disjoint blocks of nearly equal size, ascending int64 row numbers each, drawn at random by a fixed seed.

    At random, because files often lie class by class: contiguous blocks would then differ by more than sampling.

    Raises:
        MeasurementError: fewer than two samples a block.
    """
    if num_samples < 2 * num_blocks:
        raise MeasurementError(f"the jackknife needs at least {2 * num_blocks} generated samples, got {num_samples}")
    # RandomState's stream is frozen by NumPy's policy: a stored score repeats under any version.
    order = torch.from_numpy(np.random.RandomState(BLOCK_SEED).permutation(num_samples))
    edges = [num_samples * i // num_blocks for i in range(num_blocks + 1)]
    return [order[a:b].sort().values for a, b in itertools.pairwise(edges)]


def of_quantile(values: Sequence[float], quantile: float, *, what: str, where: str = "") -> Estimate:
    """A quantile with its distribution-free interval between two order statistics (David and Nagaraja 2003, §7.1).

    Raises:
        NotAvailableError: too few values for an upper bound at this level: 1 - quantile^n must reach .95, which
            a 99th percentile does at n = 299.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    num = len(ordered)
    if 1 - quantile**num < LEVEL:
        needed = math.ceil(math.log(1 - LEVEL) / math.log(quantile))
        raise NotAvailableError(f"n = {num}: the {quantile:.0%} quantile of {what} needs at least {needed}")
    tail = (1 - LEVEL) / 2
    low = max(int(stats.binom.ppf(tail, num, quantile)), 1) - 1
    high = min(int(stats.binom.ppf(1 - tail, num, quantile)) + 1, num) - 1
    return Estimate(
        value=float(np.quantile(ordered, quantile)),
        standard_error=None,
        low=float(ordered[low]),
        high=float(ordered[high]),
        level=LEVEL,
        method=f"order statistics {low + 1} and {high + 1} of {num} {what}",
        estimand=f"{quantile:.0%} quantile of {what}{where}",
        num_samples=num,
    )

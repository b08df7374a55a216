"""The change of a score from base to head with its standard error, from two estimates.

If sample i of both sides was drawn from the same seed, the replicates of both sides (blocks left out, splits, halves)
are compared one by one, and the variation that they share cancels. Otherwise the standard errors of both sides add up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from aigc_bench.core import Estimate
from aigc_bench.runs.comparison.sides import Scale
from aigc_bench.stats import paired_jackknife

LEVEL = 0.95
UNBIASED = ("kd", "kid", "fd_infinity", "fid_infinity", "rfd_infinity")
"""prefixes of the names of unbiased scores, which scatter around zero for a perfect generator at any sample size"""
WELL_KNOWN = 5.0
"""number of standard errors from zero beyond which the log of a score is close to normal"""
NORMAL = float(stats.norm.ppf(0.5 + LEVEL / 2))


@dataclass(frozen=True, slots=True)
class Change:
    """Head less base, on a scale where one number means the same for both."""

    scale: Scale
    value: float
    standard_error: float | None
    """None if the score has no sampling error, or states none"""
    degrees: float
    """of freedom, of Student's t"""
    method: str
    identical: bool = False
    """estimate, standard error and replicates are equal to the bit"""
    paired: bool = False
    differences: tuple[float, ...] = ()
    """of each block, split or half, where they were compared one by one"""

    @property
    def interval(self) -> tuple[float, float] | None:
        """The two-sided interval of the change, at LEVEL."""
        if self.standard_error is None:
            return None
        half = float(stats.t.ppf(0.5 + LEVEL / 2, self.degrees)) * self.standard_error
        return self.value - half, self.value + half

    @property
    def p_value(self) -> float | None:
        """The two-sided p-value of the hypothesis that nothing changed."""
        if self.standard_error is None:
            return None
        if self.standard_error == 0:
            return float(self.value == 0)
        return float(2 * stats.t.sf(abs(self.value) / self.standard_error, self.degrees))

    @property
    def ratio(self) -> float | None:
        """Head over base, less one; None of a difference."""
        return math.expm1(self.value) if self.scale == "log ratio" else None


def scale_of(metric: str, estimates: Sequence[Estimate]) -> Scale:
    """Log ratio for scores that are positive and well known, difference for those that may be zero or negative."""
    if metric.startswith(UNBIASED):
        return "difference"
    positive = all(
        min((estimate.value, *estimate.replicates)) > 0 and estimate.value > WELL_KNOWN * (_error_of(estimate) or 0.0)
        for estimate in estimates
    )
    return "log ratio" if positive else "difference"


def change_of(base: Estimate, head: Estimate, scale: Scale, *, paired: bool) -> Change:
    """The change between two estimates; `paired`: sample i of both is of one seed, or one held-out image."""
    value = math.log(head.value / base.value) if scale == "log ratio" else head.value - base.value
    if _same(base, head):
        return Change(scale, 0.0, 0.0, math.inf, "equal to the bit", identical=True, paired=paired)
    if paired and (change := _paired(base, head, scale, value)) is not None:
        return change
    errors = [_error_of(estimate) for estimate in (base, head)]
    if errors[0] is None or errors[1] is None:
        return Change(scale, value, None, math.inf, "no standard error on at least one side")
    if scale == "log ratio":
        errors = [
            error / estimate.value for error, estimate in zip(errors, (base, head), strict=True) if error is not None
        ]
    return Change(
        scale,
        value,
        math.hypot(*(error for error in errors if error is not None)),
        _satterthwaite([error or 0.0 for error in errors], [base.degrees or math.inf, head.degrees or math.inf]),
        "standard errors of both sides, as of independent samples",
    )


def mean_change(changes: Sequence[Change]) -> Change:
    """The mean over training seeds of changes on one scale; its error is that of sampling from these very models."""
    if len(changes) == 1:
        return changes[0]
    num = len(changes)
    value = math.fsum(change.value for change in changes) / num
    errors = [change.standard_error for change in changes if change.standard_error is not None]
    first = changes[0]
    if len(errors) < num:
        return Change(first.scale, value, None, math.inf, first.method)
    return replace(
        first,
        value=value,
        standard_error=math.hypot(*errors) / num,
        degrees=_satterthwaite(errors, [change.degrees for change in changes]),
        method=f"mean over {num} training seeds of: {first.method}",
        identical=all(change.identical for change in changes),
        differences=tuple(change.value for change in changes),
    )


def _same(base: Estimate, head: Estimate) -> bool:
    return (base.value, base.standard_error, base.replicates) == (head.value, head.standard_error, head.replicates)


def _paired(base: Estimate, head: Estimate, scale: Scale, value: float) -> Change | None:
    """The change from replicates compared one by one; None where there are none that can be."""
    kind = base.replicates_of
    if kind is None or kind != head.replicates_of or len(base.replicates) != len(head.replicates):
        return None
    if base.num_samples != head.num_samples:
        return None
    sides = np.array([base.replicates, head.replicates])
    method = "paired delete-a-block jackknife"
    if kind == "block left out":
        logs = sides if scale == "difference" else np.log(sides)
        error, differences = paired_jackknife.difference(value, *logs.tolist()).standard_error, logs[1] - logs[0]
    elif kind in ("split", "half"):
        # On the log scale by the delta method: the score is the mean over the parts.
        scaled = sides if scale == "difference" else sides / sides.mean(1, keepdims=True)
        differences = scaled[1] - scaled[0]
        error, method = _of_parts(differences, kind)
    else:
        return None  # subsets share samples, so that their spread does not estimate the error
    degrees = len(differences) - 1 if kind != "half" else len(differences) // 2
    text = f"{method}, {len(differences)} {'blocks' if kind == 'block left out' else kind + 's'}; reference fixed"
    return Change(scale, value, error, degrees, text, paired=True, differences=tuple(differences.tolist()))


def _of_parts(differences: NDArray[np.float64], kind: Literal["split", "half"]) -> tuple[float, str]:
    if kind == "split":
        return float(differences.std(ddof=1)) / math.sqrt(len(differences)), "paired differences of splits"
    # Half the squared difference of two disjoint halves is unbiased for the variance at N / 2. At N a part of it halves
    # and a part becomes a quarter (`metrics.manifold.variance_of_recall`); as if all of it stayed: never too small.
    halves = differences.reshape(-1, 2)
    return math.sqrt(float(((halves[:, 0] - halves[:, 1]) ** 2).mean()) / 2), "paired balanced halves"


def _error_of(estimate: Estimate) -> float | None:
    """The standard error; from the interval where there is none, or a 0 that all samples' agreeing gives."""
    if estimate.standard_error:
        return estimate.standard_error
    if estimate.low is None or estimate.high is None:
        return estimate.standard_error
    return (estimate.high - estimate.low) / (2 * NORMAL)


def _satterthwaite(errors: Sequence[float], degrees: Sequence[float]) -> float:
    # Satterthwaite 1946, doi:10.2307/3002019.
    spread = sum(error**4 / free for error, free in zip(errors, degrees, strict=True))
    return sum(error**2 for error in errors) ** 2 / spread if spread > 0 else math.inf

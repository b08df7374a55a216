"""Verdicts by one-sided bounds, Welch, and the seeds that would decide."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from aigc_bench.core.errors import MeasurementError
from aigc_bench.stats.noninferiority import (
    Difference,
    deciding_error,
    finding_of,
    pass_power,
    seeds_needed,
    units_needed,
    welch,
)


def test_bounds_and_p_are_those_of_the_t_test() -> None:
    """Against scipy's one-sample t."""
    values = np.random.default_rng(0).normal(0.01, 0.02, 9)
    difference = Difference(values.mean(), values.std(ddof=1) / 3, 8)
    finding = finding_of(difference, tolerance=0.005, detect=0.02)
    test = stats.ttest_1samp(values, 0.005, alternative="greater")
    assert finding.p_value == pytest.approx(test.pvalue)
    assert finding.low == pytest.approx(test.confidence_interval(0.99).low)
    assert finding.high == pytest.approx(
        stats.ttest_1samp(values, 0, alternative="less").confidence_interval(0.95).high
    )


@pytest.mark.parametrize(
    ("value", "error", "verdict"),
    [
        (0.00, 0.001, "PASS"),
        (0.00, 0.100, "INCONCLUSIVE"),
        (0.05, 0.001, "REGRESSION"),
        (0.05, 0.100, "INCONCLUSIVE"),
        (0.01, 0.001, "REGRESSION"),  # less than the margin, and beyond the tolerance without doubt
        (-0.5, 0.001, "PASS"),
        (0.0, 0.0, "PASS"),
        (0.006, 0.0, "REGRESSION"),
    ],
)
def test_verdicts(value: float, error: float, verdict: str) -> None:
    """By the bounds, REGRESSION first; and an improvement beyond the margin is marked."""
    finding = finding_of(Difference(value, error, 19), tolerance=0.005, detect=0.02)
    assert finding.verdict == verdict
    assert finding.improved == (value == -0.5)


def test_errors_of_the_verdicts() -> None:
    """1 % at the tolerance's edge and 5 % at the margin, over t-distributed differences."""
    rng = np.random.default_rng(1)
    values = rng.normal(0, 0.02, (2000, 6))
    verdicts = {}
    for truth in (0.005, 0.02):
        sample = values + truth
        findings = [
            finding_of(
                Difference(float(row.mean()), float(row.std(ddof=1)) / math.sqrt(6), 5), tolerance=0.005, detect=0.02
            )
            for row in sample
        ]
        verdicts[truth] = [finding.verdict for finding in findings]
    # Three standard errors of the share.
    assert verdicts[0.005].count("REGRESSION") / 2000 == pytest.approx(0.01, abs=3 * math.sqrt(0.01 / 2000))
    assert verdicts[0.02].count("PASS") / 2000 == pytest.approx(0.05, abs=3 * math.sqrt(0.05 / 2000))


def test_a_tolerance_as_wide_as_what_must_be_detected() -> None:
    """Verdicts exclude each other; beyond it there is nothing to say."""
    assert finding_of(Difference(0.019, 1e-6, 19), tolerance=0.02, detect=0.02).verdict == "PASS"
    for tolerance, margin in ((0.03, 0.02), (0.0, 0.0), (-0.1, 0.02)):
        with pytest.raises(ValueError, match="tolerance"):
            finding_of(Difference(0.0, 0.1, 9), tolerance=tolerance, detect=margin)


@pytest.mark.parametrize("value", [-0.01, 0.0, 0.01, 0.018, 0.03, 0.1])
def test_the_deciding_error_decides(value: float) -> None:
    """In four of five cases, were the estimate the truth."""
    error = deciding_error(value, 0.005, 0.02)
    estimates = value + error * np.random.default_rng(2).standard_normal(1500)
    verdicts = [
        finding_of(Difference(float(x), error, math.inf), tolerance=0.005, detect=0.02).verdict for x in estimates
    ]
    assert 1 - verdicts.count("INCONCLUSIVE") / 1500 >= 0.8 - 3 * math.sqrt(0.16 / 1500)


def test_units_scale_with_the_square() -> None:
    """Half the error needs four times as many."""
    assert units_needed(1000, 0.02, 0.01) == 4000
    assert units_needed(1000, 0.02, 0.0) is None


def test_welch_against_scipy() -> None:
    """Statistic, degrees and p; swapping the sides flips the sign."""
    rng = np.random.default_rng(3)
    base, head = rng.normal(0, 1, 5), rng.normal(0.5, 3, 9)
    difference = welch(base.tolist(), head.tolist())
    test = stats.ttest_ind(head, base, equal_var=False, alternative="greater")
    assert difference.value / difference.standard_error == pytest.approx(test.statistic)
    assert difference.degrees == pytest.approx(test.df)
    assert finding_of(difference, tolerance=0, detect=1).p_value == pytest.approx(test.pvalue)
    swapped = welch(head.tolist(), base.tolist())
    assert (swapped.value, swapped.standard_error) == pytest.approx((-difference.value, difference.standard_error))


def test_welch_of_seeds_that_do_not_differ() -> None:
    """A recipe that repeats to the bit has no error."""
    assert welch([1.0] * 5, [1.0] * 5) == Difference(0.0, 0.0, 8)


@pytest.mark.parametrize(("base", "head"), [([1.0], [1.0, 2.0]), ([1.0, math.nan], [1.0, 2.0])])
def test_welch_of_what_is_undefined(base: list[float], head: list[float]) -> None:
    """One value has no spread, NaN no mean."""
    with pytest.raises(MeasurementError):
        welch(base, head)


@pytest.mark.parametrize(("base_spread", "head_spread"), [(0.016, 0.016), (0.03, 0.01)])
def test_seeds_needed_are_enough_and_one_less_is_not(base_spread: float, head_spread: float) -> None:
    """By simulation: the same recipe passes in 80 % of all cases with so many seeds, and in fewer with one less."""
    num, margin = seeds_needed(base_spread, head_spread, 0.02), 0.02
    assert num is not None
    rng = np.random.default_rng(4)
    passed = {}
    for seeds in (num - 1, num):
        base, head = rng.normal(0, base_spread, (20_000, seeds)), rng.normal(0, head_spread, (20_000, seeds))
        test = stats.ttest_ind(head, base + margin, axis=1, equal_var=False, alternative="less")
        passed[seeds] = float((test.pvalue < 0.05).mean())
        # Three standard errors of the share.
        assert passed[seeds] == pytest.approx(pass_power(seeds, base_spread, head_spread, margin), abs=0.0085)
    assert passed[num] > 0.80 - 0.0085
    assert passed[num - 1] < 0.80


def test_seeds_needed_at_the_ends() -> None:
    """Never fewer than are asked for, never a number that nobody could train, and z in the place of t for many."""
    assert seeds_needed(0.0, 0.0, 0.02) == 5
    assert seeds_needed(100.0, 100.0, 1e-6) is None
    assert seeds_needed(1.0, 1.0, 0.05) == pytest.approx(2 * ((1.6449 + 0.8416) / 0.05) ** 2, rel=0.002)
    with pytest.raises(ValueError, match="detect above 0"):
        seeds_needed(1.0, 1.0, 0.0)

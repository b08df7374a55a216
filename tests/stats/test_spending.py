"""Levels of looks against closed forms, a multivariate normal, and what the literature prints."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from aigc_bench.stats.spending import Path, nominal_levels, pocock_type

SHARES = [8 / 40, 12 / 40, 18 / 40, 26 / 40, 1.0]


def test_everything_is_spent_in_the_end() -> None:
    """And nothing at the start."""
    assert pocock_type(0.01, 1.0) == pytest.approx(0.01, rel=1e-12)
    assert pocock_type(0.01, 0.0) == 0.0


def test_a_single_look_has_the_whole_level() -> None:
    """There is nothing to share."""
    assert nominal_levels(0.03, [1.0]) == pytest.approx((0.03,), rel=1e-9)


def test_the_first_look_has_what_is_spent_by_then() -> None:
    """Before it nothing can have been crossed, so there is nothing to integrate."""
    assert nominal_levels(0.05, SHARES)[0] == pytest.approx(0.05 * math.log(1 + (math.e - 1) / 5), rel=1e-9)


@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_looks_together_err_as_often_as_they_may(alpha: float) -> None:
    """Against the multivariate normal: the chance that no look is crossed is 1 - alpha spent so far."""
    critical = stats.norm.isf(nominal_levels(alpha, SHARES))
    times = np.array(SHARES)
    covariance = np.sqrt(np.minimum.outer(times, times) / np.maximum.outer(times, times))
    for num in (2, 4):
        within = stats.multivariate_normal.cdf(
            critical[:num], np.zeros(num), covariance[:num, :num], abseps=1e-6, releps=1e-6, rng=1
        )
        # The reference integrates by quasi-Monte Carlo, to about 1e-6.
        assert 1 - within == pytest.approx(pocock_type(alpha, SHARES[num - 1]), abs=2e-5)


def test_published_boundaries() -> None:
    """Five equal looks, α = .025: 2.438, 2.427, 2.410, 2.397, 2.386 (Reboussin et al. 2000, and R's gsDesign)."""
    levels = nominal_levels(0.025, [0.2, 0.4, 0.6, 0.8, 1.0])
    assert stats.norm.isf(levels) == pytest.approx([2.438, 2.427, 2.410, 2.397, 2.386], abs=6e-4)


def test_a_path_without_boundaries_is_normal() -> None:
    """Two steps of the recursion against one of the normal distribution."""
    path = Path.start()
    for time in (0.1, 0.5):
        path = path.between(-math.inf, math.inf, time, 2.0)
    assert path.mass.sum() == pytest.approx(1, abs=1e-12)
    assert path.beyond(1.5, 1.0, 2.0) == pytest.approx(stats.norm.sf(1.5, 2.0, 1.0), abs=1e-12)


@pytest.mark.parametrize("shares", [[], [0.5], [0.5, 0.4, 1.0], [0.0, 1.0]])
def test_shares_must_ascend_to_one(shares: list[float]) -> None:
    """Or the last of the error would never be spent."""
    with pytest.raises(ValueError, match="ascend to 1"):
        nominal_levels(0.01, shares)

"""Exact intervals, and those over runs, against scipy and by coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aigc_bench.core.errors import MeasurementError
from aigc_bench.stats.binomial import clustered, exact


def test_exact_against_the_definition() -> None:
    """At either bound the tail has half of what the level leaves."""
    share = exact(3, 50)
    assert stats.binom.sf(2, 50, share.low) == pytest.approx(0.025)
    assert stats.binom.cdf(3, 50, share.high) == pytest.approx(0.025)
    assert share.value == 0.06


def test_nothing_seen_is_not_nothing() -> None:
    """The rule of three, here 3.7: the upper bound of 0 in 200."""
    share = exact(0, 200)
    assert share.low == 0
    assert share.high == pytest.approx(1 - 0.025 ** (1 / 200))


@pytest.mark.parametrize("spread", [0.0, 0.15, 0.5])
def test_intervals_over_runs_cover(spread: float) -> None:
    """25 runs of 10 trials, beta-binomial with this correlation within a run: at least 95 %, less simulation error."""
    rng = np.random.default_rng(1)
    for share in (0.1, 0.5):
        held = 0
        for _ in range(400):
            scale = (1 - spread) / spread if spread else 0
            chances = rng.beta(share * scale, (1 - share) * scale, 25) if spread else np.full(25, share)
            found = clustered(rng.binomial(10, chances).tolist(), [10] * 25)
            held += found.low <= share <= found.high
        assert held / 400 > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 400)


def test_runs_that_hang_together_count_less() -> None:
    """All or nothing in each of 20 runs tells hardly more than 20 trials, and never is it more than there were."""
    alike = clustered([10] * 4 + [0] * 16, [10] * 20)
    # Between the widths of 15 and of 20 independent trials with the same share of 0.2.
    assert exact(3, 15).high - exact(3, 15).low > alike.high - alike.low > exact(4, 20).high - exact(4, 20).low
    assert exact(3, 15).low < alike.low < exact(4, 20).low
    even = clustered([2] * 20, [10] * 20)
    assert (even.low, even.high) == pytest.approx((exact(40, 200).low, exact(40, 200).high))


def test_without_any_variance_a_run_is_one_trial() -> None:
    """Nothing is known of how the trials of a run hang together; runs without trials do not count."""
    nothing, everything = exact(0, 20), exact(20, 20)
    assert clustered([0] * 21, [10] * 20 + [0]) == nothing
    assert clustered([10] * 20, [10] * 20) == everything


@pytest.mark.parametrize(("hits", "trials"), [([1], [2]), ([1, 2], [2]), ([3, 0], [2, 2]), ([0, 0], [0, 0])])
def test_undefined_is_an_error(hits: list[int], trials: list[int]) -> None:
    """One run, unlike lengths, more hits than trials, no trial."""
    with pytest.raises(MeasurementError):
        clustered(hits, trials)
    with pytest.raises(MeasurementError):
        exact(0, 0)

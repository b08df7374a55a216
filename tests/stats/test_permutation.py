"""Permutation tests against scipy, brute force and simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from aigc_bench.core.errors import MeasurementError
from aigc_bench.stats import permutation
from aigc_bench.stats.permutation import paired, paired_family


def brute_force(differences: np.ndarray) -> np.ndarray:
    """Step-down p over all swaps, score by score from the definition."""
    scaled = differences / np.sqrt((differences**2).sum(1, keepdims=True))
    observed = scaled.sum(1)
    signs = np.array(list(itertools.product([-1, 1], repeat=differences.shape[1])))
    draws = signs @ scaled.T
    adjusted, least = np.empty(len(observed)), 0.0
    left = list(np.argsort(-observed))
    while left:
        first = left[0]
        least = max(least, float((draws[:, left].max(1) >= observed[first] - 1e-12).mean()))
        adjusted[first] = least
        left = left[1:]
    return adjusted


def test_all_swaps_of_few_pairs() -> None:
    """Exactly scipy's."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        x, y = rng.normal(0.5, 1, 9), rng.normal(0, 1, 9)
        expected = stats.permutation_test(
            (x, y), lambda a, b: np.mean(a - b), permutation_type="samples", alternative="greater", n_resamples=np.inf
        )
        assert paired(x - y) == pytest.approx(expected.pvalue, rel=1e-12)


def test_random_swaps_of_many_pairs() -> None:
    """They approach the normal distribution that the sum of signs has; 2 % are three standard errors of p = .11."""
    differences = np.random.default_rng(1).normal(0.03, 1, 3000)
    z = differences.sum() / math.sqrt((differences**2).sum())
    assert paired(differences) == pytest.approx(stats.norm.sf(z), abs=0.01)
    assert paired(differences) == paired(differences.copy())
    assert paired(differences) != paired(differences, seed=1)


def test_identical_samples_have_p_1() -> None:
    """However many: nothing that could have come looks better."""
    assert paired(np.zeros(5)) == 1.0
    assert paired(np.zeros(500), num_draws=99) == 1.0
    assert paired_family(np.zeros((3, 500)), num_draws=99) == (1.0, 1.0, 1.0)


def test_p_is_never_0() -> None:
    """The smallest is one draw in B + 1."""
    assert paired(np.ones(1000), num_draws=199) == 1 / 200
    assert paired(np.ones(7)) == 1 / 128


def test_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples in eights use whole bytes, so that the stream of bits is the same."""
    differences = np.random.default_rng(2).normal(0.1, 1, (2, 64))
    whole = paired_family(differences, num_draws=999)
    monkeypatch.setattr(permutation, "BLOCK", 64 * 10)
    assert paired_family(differences, num_draws=999) == whole


def test_it_errs_as_often_as_it_says() -> None:
    """Skewed differences of exchangeable sides; three standard errors of the share."""
    rng = np.random.default_rng(3)
    found = [paired(x - y, num_draws=199) for x, y in rng.exponential(1, (1500, 2, 24))]
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / 1500))


def test_families_against_brute_force() -> None:
    """All 2⁸ swaps of 4 scores."""
    rng = np.random.default_rng(4)
    for shift in (0.0, 0.4, 1.0):
        differences = rng.normal(shift, 1, (4, 8)) + rng.normal(0, 1, 8)
        assert paired_family(differences) == pytest.approx(brute_force(differences), rel=1e-12)


def test_scores_that_say_the_same_are_not_paid_for_twice() -> None:
    """Nor does a score's unit matter."""
    differences = np.random.default_rng(5).normal(0.2, 1, 100)
    alone = paired(differences)
    assert paired_family(np.stack([differences, 1000 * differences, differences])) == pytest.approx((alone,) * 3)


def test_a_family_errs_once_where_a_score_would() -> None:
    """Of 5 scores that hang together, none worse; three standard errors of the share."""
    rng = np.random.default_rng(6)
    wrong = 0
    for _ in range(600):
        differences = rng.normal(0, 1, (5, 30)) + rng.normal(0, 1, 30)
        wrong += min(paired_family(differences, num_draws=199)) <= 0.05
    assert wrong / 600 == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / 600))


def test_undefined_is_an_error() -> None:
    """NaN, nothing."""
    for bad in ([math.nan, 1.0], []):
        with pytest.raises(MeasurementError):
            paired(bad)

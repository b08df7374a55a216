"""The relative similarity test against whole kernel matrices, and by simulation of its level and power."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from aigc_bench.core.errors import MeasurementError
from aigc_bench.stats import relative_mmd
from aigc_bench.stats.relative_mmd import Similarity, relative_similarity


def cubic(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """KID's."""
    return (a @ b.T / a.shape[1] + 1) ** 3


def draws(num: int, shift: float, rng: np.random.Generator, axis: int = 0) -> np.ndarray:
    """(num, 4) normal features, shifted along one of them."""
    features = rng.standard_normal((num, 4))
    features[:, axis] += shift
    return features


def whole(real: np.ndarray, base: np.ndarray, head: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Both distances and their covariance, entry by entry from whole matrices."""

    def off(pool: np.ndarray) -> np.ndarray:
        kernel = cubic(pool, pool)
        return kernel[~np.eye(len(pool), dtype=bool)].reshape(len(pool), -1)

    found, terms = [], []
    for fake in (base, head):
        cross = cubic(real, fake)
        found.append(off(real).mean() + off(fake).mean() - 2 * cross.mean())
        terms.append((2 * (off(real).mean(1) - cross.mean(1)), 2 * (off(fake).mean(1) - cross.mean(0))))
    covariance = np.cov(terms[0][0], terms[1][0]) / len(real)
    covariance[0, 0] += terms[0][1].var(ddof=1) / len(base)
    covariance[1, 1] += terms[1][1].var(ddof=1) / len(head)
    return found[0], found[1], covariance


def repeated(num: int, shifts: tuple[float, float], repetitions: int) -> list[Similarity]:
    """Tests of fresh samples; base and head are shifted in unlike directions."""
    rng = np.random.default_rng(1)
    return [
        relative_similarity(draws(num, 0, rng), draws(num, shifts[0], rng), draws(num, shifts[1], rng, axis=1), cubic)
        for _ in range(repetitions)
    ]


@pytest.mark.parametrize("tile", [2048, 7])
def test_against_whole_matrices(tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unlike numbers of samples, in one tile and in many."""
    monkeypatch.setattr(relative_mmd, "TILE", tile)
    rng = np.random.default_rng(0)
    real, base, head = draws(30, 0, rng), draws(21, 0.3, rng), draws(26, 0.8, rng)
    found = relative_similarity(real, base, head, cubic)
    of_base, of_head, covariance = whole(real, base, head)
    assert (found.base, found.head) == pytest.approx((of_base, of_head), rel=1e-10)
    assert np.array(found.covariance) == pytest.approx(covariance, rel=1e-10)
    assert found.num_samples == 21


def test_swapping_the_sides() -> None:
    """The difference changes its sign, p goes to 1 - p."""
    rng = np.random.default_rng(2)
    real, base, head = draws(50, 0, rng), draws(50, 0.3, rng), draws(50, 0.8, rng)
    found, swapped = relative_similarity(real, base, head, cubic), relative_similarity(real, head, base, cubic)
    assert swapped.difference.value == pytest.approx(-found.difference.value)
    assert swapped.difference.standard_error == pytest.approx(found.difference.standard_error)
    assert swapped.p_value == pytest.approx(1 - found.p_value)


def test_level_and_error_where_both_are_equally_far() -> None:
    """In unlike directions; three standard errors of the share, and the stated error is that over draws."""
    found = repeated(150, (0.6, 0.6), 600)
    assert np.mean([item.p_value <= 0.05 for item in found]) == pytest.approx(0.05, abs=3 * math.sqrt(0.05 / 600))
    stated = math.sqrt(np.mean([item.difference.standard_error**2 for item in found]))
    # A standard deviation from 600 draws is known to 3 %, and noise left in the means adds a little.
    assert stated == pytest.approx(np.std([item.difference.value for item in found]), rel=0.12)


def test_level_where_nothing_differs() -> None:
    """All three distributions agree, and there is no first order: it errs less often, not more."""
    found = repeated(100, (0.0, 0.0), 600)
    assert np.mean([item.p_value <= 0.05 for item in found]) <= 0.05


def test_power() -> None:
    """A head that is twice as far is found out with 150 samples, as often as the normal says; a nearer one is not."""
    found = repeated(150, (0.6, 1.2), 200)
    truth = np.mean([item.difference.value for item in found])
    expected = stats.norm.sf(1.645 - truth / np.std([item.difference.value for item in found]))
    assert np.mean([item.p_value <= 0.05 for item in found]) == pytest.approx(expected, abs=0.06)
    assert expected > 0.9
    assert np.mean([item.p_value <= 0.05 for item in repeated(150, (1.2, 0.6), 100)]) == 0


def test_undefined_is_an_error() -> None:
    """Too few samples, NaN."""
    few, many = np.zeros((3, 4)), np.zeros((9, 4))
    with pytest.raises(MeasurementError, match="at least 4"):
        relative_similarity(many, few, many, cubic)
    with pytest.raises(MeasurementError, match="not finite"):
        relative_similarity(many, many, many * math.nan, cubic)


def test_samples_without_any_difference() -> None:
    """The same features everywhere: no distance, no error, no alarm."""
    same = np.ones((5, 4))
    assert relative_similarity(same, same, same, cubic).p_value == 1.0

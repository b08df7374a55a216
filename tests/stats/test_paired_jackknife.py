"""The paired jackknife against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aigc_bench.core.errors import MeasurementError
from aigc_bench.stats.intervals import of_jackknife
from aigc_bench.stats.paired_jackknife import difference


def left_out(values: np.ndarray) -> list[float]:
    """Mean without each value."""
    return ((values.sum() - values) / (len(values) - 1)).tolist()


def test_of_means_it_is_the_paired_standard_error() -> None:
    """With blocks of one sample the jackknife of a mean is exact."""
    rng = np.random.default_rng(0)
    base = rng.normal(0, 10, 25)
    head = base + rng.normal(0.1, 0.2, 25)
    found = difference(head.mean() - base.mean(), left_out(base), left_out(head))
    assert found.standard_error == pytest.approx((head - base).std(ddof=1) / 5, rel=1e-9)
    assert found.degrees == 24


def test_against_a_constant_it_is_the_jackknife() -> None:
    """The error bar of a single score."""
    values = left_out(np.random.default_rng(1).normal(0, 1, 20))
    alone = of_jackknife(0.3, values, estimand="", num_samples=20)
    assert difference(0.3, [0.0] * 20, values).standard_error == pytest.approx(alone.standard_error)


def test_of_a_smooth_statistic_it_is_the_spread_over_draws() -> None:
    """Log of a variance ratio over 400 draws: on average within 10 %, and far below the unpaired error."""
    rng = np.random.default_rng(2)
    seen, stated = [], []
    for _ in range(400):
        base = rng.normal(0, 1, (20, 20))
        head = 1.05 * base + rng.normal(0, 0.1, (20, 20))
        logs = [[math.log(np.delete(side, block, 0).var()) for block in range(20)] for side in (base, head)]
        value = math.log(head.var() / base.var())
        found = difference(value, *logs)
        seen.append(value)
        stated.append(found.standard_error**2)
    assert math.sqrt(np.mean(stated)) == pytest.approx(np.std(seen), rel=0.10)
    assert np.std(seen) < 0.2 * math.sqrt(2 * 2 / 400)


def test_what_is_the_same_on_both_sides_has_no_error() -> None:
    """To the bit."""
    assert difference(0.0, [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).standard_error == 0.0


@pytest.mark.parametrize("head", [[1.0, 2.0], [1.0, 2.0, math.nan]])
def test_undefined_is_an_error(head: list[float]) -> None:
    """Other blocks, NaN."""
    with pytest.raises(MeasurementError):
        difference(0.0, [1.0, 2.0, 3.0], head)

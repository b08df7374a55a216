"""Holm's p against the closed procedure that it abbreviates."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from aigc_bench.stats.multiplicity import holm


def closed(p_values: list[float]) -> list[float]:
    """Largest Bonferroni p of all sets that a test belongs to (Marcus, Peritz and Gabriel 1976)."""
    num = len(p_values)
    sets = [chosen for size in range(1, num + 1) for chosen in itertools.combinations(range(num), size)]
    return [
        max(min(1.0, len(chosen) * min(p_values[i] for i in chosen)) for chosen in sets if test in chosen)
        for test in range(num)
    ]


def test_against_the_closed_procedure() -> None:
    """Five tests, many times, with ties."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        p_values = (rng.integers(0, 40, 5) / 100).tolist()
        assert holm(p_values) == pytest.approx(closed(p_values))


def test_ends() -> None:
    """One test is not adjusted, none is nothing, and what is no p is refused."""
    assert holm([0.03]) == (0.03,)
    assert holm([]) == ()
    for bad in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="p values"):
            holm([0.5, bad])

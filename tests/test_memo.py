"""What is computed once: per object, per function, per argument; and what is put in is used."""

from __future__ import annotations

import torch

from aigc_bench.core import Features
from aigc_bench.metrics.balls import radii_of, radii_of_pool


def test_a_value_is_computed_once_per_object_and_argument() -> None:
    """Equal objects do not share; unlike arguments and functions are kept apart."""
    calls: list[tuple[int, int]] = []

    def plus(features: Features, number: int) -> int:
        calls.append((features.num_samples, number))
        return features.num_samples + number

    first, second = Features(torch.zeros(3, 2)), Features(torch.zeros(3, 2))
    assert [first.memo.once(plus, first, 1), first.memo.once(plus, first, 1), first.memo.once(plus, first, 2)] == [
        4,
        4,
        5,
    ]
    assert second.memo.once(plus, second, 1) == 4
    assert calls == [(3, 1), (3, 2), (3, 1)]


def test_what_nobody_asked_for_is_not_known() -> None:
    """None, and nothing is computed for it."""
    features = Features(torch.rand(9, 2, generator=torch.Generator().manual_seed(0)))
    assert features.memo.known(radii_of_pool) is None
    radii = radii_of(features)
    assert features.memo.known(radii_of_pool) is radii


def test_what_was_read_from_a_file_is_used() -> None:
    """In the place of computing it."""
    features, radii = Features(torch.zeros(9, 2)), torch.ones(9, 5, dtype=torch.float64)
    features.memo.remember(radii_of_pool, radii)
    assert radii_of(features) is radii

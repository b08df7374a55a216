"""Error bars where samples come and go together: copies in groups, and modes that only a few far samples reach."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from aigc_bench.core import FeaturePair, Features
from aigc_bench.metrics import class_balance, manifold, memorisation


def normal(seed: int, *shape: int) -> torch.Tensor:
    """Standard normal float32."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


REAL = Features(normal(0, 300, 8))


@pytest.mark.parametrize(("atoms", "share"), [(3000, 0.0), (600, 0.0), (100_000, 0.2), (100_000, 0.0)])
def test_the_error_of_duplicates_is_what_repeated_draws_show(atoms: int, share: float) -> None:
    """Pairs and triples by chance, a fifth on one point, and hardly any: as if independent it was 1 / √2 of it."""
    support = normal(1, atoms, 8)
    values, errors = [], []
    for seed in range(300):
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randint(atoms, (500,), generator=generator)
        rows[torch.rand(500, generator=generator) < share] = 0
        found = memorisation.duplicates.compute(FeaturePair(REAL, Features(support[rows]), "made", "0"))
        values.append(found.value)
        errors.append(found.standard_error or 0.0)
    stated, observed = math.sqrt(np.mean(np.square(errors))), float(np.std(values, ddof=1))
    assert stated == pytest.approx(observed, rel=0.15)


def test_groups_are_counted_by_their_size() -> None:
    """Of equal rows among the flagged ones, wherever they stand."""
    pool = normal(2, 12, 5)
    pool[[3, 7]] = pool[0].clone()
    pool[9] = pool[1].clone()
    flags = torch.zeros(12, dtype=torch.bool)
    flags[[0, 3, 7, 1, 9]] = True
    assert sorted(memorisation.group_sizes(pool, flags).tolist()) == [2, 3]
    assert memorisation.group_sizes(pool, torch.zeros(12, dtype=torch.bool)).tolist() == []


def test_all_alike_and_none_alike_have_no_error() -> None:
    """At the ends of the scale."""
    same = memorisation.duplicates.compute(FeaturePair(REAL, Features(torch.ones(100, 8)), "made", "0"))
    assert (same.value, same.standard_error) == (1.0, 0.0)
    none = memorisation.duplicates.compute(FeaturePair(REAL, Features(normal(3, 100, 8)), "made", "0"))
    assert (none.value, none.standard_error, none.low) == (0.0, 0.0, 0.0)


def test_recall_says_when_its_interval_is_not_to_be_trusted() -> None:
    """Where half of the real data are far from all generated ones, and not where they are the same."""
    far = Features(torch.cat([normal(4, 150, 8), normal(5, 150, 8) + 30]))
    fake = Features(normal(6, 300, 8))
    assert manifold.recall.compute(FeaturePair(REAL, fake, "made", "0")).caveat == ""
    assert (
        "of the real samples have no generated one nearby"
        in manifold.recall.compute(FeaturePair(far, fake, "made", "0")).caveat
    )


def test_coverage_says_when_few_balls_decide() -> None:
    """Where a far half is reached by nothing, and not where the sets are alike."""
    far = Features(torch.cat([normal(4, 150, 8), normal(5, 150, 8) + 30]))
    fake = Features(normal(6, 3000, 8))
    assert manifold.coverage.compute(FeaturePair(REAL, Features(normal(6, 300, 8)), "made", "0")).caveat == ""
    found = manifold.coverage.compute(FeaturePair(far, fake, "made", "0"))
    assert "150 of 300 real samples have no generated one nearby" in found.caveat
    assert found.standard_error is not None
    assert found.standard_error >= 1 / 300


@pytest.mark.parametrize("stray", [0.0, 0.001, 0.002])
@pytest.mark.parametrize("missing", [3, 9])
def test_class_balance_covers_where_classes_are_missing(missing: int, stray: float) -> None:
    """Sets without one stray sample claimed no error, and shrinking brought the missing classes back: 3 times it."""
    generator = np.random.default_rng(0)
    real = np.full(10, 100)
    shares = np.r_[np.full(missing, stray / missing), np.full(10 - missing, (1 - stray) / (10 - missing))]
    values, errors = [], []
    for _ in range(200):
        fake = generator.multinomial(1000, shares)
        values.append(class_balance.total_variation(torch.tensor(real), torch.tensor(fake)))
        errors.append(class_balance.standard_error(torch.tensor(real), torch.tensor(fake)))
    covered = np.abs(np.array(values) - np.mean(values)) <= 1.96 * np.array(errors)
    assert covered.mean() >= 0.85
    assert np.sqrt(np.mean(np.square(errors))) <= max(2 * np.std(values, ddof=1), 1.5e-3)


def test_class_balance_says_when_few_samples_decide() -> None:
    """Three classes of ten without a sample or with two in all, and not where they are merely fewer."""
    real = torch.arange(10).repeat(100)

    def caveat(labels: torch.Tensor) -> str:
        sides = [Features(normal(7, len(of), 4), torch.eye(10)[of]) for of in (real, labels)]
        return class_balance.class_balance.compute(FeaturePair(*sides, "made", "0")).caveat

    missing = real[real > 2]
    assert caveat(missing).startswith("3 classes have only 0 samples in all, where 300 of 1000 real ones are")
    assert caveat(torch.cat([missing, torch.tensor([0, 1])])).startswith("3 classes have only 2 samples")
    assert caveat(torch.cat([missing, real[real <= 2][:150]])) == ""
    assert caveat(real) == ""

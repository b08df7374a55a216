"""What each sample does to the Fréchet distance, against finite differences of its weight."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from aigc_bench.core import Features
from aigc_bench.core.errors import MeasurementError
from aigc_bench.metrics.frechet import frechet_distance, influences
from aigc_bench.metrics.moments import Moments


def weighted(real: Tensor, fake: Tensor, weights: Tensor) -> float:
    """The distance with weights that add up to 1 in place of 1 / N; Tr (Σ₁Σ₂)^½ as the nuclear norm of X₁ X₂ᵀ."""
    x, y = real.double(), fake.double()
    mean = weights @ y
    a = (x - x.mean(0)) / (len(x) - 1) ** 0.5
    b = (y - mean) * (weights * len(y) / (len(y) - 1)).sqrt()[:, None]
    shift = mean - x.mean(0)
    return float(shift @ shift + a.square().sum() + b.square().sum() - 2 * torch.linalg.svdvals(a @ b.T).sum())


@pytest.mark.parametrize(
    ("num_real", "num", "width"), [(200, 60, 8), (90, 30, 50), (20, 30, 50), (20, 60, 50), (30, 90, 40)]
)
def test_influences_are_derivatives(num_real: int, num: int, width: int) -> None:
    """With more samples than features and with fewer, on either side: moving weight to one changes the distance so."""
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(num_real, width, generator=generator)
    fake = 1.3 * torch.randn(num, width, generator=generator) + 0.2
    found = influences(Features(real), fake)
    step = 1e-5
    for sample in (0, 7, num - 1):
        up, down = (torch.full((num,), (1 - s) / num, dtype=torch.float64) for s in (step, -step))
        up[sample] += step
        down[sample] -= step
        slope = (weighted(real, fake, up) - weighted(real, fake, down)) / (2 * step)
        assert float(found[sample]) == pytest.approx(slope, rel=1e-5, abs=1e-5)
    assert float(found.sum()) == pytest.approx(0, abs=1e-8 * float(found.abs().sum()))


@pytest.mark.parametrize("width", [16, 2000])
def test_corrupted_samples_rank_first(width: int) -> None:
    """50 planted outliers of 1,500 are the 50 most harmful."""
    generator = torch.Generator().manual_seed(1)
    real, fake = (torch.randn(1500, width, generator=generator) for _ in range(2))
    planted = torch.randperm(1500, generator=generator)[:50]
    fake[planted] = 3 * fake[planted] + 1
    worst = influences(Features(real), fake).topk(50).indices
    assert set(worst.tolist()) == set(planted.tolist())


def test_their_spread_is_a_standard_error() -> None:
    """Far from the floor, of the distance over repeated draws."""
    generator = torch.Generator().manual_seed(2)
    real = torch.randn(4000, 6, generator=generator)
    draws = [torch.randn(500, 6, generator=generator) + 0.7 for _ in range(200)]
    reference = Moments.of(real)
    observed = torch.tensor([frechet_distance(reference, Moments.of(draw)) for draw in draws]).std()
    stated = torch.stack([influences(Features(real), draw).std() / 500**0.5 for draw in draws]).square().mean().sqrt()
    assert 0.85 < float(stated / observed) < 1.15


def test_alike_samples_are_refused() -> None:
    """As by the distance."""
    with pytest.raises(MeasurementError, match="generated samples have the same features"):
        influences(Features(torch.randn(9, 3)), torch.ones(5, 3))

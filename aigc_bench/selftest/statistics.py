"""Rows of the self-test about statistics of features: laws, closed forms, and a published figure of random draws."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from aigc_bench.core import FeaturePair, Features
from aigc_bench.metrics.frechet import distances_of_few, frechet_distance
from aigc_bench.metrics.kernel_sums import KernelSums
from aigc_bench.metrics.manifold import coverage, density, precision, recall
from aigc_bench.metrics.moments import Gaussian, Moments
from aigc_bench.metrics.sweep import Sweep
from aigc_bench.selftest.rows import Check

ROUNDING = "float64 rounding"


def checks() -> list[Check]:
    """Every check of the statistics, none of which needs weights or data."""
    return [*_frechet_forms(), *_frechet_laws(), *_kernel(), _definitions(), *_manifold()]


def _normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ---- Fréchet distance -------------------------------------------------------------------------------


def _frechet_forms() -> list[Check]:
    """Gaussians whose distance is known in closed form."""
    real, fake, expected = _transported()
    return [
        Check(
            "Fréchet distance of Gaussians with common axes",
            64 + 25,
            1e-6,
            f"{ROUNDING} of eigenvalues up to 2e7",
            "closed form: ‖μ‖² + Σ (i + 1 - i)², 64 axes (Dowson and Landau 1982)",
            _common_axes,
        ),
        Check(
            "Fréchet distance of Gaussians, optimal map known",
            expected,
            1e-9 * expected,
            ROUNDING,
            "closed form: Tr (I - T) Σ (I - T) for N(0, Σ) and its image under T (Knott and Smith 1984)",
            lambda: frechet_distance(real, fake),
        ),
    ]


def _frechet_laws() -> list[Check]:
    translation = torch.arange(8, dtype=torch.float64)
    x = _normal(1, 300, 8)

    def translated(shift: Tensor) -> Callable[[], float]:
        return lambda: frechet_distance(Moments.of(x), Moments.of(x + shift))

    return [
        Check("FD(x, x)", 0.0, 1e-9, ROUNDING, "law", translated(torch.zeros(8, dtype=torch.float64))),
        Check("FD(x, x + t)", 140.0, 1e-9 * 140, ROUNDING, "law: ‖t‖², t = (0, …, 7)", translated(translation)),
        Check(
            "Fréchet distance, N < D: Gram side over eigenvalue side",
            1.0,
            1e-6,
            "eigenvalues that are 0 come out as 1e-16, and their roots as 1e-8",
            "law",
            _gram_over_eigenvalues,
        ),
        Check(
            "Fréchet distance, N < D: Gram side over nuclear norm",
            1.0,
            1e-9,
            ROUNDING,
            "law: Tr (Σ₁Σ₂)^½ = ‖X Yᵀ‖⁎ / √((m - 1)(n - 1)) for centred X, Y; by torch.linalg.svdvals",
            _gram_over_nuclear_norm,
        ),
    ]


def _common_axes() -> float:
    axes = torch.linalg.qr(_normal(2, 64, 64))[0]
    scales = torch.arange(1, 65, dtype=torch.float64)
    covs = [axes @ torch.diag((scales + more).square()) @ axes.T for more in (0, 1)]
    means = [torch.zeros(64, dtype=torch.float64), torch.full((64,), 5 / 8, dtype=torch.float64)]
    real, fake = map(Moments.published, means, covs)
    return frechet_distance(real, fake)


def _transported() -> tuple[Moments, Moments, float]:
    """N(0, Σ), its image under a symmetric positive T, which is the optimal map, and what that costs."""
    a, b = _normal(3, 64, 64), _normal(4, 64, 64)
    unit = torch.eye(64, dtype=torch.float64)
    cov, transport = a @ a.T / 64 + unit, b @ b.T / 64 + unit / 2
    zero, rest = torch.zeros(64, dtype=torch.float64), unit - transport
    image = transport @ cov @ transport
    return Moments.published(zero, cov), Moments.published(zero, image), float((rest @ cov @ rest).trace())


def _gram_over_eigenvalues() -> float:
    """More real samples than dimensions, fewer generated ones."""
    real, fake = Moments.of(_normal(5, 400, 256)), 1.5 * _normal(6, 60, 256) + 0.2
    gram = distances_of_few(Gaussian.of(real), fake, [torch.arange(len(fake))])[0]
    return gram / frechet_distance(real, Moments.of(fake))


def _gram_over_nuclear_norm() -> float:
    """Few samples on both sides."""
    real, fake = _normal(5, 80, 256), 1.5 * _normal(6, 60, 256) + 0.2
    gram = distances_of_few(Gaussian.fitted(real), fake, [torch.arange(len(fake))])[0]
    x, y = real - real.mean(0), fake - fake.mean(0)
    degrees = len(real) - 1, len(fake) - 1
    cross = torch.linalg.svdvals(x @ y.T).sum() / math.sqrt(math.prod(degrees))
    traces = x.square().sum() / degrees[0] + y.square().sum() / degrees[1]
    return gram / float((real.mean(0) - fake.mean(0)).square().sum() + traces - 2 * cross)


# ---- kernel distance and neighbours -----------------------------------------------------------------


def _kernel() -> list[Check]:
    return [
        Check(
            "mean kernel distance of 200 random halvings, in its standard errors",
            0.0,
            4.0,
            "four standard errors; an estimator that keeps the kernels' diagonals is off by hundreds",
            "law: over all halvings of one set the unbiased distance has mean 0",
            _halvings,
        )
    ]


def _halvings() -> float:
    pool = _normal(7, 200, 16) * (0.5 + torch.rand(200, 1, generator=torch.Generator().manual_seed(8)))
    generator = torch.Generator().manual_seed(9)
    orders = [torch.randperm(200, generator=generator) for _ in range(200)]
    distances = torch.tensor([KernelSums.of(pool[order[:100]], pool[order[100:]]).distance for order in orders])
    return float(distances.mean() / (distances.std(correction=1) / math.sqrt(len(distances))))


def _definitions() -> Check:
    return Check(
        "precision, recall, density, coverage of 300 against 250, largest difference",
        0.0,
        1e-12,
        "counts, divided",
        "definitions, over all distances (Kynkäänniemi et al., arXiv 1904.06991; Naeem et al., arXiv 2002.09797)",
        _against_definitions,
    )


def _against_definitions() -> float:
    real, fake = _normal(11, 300, 12), 1.1 * _normal(12, 250, 12)
    pair = FeaturePair(Features(real), Features(fake), "drawn", "")
    apart = torch.cdist(real, fake, compute_mode="donot_use_mm_for_euclid_dist")
    # The nearest of all is the point itself.
    own = [torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").sort(1).values for x in (real, fake)]
    within = apart < own[0][:, 5, None]
    expected = [
        (apart <= own[0][:, 3, None]).any(0).double().mean(),
        (apart <= own[1][None, :, 3]).any(1).double().mean(),
        within.double().sum(0).mean() / 5,
        within.any(1).double().mean(),
    ]
    found = [metric.compute(pair).value for metric in (precision, recall, density, coverage)]
    return float((torch.tensor(found, dtype=torch.float64) - torch.stack(expected)).abs().max())


PRDC = {
    "precision": (0.4772, 0.0086),
    "recall": (0.4705, 0.0104),
    "density": (1.0555, 0.062),
    "coverage": (0.9735, 0.0054),
}
"""published values, and standard deviations over 24 draws of both sides; the few samples near the centre, which lie in
many balls, make them several times wider than 10,000 independent samples would"""


def _manifold() -> list[Check]:
    found = functools.cache(_prdc)
    return [
        Check(
            f"{name}, k = 5, of 10,000 draws against 10,000, 1,000 dimensions",
            expected,
            4 * math.sqrt(2) * deviation,
            "four standard deviations of a difference between two draws; the published one has no seed",
            "README of prdc: N(0, I) (Naeem et al., arXiv 2002.09797)",
            lambda name=name: found()[name],  # type: ignore[misc]
        )
        for name, (expected, deviation) in PRDC.items()
    ]


def _prdc(num: int = 10_000, num_dims: int = 1000, seed: int = 10) -> dict[str, float]:
    real, fake = torch.randn(2, num, num_dims, generator=torch.Generator().manual_seed(seed))
    # prdc takes k = 5 for all four, and < where ours is ≤ for two; there are no ties.
    sweep = Sweep.computed(Features(real), fake, k_precision=5)
    return {
        "precision": float(sweep.precise.double().mean()),
        "recall": float(sweep.recalled.double().mean()),
        "density": float(sweep.dense.double().mean()) / 5,
        "coverage": float(sweep.covered.any(0).double().mean()),
    }

"""Reconstruction error: MSE and PSNR on the scale 0…1, and SSIM (Wang et al. 2004, doi 10.1109/TIP.2003.819861)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from aigc_bench.core import Estimate, Metric, ReconstructionErrors
from aigc_bench.core.errors import MeasurementError, NotAvailableError
from aigc_bench.stats import intervals

METHOD = "Student's t over held-out samples"
ESTIMAND = "expected score of a held-out sample"
WINDOW, SIGMA = 11, 1.5
"""pixels; the usual Gaussian window does not fit into a shorter side"""
SMALLEST = 4
"""pixels of the shorter side: the uniform window is reflected by three at the edges"""
C1, C2 = 0.01**2, 0.03**2
PIECE = 2**18
"""numbers whose similarity is computed at once: 2 MiB in float64, so that the windows stay in the processor's cache"""


def errors_of(original: Tensor, reconstruction: Tensor) -> ReconstructionErrors:
    """Errors of each pair of images (n, C, H, W) uint8, on the CPU."""
    size = max(1, PIECE // math.prod(original.shape[1:]))
    pieces = list(zip(original.cpu().split(size), reconstruction.cpu().split(size), strict=True))
    squared = torch.cat([squared_errors(a, b) for a, b in pieces])
    similarity = torch.cat([similarities(a, b) for a, b in pieces])
    return ReconstructionErrors(squared, similarity, window_text(original.shape))


def squared_errors(original: Tensor, reconstruction: Tensor) -> Tensor:
    """(N,) float64 mean squared error of each image, pixels scaled to 0…1."""
    difference = original.double() - reconstruction.double()
    return (difference / 255).square().flatten(1).mean(1)


def similarities(original: Tensor, reconstruction: Tensor) -> Tensor:
    """(N,) float64 structural similarity of each image; NaN of images that no window fits on."""
    if min(original.shape[-2:]) < SMALLEST:
        return torch.full((len(original),), math.nan, dtype=torch.float64)  # said by the metric; the others are defined
    x, y = reconstruction.double() / 255, original.double() / 255
    if min(x.shape[-2:]) >= WINDOW:
        return _gaussian_similarities(x, y)
    values = structural_similarity_index_measure(
        x, y, data_range=1.0, reduction="none", gaussian_kernel=False, kernel_size=7
    )
    assert isinstance(values, Tensor)
    return values.reshape(-1)


def _gaussian_similarities(x: Tensor, y: Tensor) -> Tensor:
    """The numbers of torchmetrics, whose float64 convolution takes seventy times as long."""
    mean_x, mean_y, xx, yy, xy = (_blurred(part) for part in (x, y, x * x, y * y, x * y))
    spread = (xx - mean_x.square()).clamp_min_(0) + (yy - mean_y.square()).clamp_min_(0)
    upper = (2 * mean_x * mean_y + C1) * (2 * (xy - mean_x * mean_y) + C2)  # eq. 13
    return (upper / ((mean_x.square() + mean_y.square() + C1) * (spread + C2))).flatten(1).mean(1)


def _blurred(x: Tensor) -> Tensor:
    """(N, C, H, W) => the same by the Gaussian window, reflected at the edges: one axis after the other."""
    side = WINDOW // 2
    taps = torch.exp(-0.5 * (torch.arange(-side, side + 1, dtype=torch.float64) / SIGMA).square())
    padded = F.pad(x, (side, side, side, side), mode="reflect")
    for axis in (2, 3):
        length = x.shape[axis]
        total = torch.zeros_like(padded.narrow(axis, 0, length))
        for start, tap in enumerate((taps / taps.sum()).tolist()):
            total.add_(padded.narrow(axis, start, length), alpha=tap)
        padded = total
    return padded


def window_text(shape: tuple[int, ...]) -> str:
    """What the similarity of images (…, H, W) is averaged over."""
    return "uniform 7 × 7 window" if min(shape[-2:]) < WINDOW else "Gaussian 11 × 11 window"


def _mse(errors: ReconstructionErrors) -> Estimate:
    return intervals.of_mean(errors.squared, method=METHOD, estimand=ESTIMAND, support=(0.0, math.inf))


def _psnr(errors: ReconstructionErrors) -> Estimate:
    squared = errors.squared
    mean = float(squared.mean())
    if mean == 0:
        raise MeasurementError("every reconstruction is identical to its original: PSNR is infinite")
    error = float(squared.std(correction=1)) / math.sqrt(len(squared))
    return intervals.symmetric(
        -10 * math.log10(mean),
        10 / math.log(10) * error / mean,
        len(squared) - 1,
        method="delta method on the mean squared error over held-out samples",
        estimand="PSNR of the expected squared error",
        num_samples=len(squared),
        replicates=[-10 * math.log10(mean) for mean in intervals.means_without(squared) if mean > 0],
        replicates_of="block left out",
    )


def _ssim(errors: ReconstructionErrors) -> Estimate:
    if bool(errors.ssim.isnan().any()):
        raise NotAvailableError(f"a window of 7 × 7 needs images of at least {SMALLEST} × {SMALLEST} pixels")
    return intervals.of_mean(errors.ssim, method=f"{METHOD}; {errors.window}", estimand=ESTIMAND, support=(-1.0, 1.0))


mse = Metric("mse", ReconstructionErrors, _mse, False, description="Mean squared error, pixels scaled to 0…1.")
psnr = Metric("psnr", ReconstructionErrors, _psnr, True, "dB", description="Peak signal over the mean squared error.")
ssim = Metric("ssim", ReconstructionErrors, _ssim, True, description="Structural similarity of reconstructions.")

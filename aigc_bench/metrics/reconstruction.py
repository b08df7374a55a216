"""Reconstruction error: MSE and PSNR on the scale 0…1, and SSIM (Wang et al. 2004, doi 10.1109/TIP.2003.819861)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from aigc_bench.core import Estimate, Metric, ReconstructionPair
from aigc_bench.errors import MeasurementError
from aigc_bench.stats import intervals

METHOD = "Student's t over held-out samples"
ESTIMAND = "expected score of a held-out sample"


def squared_errors(pair: ReconstructionPair) -> Tensor:
    """(N,) float64 mean squared error of each image, pixels scaled to 0…1."""
    difference = pair.original.double() - pair.reconstruction.double()
    return (difference / 255).square().flatten(1).mean(1)


def _mse(pair: ReconstructionPair) -> Estimate:
    return intervals.of_mean(squared_errors(pair), method=METHOD, estimand=ESTIMAND, support=(0.0, math.inf))


def _psnr(pair: ReconstructionPair) -> Estimate:
    errors = squared_errors(pair)
    mean = float(errors.mean())
    if mean == 0:
        raise MeasurementError("every reconstruction is identical to its original: PSNR is infinite")
    error = float(errors.std(correction=1)) / math.sqrt(len(errors))
    return intervals.symmetric(
        -10 * math.log10(mean),
        10 / math.log(10) * error / mean,
        len(errors) - 1,
        method="delta method on the mean squared error over held-out samples",
        estimand="PSNR of the expected squared error",
        num_samples=len(errors),
    )


def _ssim(pair: ReconstructionPair) -> Estimate:
    small = min(pair.original.shape[-2:]) < 11
    window = {"gaussian_kernel": False, "kernel_size": 7} if small else {"gaussian_kernel": True, "sigma": 1.5}
    values = structural_similarity_index_measure(
        pair.reconstruction.double() / 255,
        pair.original.double() / 255,
        data_range=1.0,
        reduction="none",
        **window,
    )
    assert isinstance(values, Tensor)
    text = "uniform 7 × 7 window" if small else "Gaussian 11 × 11 window"
    return intervals.of_mean(
        torch.atleast_1d(values), method=f"{METHOD}; {text}", estimand=ESTIMAND, support=(-1.0, 1.0)
    )


mse = Metric("mse", ReconstructionPair, _mse, False, description="Mean squared error, pixels scaled to 0…1.")
psnr = Metric("psnr", ReconstructionPair, _psnr, True, "dB", description="Peak signal over the mean squared error.")
ssim = Metric("ssim", ReconstructionPair, _ssim, True, description="Structural similarity of reconstructions.")

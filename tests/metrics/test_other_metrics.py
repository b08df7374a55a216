"""Reconstruction, likelihood and speed metrics."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from aigc_bench.core import Footprint, Latency, LogProbs, Throughput
from aigc_bench.core.errors import MeasurementError, NotAvailableError
from aigc_bench.metrics import reconstruction, speed
from aigc_bench.metrics.likelihood import bits_per_dim
from aigc_bench.metrics.reconstruction import errors_of, mse, psnr, ssim


def pictures(side: int) -> tuple[Tensor, Tensor]:
    """Twelve images and noisy copies."""
    generator = torch.Generator().manual_seed(0)
    original = torch.randint(0, 256, (12, 1, side, side), generator=generator, dtype=torch.uint8)
    shift = torch.randint(-9, 10, original.shape, generator=generator)
    return original, (original + shift).clamp(0, 255).to(torch.uint8)


def test_reconstruction_metrics_equal_torchmetrics() -> None:
    """MSE, PSNR and SSIM of 16 × 16 images."""
    original, noisy = pictures(16)
    errors = errors_of(original, noisy)
    a, b = noisy.double() / 255, original.double() / 255
    assert mse.compute(errors).value == pytest.approx(float((a - b).square().mean()))
    assert psnr.compute(errors).value == pytest.approx(float(peak_signal_noise_ratio(a, b, data_range=1.0)))
    expected = structural_similarity_index_measure(a, b, data_range=1.0)
    assert ssim.compute(errors).value == pytest.approx(float(expected))


@pytest.mark.parametrize("shape", [(3, 1, 11, 11), (2, 3, 33, 20), (1, 3, 12, 40)])
def test_similarities_equal_torchmetrics(shape: tuple[int, ...]) -> None:
    """Image by image, at the edges too, whatever the sides and channels."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8) for _ in range(2))
    found = reconstruction.similarities(a, (a // 2 + b // 2))
    expected = [
        structural_similarity_index_measure(
            (x // 2 + y // 2)[None].double() / 255, x[None].double() / 255, data_range=1.0
        )
        for x, y in zip(a, b, strict=True)
    ]
    assert found.tolist() == pytest.approx([float(value) for value in expected], abs=1e-13)


def test_errors_do_not_depend_on_how_many_images_are_compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit, so that bounded memory costs nothing."""
    original, noisy = pictures(16)
    whole = errors_of(original, noisy)
    monkeypatch.setattr(reconstruction, "PIECE", 16 * 16 * 5)
    pieces = errors_of(original, noisy)
    assert torch.equal(whole.squared, pieces.squared)
    assert torch.equal(whole.ssim, pieces.ssim)


def test_small_images_take_a_small_window_and_say_so() -> None:
    """8 × 8 images are smaller than the usual 11 × 11 window."""
    estimate = ssim.compute(errors_of(*pictures(8)))
    assert "7 × 7" in estimate.method
    assert 0 < estimate.value < 1


def test_identical_reconstructions_have_no_psnr() -> None:
    """An infinite value is an error, not a number."""
    original, _ = pictures(16)
    with pytest.raises(MeasurementError, match="infinite"):
        psnr.compute(errors_of(original, original))


def test_bits_per_dim_of_a_uniform_likelihood_is_eight() -> None:
    """256 equally likely levels cost 8 bits each."""
    nats = torch.full((30,), -64 * math.log(256), dtype=torch.float64)
    assert bits_per_dim.compute(LogProbs(nats, 64, "exact")).value == pytest.approx(8)


def test_percentiles_lie_within_order_statistics_and_p99_needs_299_calls() -> None:
    """The interval of a quantile is between two of the values; too few values are refused with the number needed."""
    seconds = tuple(float(i) for i in range(1, 321))
    estimate = speed.latency_p95_s.compute(Latency(seconds))
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < estimate.value < estimate.high
    assert speed.latency_p99_s.compute(Latency(seconds[:299])).value > 295
    with pytest.raises(NotAvailableError, match=r"n = 298.*at least 299"):
        speed.latency_p99_s.compute(Latency(seconds[:298]))


def test_throughput_is_the_median_block() -> None:
    """Samples per second at the evidence's batch size, a replicate per block."""
    evidence = Throughput(8, (0.1, 0.2, 0.4, 0.1, 0.2, 0.2, 0.8))
    estimate = speed.samples_per_s.compute(evidence)
    assert estimate.value == pytest.approx(40)
    assert len(estimate.replicates) == 7
    assert speed.samples_per_s.name.format(**evidence.labels) == "samples_per_s@8"


def test_unknown_costs_are_not_available() -> None:
    """A generator that does not say how large it is gets a reason, not a zero."""
    with pytest.raises(NotAvailableError, match="not known"):
        speed.num_parameters.compute(Footprint(1, "VmHWM", None, None))

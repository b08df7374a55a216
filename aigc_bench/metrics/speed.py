"""Speed and cost: throughput, latency percentiles, memory, weights, operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from aigc_bench.core import Estimate, Footprint, Latency, Metric, Throughput
from aigc_bench.core.errors import NotAvailableError
from aigc_bench.stats import intervals

HERE = " on this machine, now"


def _median(values: list[float], what: str) -> Estimate:
    return replace(intervals.of_quantile(values, 0.5, what=what, where=HERE), replicates=tuple(values))


def _samples_per_s(evidence: Throughput) -> Estimate:
    rates = [evidence.batch_size / seconds for seconds in evidence.seconds]
    return _median(rates, "timed blocks of at least 20 ms")


def _percentile(quantile: float) -> Callable[[Latency], Estimate]:
    return lambda evidence: intervals.of_quantile(evidence.seconds, quantile, what="single calls", where=HERE)


def _train_steps_per_s(evidence: Footprint) -> Estimate:
    if len(evidence.train_steps_per_s) < 5:
        raise NotAvailableError("it was not trained here, or in too few steps")
    return _median(list(evidence.train_steps_per_s), "tenths of the training")


def _exact(value: float | None, method: str, what: str) -> Estimate:
    if value is None:
        raise NotAvailableError(f"{what} is not known")
    return Estimate(float(value), None, None, None, intervals.LEVEL, method, what, 1)


def _peak_bytes(evidence: Footprint) -> Estimate:
    return _exact(evidence.peak_bytes, evidence.peak_method, "peak memory")


def _num_parameters(evidence: Footprint) -> Estimate:
    return _exact(evidence.num_parameters, "the generator's own count", "the number of weights that sampling needs")


def _flops_per_sample(evidence: Footprint) -> Estimate:
    return _exact(evidence.flops_per_sample, "torch.utils.flop_counter", "floating-point operations per sample")


samples_per_s = Metric(
    "samples_per_s@{batch_size}",
    Throughput,
    _samples_per_s,
    True,
    "samples/s",
    "speed",
    "Throughput by batch size.",
)
latency_p50_s = Metric("latency_p50_s", Latency, _percentile(0.5), False, "s", "speed", "Median single call.")
latency_p95_s = Metric("latency_p95_s", Latency, _percentile(0.95), False, "s", "speed", "1 call in 20 is slower.")
latency_p99_s = Metric("latency_p99_s", Latency, _percentile(0.99), False, "s", "speed", "1 call in 100 is slower.")
peak_bytes = Metric("peak_bytes", Footprint, _peak_bytes, False, "bytes", "speed", "Peak memory while sampling.")
train_steps_per_s = Metric(
    "train_steps_per_s", Footprint, _train_steps_per_s, True, "steps/s", "speed", "Speed of training."
)
num_parameters = Metric(
    "num_parameters", Footprint, _num_parameters, False, "", "speed", "Weights that sampling needs."
)
flops_per_sample = Metric(
    "flops_per_sample", Footprint, _flops_per_sample, False, "FLOP", "speed", "Operations of one sample."
)

"""Speed and cost: throughput, latency percentiles, memory, weights, operations, and what is made of the machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from aigc_bench.core import Efficiency, Estimate, Footprint, Latency, Metric, Throughput
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


def _utilisation(evidence: Efficiency) -> Estimate:
    if evidence.flops_per_sample is None:
        raise NotAvailableError("floating-point operations per sample is not known")
    work = evidence.batch_size * evidence.flops_per_sample / evidence.products_per_s
    return _median([work / seconds for seconds in evidence.seconds], "timed blocks of at least 20 ms")


def _noise_share(evidence: Efficiency) -> Estimate:
    return _median(list(evidence.noise_shares), "single calls")


def _joules_per_sample(evidence: Efficiency) -> Estimate:
    if not evidence.joules_per_sample:
        raise NotAvailableError("nothing here counts the device's energy: NVML does, of NVIDIA's GPUs since Volta")
    found = _median(list(evidence.joules_per_sample), "blocks of at least a second")
    return replace(found, method=f"{found.method}; {evidence.energy_method}")


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
utilisation = Metric(
    "utilisation",
    Efficiency,
    _utilisation,
    True,
    "",
    "speed",
    "Operations per second while sampling, by those of a product of float32 matrices on the same device.",
)
noise_share = Metric(
    "noise_share",
    Efficiency,
    _noise_share,
    False,
    "",
    "speed",
    "Share of a call of `sample` that the harness's random numbers take.",
)
joules_per_sample = Metric(
    "joules_per_sample",
    Efficiency,
    _joules_per_sample,
    False,
    "J",
    "speed",
    "Energy of the GPU's board per sample, beyond idling.",
)

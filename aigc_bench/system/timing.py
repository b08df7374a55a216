"""Clocks and memory counters: the device's own events on a GPU, `perf_counter` and VmHWM on a CPU."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None  # type: ignore[assignment]

WARM_UP_CAP_S = 1.0
BLOCK_S = 0.02
STABLE = 0.05


def wait_for(device: torch.device) -> None:
    """Until the device has done what it was told to do; a CPU has."""
    if device.type != "cpu" and (backend := getattr(torch, device.type, None)) is not None:
        backend.synchronize()


def elapsed_s(call: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Seconds that `repeats` calls take, by the device's clock; one synchronisation for the whole block."""
    if device.type == "cuda":
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(repeats):
            call()
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end)) / 1e3
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return time.perf_counter() - start


def warm_up(call: Callable[[], object], device: torch.device) -> float:
    """Call until two neighbouring medians of five agree to 5 %, or a second is over; seconds per call."""
    deadline = time.perf_counter() + WARM_UP_CAP_S
    previous = float("inf")
    while True:
        current = statistics.median(elapsed_s(call, 1, device) for _ in range(5))
        if abs(current - previous) <= STABLE * current or time.perf_counter() > deadline:
            return current
        previous = current


def block_seconds(call: Callable[[], object], num_blocks: int, device: torch.device) -> tuple[float, ...]:
    """Seconds per call in each of `num_blocks` blocks of at least 20 ms, after a warm-up."""
    repeats = max(1, round(BLOCK_S / max(warm_up(call, device), 1e-9)))
    return tuple(elapsed_s(call, repeats, device) / repeats for _ in range(num_blocks))


def call_seconds(call: Callable[[], object], num_calls: int, device: torch.device) -> tuple[float, ...]:
    """Seconds of each single call, after a warm-up. On a GPU every call is waited for, as a client would."""
    warm_up(call, device)
    return tuple(elapsed_s(call, 1, device) for _ in range(num_calls))


def reset_peak(device: torch.device) -> None:
    """Forget the peak so far, where the system can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    # Linux: "5" resets the process's resident-set peak to what it holds now (proc(5), clear_refs).
    if sys.platform == "linux":
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return  # a container may forbid it: the peak is then the process's own, which is an upper bound


def peak_bytes(device: torch.device) -> tuple[int, str]:
    """(peak memory in bytes, which counter read it) since `reset_peak` or the process's start."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device)), "torch.cuda.max_memory_allocated"
    # Not ru_maxrss where there is a choice: after fork and exec it still holds the parent's peak.
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024, "VmHWM"
    peak = getattr(psutil.Process().memory_info(), "peak_wset", None)  # of Windows
    if peak is not None:
        return int(peak), "peak working set"
    assert resource is not None
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale, "ru_maxrss"

"""Energy that a GPU has taken, by NVML's counter of its board: millijoules since the driver was loaded.

nvmlDeviceGetTotalEnergyConsumption, of GPUs since Volta (NVML API Reference, "Device Queries"). The library comes with
the driver, so that nothing has to be installed.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable

import torch

LIBRARY = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"
IDLE_S = 1.0
LEAST_S = 1.0
"""of work that is measured: the counter moves some ten times a second"""


def counter(device: torch.device) -> Callable[[], float] | None:
    """Reads the joules that the device's board has taken so far; None where nothing counts them."""
    if device.type != "cuda":
        return None
    try:
        nvml = ctypes.CDLL(LIBRARY)
        handle = ctypes.c_void_p()
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}".encode()
        if nvml.nvmlInit_v2() or nvml.nvmlDeviceGetHandleByUUID(uuid, ctypes.byref(handle)):
            return None
    except (OSError, AttributeError):
        return None

    def joules() -> float:
        millijoules = ctypes.c_ulonglong()
        if nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules)):
            return float("nan")
        return millijoules.value / 1e3

    return joules if joules() == joules() else None


def idle_watts(joules: Callable[[], float], idle_s: float = IDLE_S) -> float:
    """What the board takes while nothing is asked of it, now."""
    before, start = joules(), time.perf_counter()
    time.sleep(idle_s)
    return (joules() - before) / (time.perf_counter() - start)


def per_call(call: Callable[[], object], joules: Callable[[], float], watts: float, least_s: float = LEAST_S) -> float:
    """Joules of a call, which ends with the device's work, beyond idling: it is repeated for a second at least.

    Args:
        call: the work.
        joules: see `counter`.
        watts: see `idle_watts`.
        least_s: how long at least.
    """
    before, start, repeats = joules(), time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < least_s:
        call()
        repeats += 1
    return (joules() - before - watts * spent) / repeats

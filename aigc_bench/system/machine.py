"""What machine and software this is: recorded in every run, shown by `doctor`."""

from __future__ import annotations

import math
import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

import psutil
import torch

from aigc_bench.core.errors import ConfigurationError

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "torchmetrics", "pydantic", "matplotlib", "seaborn")
BRAKES = {
    0x4: "its power limit",
    0x8: "hardware slowdown",
    0x20: "its temperature, by software",
    0x40: "its temperature, by hardware",
    0x80: "the power supply's brake",
}
"""bits of NVML's nvmlClocksEventReasons that a measurement is slowed by"""
QUOTA = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True)
class Environment:
    """The machine and the software a run was made with."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    aigc_bench: str
    python: str
    platform: str
    cpu: str
    cpu_count: int
    memory_bytes: int
    threads: int
    device: str
    packages: dict[str, str]
    gpu: str | None = None
    gpu_driver: str | None = None
    git_revision: str | None = None
    """of the working directory, "-dirty" where it has uncommitted changes"""


def environment(device: torch.device) -> Environment:
    """What a record says of the machine and the software that this process runs on."""
    cuda = device.type == "cuda"
    return Environment(
        aigc_bench=version("aigc-bench"),
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=_cpu(),
        cpu_count=cpus(),
        memory_bytes=psutil.virtual_memory().total,
        threads=torch.get_num_threads(),
        device=str(device),
        packages={name: _version(name) for name in PACKAGES},
        gpu=torch.cuda.get_device_name(device) if cuda else None,
        gpu_driver=_output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader") if cuda else None,
        git_revision=_revision(),
    )


def cpus() -> int:
    """CPUs that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_quota() -> float | None:
    """CPUs' worth of time that the control group of a container allows; None where nothing limits it.

    As Linux's cgroup v2 writes it: microseconds of each period, or "max".
    """
    try:
        allowed, period = QUOTA.read_text().split()[:2]
        return None if allowed == "max" else int(allowed) / int(period)
    except (OSError, ValueError):
        return None


def spare_threads() -> int | None:
    """Threads that torch should have and no more, where a quota allows less than the CPUs it sees; None: leave it.

    Threads beyond the quota wait for each other while none of them may run (reports/threads.md). What the user has set
    stands.
    """
    quota = cpu_quota()
    if quota is None or "OMP_NUM_THREADS" in os.environ or quota >= torch.get_num_threads():
        return None
    return max(1, math.floor(quota))


def gpu_clocks() -> tuple[str, ...]:
    """A phrase per GPU: what it is, how fast it is clocked now and at most; nothing where nvidia-smi is missing."""
    fields = "index,name,driver_version,clocks.sm,clocks.max.sm,clocks.mem"
    found = _output("nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader")
    rows = [[cell.strip() for cell in line.split(",")] for line in (found or "").splitlines()]
    return tuple(
        f"GPU {row[0]} {row[1]}, driver {row[2]}, SM clock {row[3]} (at most {row[4]}), memory clock {row[5]}"
        for row in rows
        if len(row) == len(fields.split(","))
    )


def gpu_brakes() -> tuple[str, ...]:
    """A phrase per GPU that is not allowed its clock: why; nothing where none is held back, or it is not known."""
    found = _output("nvidia-smi", "--query-gpu=index,clocks_event_reasons.active", "--format=csv,noheader")
    phrases = []
    for line in (found or "").splitlines():
        index, _, mask = (part.strip() for part in line.partition(","))
        bits = int(mask, 16) if mask.startswith("0x") else 0
        if reasons := [reason for bit, reason in BRAKES.items() if bits & bit]:
            phrases.append(f"GPU {index} runs below its clock: {', '.join(reasons)}")
    return tuple(phrases)


def choose_device(name: str) -> torch.device:
    """The device of that name ("auto", "cpu", "cuda", "cuda:1" …), which is there.

    Raises:
        ConfigurationError: not a device, or not on this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        there = ["auto", "cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        first_line = str(error).splitlines()[0]
        raise ConfigurationError(
            f"device {name!r} cannot be used here ({first_line}); this machine has: {', '.join(there)}"
        ) from error
    return device


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _revision() -> str | None:
    revision = _output("git", "rev-parse", "HEAD")
    if revision is None:
        return None
    return revision + ("-dirty" if _output("git", "status", "--porcelain") else "")


def _output(*command: str) -> str | None:
    """What a command prints, or None where it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None

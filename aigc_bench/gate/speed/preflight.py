"""Before anything is measured: whether the two sides can be compared, and the state of the machine."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from aigc_bench.core.errors import BenchmarkFailedError
from aigc_bench.gate.sides.sides import Runnable
from aigc_bench.gate.speed.measure import Commands, PytestFiles
from aigc_bench.gate.speed.processes import PROBE, Benchmarks
from aigc_bench.runs.comparison.sides import Side
from aigc_bench.system.machine import Environment, cpu_quota, cpus, environment, gpu_brakes, gpu_clocks
from aigc_bench.system.processes import ended, scratch

PROBE_TIMEOUT_S = 120.0
LOADED = 0.5
"""runnable processes per CPU beside ours, from which pairs will differ more"""
LITTLE_MEMORY = 512 * 2**20
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


@dataclass(frozen=True, slots=True)
class Preflight:
    """Both sides with their environments, and what cannot be compared."""

    base: Side
    head: Side
    refusal: str | None = None
    """why nothing may be compared"""
    changed: Mapping[str, str] = field(default_factory=dict)
    """test, without parameters => why it may not be compared"""
    statements: tuple[str, ...] = ()

    def refused(self, name: str) -> str | None:
        """Why a benchmark may not be compared; None if it may."""
        return self.refusal or self.changed.get(name.partition("[")[0])


def preflight(base: Runnable, head: Runnable, benchmarks: Benchmarks) -> Preflight:
    """Ask both interpreters, and hash the benchmarks on both sides.

    Raises:
        BenchmarkFailedError: an interpreter cannot report its versions.
    """
    known = [
        None if isinstance(benchmarks, Commands) else described(side, label)
        for side, label in ((base, "base"), (head, "head"))
    ]
    changed = _changed(benchmarks.tests(base), benchmarks.tests(head)) if isinstance(benchmarks, PytestFiles) else {}
    return Preflight(
        Side(name=base.name, identity=base.identity, environment=known[0]),
        Side(name=head.name, identity=head.identity, environment=known[1]),
        unlike(*known),
        changed,
        tuple(machine_statements()),
    )


def described(side: Runnable, label: str) -> Environment:
    """A side's environment, as its own interpreter sees it; what is the machine's is ours.

    Raises:
        BenchmarkFailedError: it cannot report them.
    """
    with scratch() as folder:
        path = folder / "found.json"
        argv: list[str | Path] = [*side.argv, PROBE / "side_environment.py", path]
        done = ended(argv, cwd=side.cwd, environment=side.environment, timeout_s=PROBE_TIMEOUT_S)
        output = path.read_bytes() if path.is_file() else b""
    try:
        document: dict[str, Any] = json.loads(output)
        packages = {str(name): str(number) for name, number in document["packages"].items()}
        python, threads, device = str(document["python"]), int(document["threads"]), str(document["device"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchmarkFailedError(
            f"{label}'s interpreter does not report its versions: {done.failure(side.argv[0])}"
        ) from error
    ours = environment(torch.device("cpu"))
    return Environment(
        aigc_bench=packages.get("aigc-bench", "not installed"),
        python=python,
        platform=ours.platform,
        cpu=ours.cpu,
        cpu_count=ours.cpu_count,
        memory_bytes=ours.memory_bytes,
        threads=threads,
        device=device,
        packages=packages,
        git_revision=side.identity if "/" not in side.identity else None,
    )


def unlike(base: Environment | None, head: Environment | None) -> str | None:
    """Why timings of two environments cannot be compared (threads or device differ); None if they can."""
    if base is None or head is None:
        return None
    for what, old, new in (("threads", base.threads, head.threads), ("device", base.device, head.device)):
        if old != new:
            return f"unlike {what}: base has {old}, head has {new}; run both sides alike"
    return None


def as_measured(side: Side, process: Mapping[str, Any]) -> Side:
    """The side with the threads and the device that its measured process had."""
    if side.environment is None or not process:
        return side
    measured = replace(side.environment, threads=int(process["threads"]), device=str(process["device"]))
    return side.model_copy(update={"environment": measured})


def _changed(base: Mapping[str, str], head: Mapping[str, str]) -> dict[str, str]:
    """Why a test that both sides have may not be compared: it is another one."""
    return {
        name: "what is timed differs between the sides: the test itself, or a fixture or helper that it uses. Run one "
        "side's files on both: --benchmarks head, or base"
        for name in sorted(base.keys() & head.keys())
        if base[name] != head[name]
    }


def machine_identity() -> dict[str, Any]:
    """What identifies this machine in the journal's key: pairs of another machine are not reused."""
    ours = environment(torch.device("cpu"))
    return {"node": platform.node(), "cpu": ours.cpu, "cpu_count": ours.cpu_count, "platform": ours.platform}


def machine_statements() -> list[str]:
    """Sentences on what affects timings on this machine, with a warning where pairs will vary more."""
    num_cpus, load, quota = cpus(), os.getloadavg()[0], cpu_quota()
    statements = [
        f"Machine before the first pair: {num_cpus} CPUs, load average {load:.2g}, frequency governor "
        f"{_read(GOVERNOR) or 'not known'}, CPU quota {'none' if quota is None else f'{quota:g} CPUs'}.",
        *(f"{clock}." for clock in gpu_clocks()),
        *(f"{brake}. The pairs will vary more, and more of them will be needed." for brake in gpu_brakes()),
    ]
    if load > LOADED * num_cpus:
        statements.append(
            f"A load average of {load:.2g} on {num_cpus} CPUs: other processes are running. The pairs will vary more, "
            "and more of them will be needed; the error rates hold."
        )
    free = _free_bytes()
    if free is not None and free < LITTLE_MEMORY:
        statements.append(
            f"Only {free / 2**20:.0f} MiB of memory are free: processes may be slowed by swapping, or killed."
        )
    return statements


def _free_bytes() -> int | None:
    for line in (_read(Path("/proc/meminfo")) or "").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None

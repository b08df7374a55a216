"""What a generator costs to hold and to run once: weights, operations, and the peak memory of a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from aigc_bench.core import Footprint, Generator, SampleSpec
from aigc_bench.core.errors import GeneratorError
from aigc_bench.core.suites import GeneratorEntry
from aigc_bench.generators.blueprint import Blueprint
from aigc_bench.system import timing

TIMEOUT_S = 600.0
"""of a fresh process that builds a generator and samples once"""


def flops_per_sample(generator: Generator, device: torch.device) -> float | None:
    """Floating-point operations of one sample by torch's counter; None where it knows none of them."""
    seeds = torch.arange(8, device=device)
    with FlopCounterMode(display=False) as counter:
        generator.sample(seeds)
    return counter.get_total_flops() / len(seeds) or None


def footprint(
    blueprint: Blueprint, generator: Generator, batch_size: int, train_steps_per_s: tuple[float, ...]
) -> Footprint:
    """Weights, operations, and the peak memory of a fresh process that builds the generator and samples."""
    device = torch.device(blueprint.device)
    if device.type == "cuda":
        timing.reset_peak(device)
        generator.sample(torch.arange(batch_size, device=device))
        peak, counter = timing.peak_bytes(device)
    else:
        peak, counter = _fresh_process_peak(blueprint, batch_size)
    return Footprint(
        peak_bytes=peak,
        peak_method=f"{counter}, building it and sampling {batch_size}",
        num_parameters=getattr(generator, "num_parameters", None),
        flops_per_sample=flops_per_sample(generator, device),
        train_steps_per_s=train_steps_per_s,
    )


def _fresh_process_peak(blueprint: Blueprint, batch_size: int) -> tuple[int, str]:
    request = {
        "entry": blueprint.entry.model_dump(),
        "spec": [blueprint.spec.modality, blueprint.spec.shape, blueprint.spec.sample_rate],
        "weights": None if blueprint.weights is None else str(blueprint.weights),
        "threads": torch.get_num_threads(),
        "batch_size": batch_size,
        "path": sys.path,
    }
    # Not by `system.processes`, which needs POSIX: nothing is timed here, and there are no grandchildren to end.
    try:
        done = subprocess.run(
            [sys.executable, "-m", "aigc_bench.evidence.footprint"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise GeneratorError(f"a fresh process that samples it was still running after {TIMEOUT_S:g} s") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise GeneratorError(f"a fresh process that samples it ended with {done.returncode}: {last}")
    answer = json.loads(done.stdout.splitlines()[-1])
    return int(answer["peak_bytes"]), f"{answer['counter']} of a fresh process"


def _answer(request: dict[str, Any]) -> None:
    sys.path[:] = request["path"]
    torch.set_num_threads(request["threads"])
    modality, shape, sample_rate = request["spec"]
    weights = None if request["weights"] is None else Path(request["weights"])
    spec = SampleSpec(modality, tuple(shape), sample_rate)
    blueprint = Blueprint(GeneratorEntry.model_validate(request["entry"]), spec, "cpu", weights)
    blueprint.build().sample(torch.arange(request["batch_size"]))
    peak, counter = timing.peak_bytes(torch.device("cpu"))
    print(json.dumps({"peak_bytes": peak, "counter": counter}))


if __name__ == "__main__":
    _answer(json.load(sys.stdin))

"""Times `sample` of a run's generators, by the weights that were scored: `run_times.py ASKED.json FOUND.json`.

Before it is timed, a generator draws the samples that the run kept to be looked at: what is timed is what was scored.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from aigc_bench_turns import Turns
from safetensors import safe_open

from aigc_bench.core import Generator, SampleSpec
from aigc_bench.core.suites import GeneratorEntry
from aigc_bench.generators.blueprint import Blueprint
from aigc_bench.modalities.modality import modality_of
from aigc_bench.system import timing

LEVELS = 1.0
"""units, grey levels of an image, that a sample may change by with the size of its batch; less where the modality
allows less"""


def times(asked: dict[str, Any], turns: Turns) -> list[dict[str, Any]]:
    """Seconds per call of every generator at every batch size, or why there are none."""
    device, benchmarks = torch.device(asked["device"]), []
    spec = SampleSpec(asked["modality"], tuple(asked["shape"]), asked["sample_rate"])
    for case in asked["cases"]:
        names = {f"{case['name']}: sample@{size}": size for size in asked["batch_sizes"]}
        wanted = [name for name in names if asked["only"] is None or name in asked["only"]]
        if not wanted:
            continue
        weights = None if case["weights"] is None else Path(case["weights"])
        generator = Blueprint(GeneratorEntry.model_validate(case["entry"]), spec, asked["device"], weights).build()
        failure = unlike(generator, case, device)
        for name in wanted:
            turns.meet()
            data: Any = {"failure": failure}
            if failure is None:
                call = partial(generator.sample, torch.arange(names[name], device=device))
                repeats = max(1, round(timing.BLOCK_S / max(timing.warm_up(call, device), 1e-9)))
                timed = partial(timing.elapsed_s, call, repeats, device)
                data = [block_s / repeats for block_s in turns.blocks(timed, asked["blocks"])]
            benchmarks.append({"fullname": name, "stats": {"data": data}})
    return benchmarks


def unlike(generator: Generator, case: dict[str, Any], device: torch.device) -> str | None:
    """Why what is timed is not what was scored; None if it is."""
    with safe_open(case["exhibits"], "pt") as file:
        expected = file.get_tensor(case["samples"])
    modality = modality_of(generator.spec)
    drawn = modality.sheet(list(generator.sample(torch.arange(len(expected), device=device)).cpu()))
    if drawn.shape != expected.shape:
        return f"it draws samples of shape {tuple(drawn.shape)}, and {tuple(expected.shape)} were scored"
    apart = float((drawn.double() - expected.double()).abs().max())
    if apart > min(LEVELS, modality.tolerance):
        return f"it draws other samples than were scored, which differ by up to {apart:g}: score them anew"
    return None


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    device = torch.device(asked["device"])
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    process = {"threads": torch.get_num_threads(), "device": name}
    measured = {"benchmarks": times(asked, Turns.of_environment()), "process": process}
    Path(sys.argv[2]).write_text(json.dumps(measured), encoding="utf-8")

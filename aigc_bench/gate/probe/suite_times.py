"""Times `sample` of a suite's generators as built, which are not trained: `suite_times.py ASKED.json FOUND.json`.

ASKED holds the suite as the gate resolved it, so that both sides time the same things, the device, and which names.
The output is shaped as pytest-benchmark's: seconds of one call in each block.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from aigc_bench_turns import Turns

from aigc_bench.core import plugins
from aigc_bench.core.suites import parse_suite
from aigc_bench.system import timing


def times(asked: dict[str, Any], turns: Turns) -> list[dict[str, Any]]:
    """Seconds per call of every generator at every batch size of the suite."""
    suite, device = parse_suite(asked["suite"], source="the gate"), torch.device(asked["device"])
    data = plugins.load("dataset", suite.data.name)(
        data_dir=asked["data_dir"] and Path(asked["data_dir"]), download=False, **suite.data.options
    )
    benchmarks = []
    for entry in suite.generators:
        torch.manual_seed(0)
        generator = plugins.load("generator", entry.build)(data.spec, device=device, **entry.options)
        for batch_size in suite.speed.batch_sizes:
            name = f"{entry.name}: sample@{batch_size}"
            if asked["only"] is None or name in asked["only"]:
                turns.meet()
                call = partial(generator.sample, torch.arange(batch_size, device=device))
                repeats = max(1, round(timing.BLOCK_S / max(timing.warm_up(call, device), 1e-9)))
                timed = partial(timing.elapsed_s, call, repeats, device)
                seconds = [block_s / repeats for block_s in turns.blocks(timed, asked["blocks"])]
                benchmarks.append({"fullname": name, "stats": {"data": seconds}})
    return benchmarks


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    device = torch.device(asked["device"])
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    process = {"threads": torch.get_num_threads(), "device": name}
    measured = {"benchmarks": times(asked, Turns.of_environment()), "process": process}
    Path(sys.argv[2]).write_text(json.dumps(measured), encoding="utf-8")

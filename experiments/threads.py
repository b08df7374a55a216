"""What other work on the machine costs torch, by how its threads wait and how many they are.

python experiments/threads.py >> reports/threads.md

Each figure is the median of three fresh processes that train the DCGAN of `digits` for 60 steps after ten others.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator

import psutil

WORK = """
import os, sys, time
import torch
if len(sys.argv) > 2:
    torch.set_num_threads(int(sys.argv[2]))
from aigc_bench.core import plugins
from aigc_bench.core.samples import Batch
from aigc_bench.generators import training
data = plugins.load("dataset", "digits")()
with training.seeded(0):
    generator = plugins.load("generator", "dcgan")(data.spec, device=torch.device("cpu"))
    steps = generator.fit(training.batches(data.fit.loaded(), 64, seed=0), seed=0)
    for _ in range(10):
        next(steps)
    start = time.perf_counter()
    for _ in range(int(sys.argv[1])):
        next(steps)
print(time.perf_counter() - start)
"""
SETTINGS: dict[str, tuple[dict[str, str], int | None]] = {
    "as torch comes": ({}, None),
    "OMP_WAIT_POLICY=passive": ({"OMP_WAIT_POLICY": "passive"}, None),
    "GOMP_SPINCOUNT=10000": ({"GOMP_SPINCOUNT": "10000"}, None),
    "GOMP_SPINCOUNT=1000": ({"GOMP_SPINCOUNT": "1000"}, None),
    "one thread": ({}, 1),
}
LOADS = {
    "idle": (0, 0, 1.0),
    "one core busy": (1, 0, 1.0),
    "all cores busy": (2, 0, 0.5),
    "all busy, we `nice`": (2, 10, 0.1),
}
"""name => (processes that never wait, our niceness, share of the steps that is enough)"""
BUSY = [sys.executable, "-c", "while True: pass"]


@contextlib.contextmanager
def load(num: int) -> Iterator[None]:
    """So many processes that never wait."""
    others = [subprocess.Popen(BUSY) for _ in range(num)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def seconds(environment: dict[str, str], threads: int | None, nice: int, steps: int) -> float:
    """Of the steps, in a fresh process."""
    command = [sys.executable, "-c", WORK, str(steps), *([] if threads is None else [str(threads)])]
    started = [*(["nice", "-n", str(nice)] if nice else []), *command]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(started, env={**kept, **environment}, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--setting", action="append", choices=SETTINGS, help="only this row; may be repeated")
    options = parser.parse_args()
    print(f"{psutil.cpu_count(logical=True)} cores; ms a step.\n")
    print(f"| threads | {' | '.join(LOADS)} |\n|---|{'---:|' * len(LOADS)}")
    for name in options.setting or SETTINGS:
        environment, threads = SETTINGS[name]
        found = []
        for num, nice, share in LOADS.values():
            steps = max(int(options.steps * share), 1)
            with load(num):
                times = [seconds(environment, threads, nice, steps) for _ in range(options.repeats)]
            found.append(f"{1000 * statistics.median(times) / steps:.0f}")
        print(f"| {name} | {' | '.join(found)} |", flush=True)


if __name__ == "__main__":
    main()

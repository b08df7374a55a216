"""How much memory `run` takes as the number of samples grows: a table for reports/growth.md.

python experiments/run_memory.py 2000 20000

A folder of three times as many seeded images of 64 × 64 × 3 as the row has samples is the data set, a generator without
weights draws as many, and the extractor gives 48 numbers, so that what grows is what the harness itself holds. Each run
is a process of its own; its peak is what the system's accounting of finished processes says. That has pages of mapped
files in it, which the kernel drops where somebody needs the room; memory without them is looked at every 20 ms.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (64, 64, 3)
EXTRACTOR = """
import torch
import torch.nn.functional as F
from aigc_bench.core import Features

class Means:
    name, digest, batch_size = "means", "means of 16 x 16 pixels, v2", 512
    def __call__(self, batch):
        return Features(F.avg_pool2d(batch.float(), 16).flatten(1))

def build(spec, *, device):
    return Means()
"""
SUITE = """
name = "memory"
features = ["means:build"]
metrics = ["fd", "kd", "precision", "recall", "density", "coverage", "duplicates"]
num_samples = {num}

[data]
name = "folder"
options = {{ shares = [0.02, 0.49, 0.49] }}

[[generators]]
build = "gaussian"
"""


def write_images(folder: Path, num: int) -> None:
    """`num` seeded images, in folders of a thousand."""
    random = np.random.default_rng(0)
    for number in range(num):
        place = folder / f"{number // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        coarse = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize(SIZE[:2], Image.Resampling.BILINEAR)
        image.save(place / f"{number:06}.png", compress_level=1)


def peak(num: int, work: Path) -> tuple[float, float, float]:
    """Peak memory in MiB, the largest without mapped files, and seconds, of one `run` of so many samples a row."""
    write_images(work / "images", round(num / 0.49) + 10)
    (work / "means.py").write_text(EXTRACTOR)
    (work / "suite.toml").write_text(SUITE.format(num=num))
    command = [sys.executable, "-m", "aigc_bench", "run", "suite.toml", "--data-dir", "images", "--quiet"]
    started = time.perf_counter()
    pid = os.fork()
    if not pid:
        os.chdir(work)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.execv(command[0], command)
    done, anonymous = 0, 0.0
    while not done:
        anonymous = max(anonymous, anonymous_mib(pid))
        time.sleep(0.02)
        done, status, usage = os.wait4(pid, os.WNOHANG)
    if status:
        raise SystemExit(f"the run ended with status {status}")
    return usage.ru_maxrss / 1024, anonymous, time.perf_counter() - started


def anonymous_mib(pid: int) -> float:
    """What a process holds that is of no file (proc(5), RssAnon); 0 where it has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), 0.0)


def main() -> None:
    """Print a row per number of samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nums", type=int, nargs="+", help="samples a row")
    print("| samples a row, 64 × 64 × 3 | their pixels, MiB | peak, MiB | without mapped files, MiB | seconds |")
    print("|---:|---:|---:|---:|---:|")
    for num in parser.parse_args().nums:
        with tempfile.TemporaryDirectory() as work:
            mib, anonymous, seconds = peak(num, Path(work))
        pixels = num * int(np.prod(SIZE)) / 2**20
        print(f"| {num:,} | {pixels:.0f} | {mib:.0f} | {anonymous:.0f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()

"""How time and memory of a score grow with the number of images: a table, and a figure beside it.

python reports/growth.py --nums 1000 5000 20000 50000 > reports/growth.md

Every N is scored by the command line in a fresh process and a fresh store: two npy files of N images of 32 × 32 (noise
of several grains, made here), all default metrics, by `inception` on random weights in the published layout. Memory is
the largest resident set of the process, mapped features included. On two cores 50,000 a side take about two hours.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from aigc_bench.features.inception_layout import variance_preserving_weights

PIECE = 4096
GRAINS = (1, 2, 4, 8)
FIGURE = Path(__file__).parent / "gallery" / "growth.png"


def write_images(path: Path, num: int, seed: int) -> None:
    """Write (num, 32, 32, 3) uint8 noise of one to eight pixels' grain, piece by piece."""
    generator = torch.Generator().manual_seed(seed)
    mapped = np.lib.format.open_memmap(path, "w+", np.uint8, (num, 32, 32, 3))
    for number, start in enumerate(range(0, num, PIECE)):
        piece, grain = min(PIECE, num - start), GRAINS[number % len(GRAINS)]
        noise = torch.rand(piece, 3, 32 // grain, 32 // grain, generator=generator)
        images = F.interpolate(noise, (32, 32)).mul(255).round().to(torch.uint8)
        mapped[start : start + piece] = images.permute(0, 2, 3, 1).numpy()
    mapped.flush()


def measured(folder: Path, num: int, features: str) -> tuple[float, float]:
    """Seconds and GiB of one score of `num` images a side.

    Raises:
        SystemExit: it failed; what it said stands above.
    """
    for seed, side in enumerate(("real", "fake")):
        write_images(folder / f"{side}.npy", num, seed)
    fake, real = (str(folder / f"{side}.npy") for side in ("fake", "real"))
    command = [sys.executable, "-m", "aigc_bench", "score", fake, "--real", real]
    command += ["--store", str(folder / f"store-{num}"), *(["--features", features] if features != "inception" else [])]
    environment = {**os.environ, "AIGC_BENCH_WEIGHTS": str(folder / "weights.pth")}
    silent = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    started = time.perf_counter()
    child = os.posix_spawn(sys.executable, command, environment, file_actions=[silent])
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"{num} images: exit status {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - started, usage.ru_maxrss / 2**20


def drawn(rows: pd.DataFrame) -> Figure:
    """Seconds and GiB against N."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, column in zip(panels, ("seconds", "GiB"), strict=True):
        sns.lineplot(rows, x="images a side", y=column, marker="o", ax=axes)
        axes.set(ylim=(0, None))
    return figure


def main() -> None:
    """Print the table, row by row, and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nums", type=int, nargs="+", default=[1000, 5000, 20_000, 50_000])
    parser.add_argument("--features", default="inception")
    options = parser.parse_args()
    print("# Growth with the number of images\n")
    print(f"`python reports/growth.py --nums {' '.join(map(str, options.nums))}`, extractor `{options.features}`, ")
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}.\n")
    print("| images a side | s | s per 1,000 images | GiB |\n|---|---|---|---|", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        torch.save(variance_preserving_weights(0), folder / "weights.pth")
        for num in options.nums:
            seconds, memory = measured(folder, num, options.features)
            rows.append({"images a side": num, "seconds": seconds, "GiB": memory})
            print(f"| {num:,} | {seconds:.0f} | {500 * seconds / num:.1f} | {memory:.2f} |", flush=True)
    sns.set_theme(style="whitegrid")
    drawn(pd.DataFrame(rows)).savefig(FIGURE, dpi=110)


if __name__ == "__main__":
    main()

"""How time and memory of a score grow with the number of images: a table, and a figure beside it.

python experiments/growth.py --inception 1000 5000 20000 --projection 1000 5000 20000 50000 > reports/growth.md

Every N is scored by the command line in a fresh process and a fresh store: two npy files of N images of 32 × 32 (noise
of several grains, made here), all default metrics. `inception` has random weights in the published layout; its network
takes nearly all the time, N times that of one image. `projection` gives as many features and logits by a product with a
random matrix, so that what is seen is everything else. Memory is the largest resident set of the process, mapped
features included. On two cores `inception` takes one to two and a half minutes for every 1,000 images a side.
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

from aigc_bench.core import Features, SampleSpec
from aigc_bench.modalities.image.extractors.inception_layout import variance_preserving_weights

ROOT = Path(__file__).parents[1]
PIECE = 4096
GRAINS = (1, 2, 4, 8)
ARGUMENTS = {"inception": [], "projection": ["--features", "experiments.growth:build_projection"]}
FIGURE = ROOT / "reports" / "gallery" / "growth.png"


class Projection:
    """2048 features and 1008 logits of pixels, by a random matrix."""

    name, digest = "projection", "p" * 64
    outputs = ("pool", "logits")

    def __init__(self, spec: SampleSpec, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(0)
        self._matrix = torch.randn(spec.num_dims, 2048 + 1008, generator=generator).to(device) / spec.num_dims**0.5

    def __call__(self, batch: torch.Tensor) -> Features:
        """Of (N, C, H, W) uint8."""
        products = (batch.flatten(1).float() / 64) @ self._matrix
        return Features(products[:, :2048].relu(), products[:, 2048:])


def build_projection(spec: SampleSpec, *, device: torch.device) -> Projection:
    """For `--features experiments.growth:build_projection`."""
    return Projection(spec, device)


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
    command += ["--store", str(folder / f"store-{features}-{num}"), *ARGUMENTS[features]]
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
        sns.lineplot(rows, x="images a side", y=column, hue="extractor", marker="o", ax=axes)
        axes.set(ylim=(0, None))
    return figure


def main() -> None:
    """Print the table, row by row, and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inception", type=int, nargs="*", default=[1000, 5000, 20_000])
    parser.add_argument("--projection", type=int, nargs="*", default=[1000, 5000, 20_000, 50_000])
    options = parser.parse_args()
    plan = [("inception", num) for num in options.inception] + [("projection", num) for num in options.projection]
    said = [f"--{name} {' '.join(map(str, getattr(options, name)))}" for name in ("inception", "projection")]
    print("# Growth with the number of images\n")
    print(__doc__.split("\n\n")[-1].strip() + "\n" if __doc__ else "")
    print(
        f"`python experiments/growth.py {' '.join(said)}`, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}.\n"
    )
    print("| extractor | images a side | s | s per 1,000 images | GiB |\n|---|---|---|---|---|", flush=True)
    os.chdir(ROOT)  # where the command line finds this file as a module
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        torch.save(variance_preserving_weights(0), folder / "weights.pth")
        for features, num in plan:
            seconds, memory = measured(folder, num, features)
            rows.append({"extractor": features, "images a side": num, "seconds": seconds, "GiB": memory})
            print(f"| {features} | {num:,} | {seconds:.0f} | {500 * seconds / num:.1f} | {memory:.2f} |", flush=True)
    sns.set_theme(style="whitegrid")
    drawn(pd.DataFrame(rows)).savefig(FIGURE, dpi=110)


if __name__ == "__main__":
    main()

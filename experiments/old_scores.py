"""Every quality score of `smoke`, `digits` and a tiny `score`, as an installed version computes them, in one JSON file.

python experiments/old_scores.py 4612126 OLD_VENV/bin/aigc-bench > tests/fixtures/scores-4612126.json

`tests/runs/test_old_scores.py` compares the present code with that file: a change that should not change a score does
not change it. Make a new file, with a new name, only in a commit that changes scores on purpose.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

THREADS = 2
SUITES = ("smoke", "digits")
FORMATS = ("npy", "folder", "zip")
NUM_IMAGES = 60
FIELDS = ("value", "standard_error", "low", "high")


def images(side: str) -> np.ndarray:  # => (60, 8, 8) uint8
    """Grey noise, seeded: the real side uses every grey level, the generated side the lower three quarters."""
    seed, levels = {"real": (0, 256), "fake": (1, 192)}[side]
    return np.random.default_rng(seed).integers(0, levels, (NUM_IMAGES, 8, 8), dtype=np.uint8)


def write_set(folder: Path, side: str, form: str) -> Path:
    """The images of one side as an npy file, a folder of PNG files, or a zip file of these."""
    if form == "npy":
        np.save(folder / f"{side}.npy", images(side)[..., None])
        return folder / f"{side}.npy"
    pictures = folder / side
    pictures.mkdir(exist_ok=True)
    for number, image in enumerate(images(side)):
        Image.fromarray(image).save(pictures / f"{number:03d}.png")
    if form == "folder":
        return pictures
    with zipfile.ZipFile(folder / f"{side}.zip", "w") as archive:
        for path in sorted(pictures.iterdir()):
            archive.write(path, path.name)
    return folder / f"{side}.zip"


def run_suite(program: Sequence[str], suite: str, folder: Path) -> dict[str, Any]:
    """The record (run.json) of a whole suite, run in a fresh store."""
    _execute([*program, "run", suite, "--store", str(folder / "runs"), "--quiet"], folder)
    return _record(folder)


def score_set(program: Sequence[str], form: str, folder: Path) -> dict[str, Any]:
    """The record (run.json) of `score` on the tiny set, stored in that form."""
    fake, real = (str(write_set(folder, side, form)) for side in ("fake", "real"))
    chosen = ["--features", "pixels", "--features", "digits-cnn", "--store", str(folder / "runs"), "--quiet"]
    _execute([*program, "score", fake, "--real", real, *chosen], folder)
    return _record(folder)


def quality_scores(run: dict[str, Any]) -> list[dict[str, Any]]:
    """The quality scores of a record: speed and memory belong to the minute in which they were measured."""
    return [
        {
            "generator": score["generator"],
            "training_seed": score["training_seed"],
            "metric": score["metric"],
            **{field: (score["estimate"] or {}).get(field) for field in FIELDS},
        }
        for score in run["scores"]
        if score["kind"] == "quality"
    ]


def machine(environment: dict[str, Any]) -> dict[str, Any]:
    """What decides the last bits of a score, out of a record's environment."""
    return {
        "torch": environment["packages"]["torch"],
        "numpy": environment["packages"]["numpy"],
        "scipy": environment["packages"]["scipy"],
        "processor": environment["cpu"],
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": environment["threads"],
    }


def _execute(command: list[str], folder: Path) -> None:
    # OMP_NUM_THREADS would set the threads of numpy's BLAS, which --threads does not reach.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIGC_BENCH_", "OMP_"))}
    command = [*command, "--threads", str(THREADS), "--device", "cpu"]
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")


def _record(folder: Path) -> dict[str, Any]:
    (path,) = (folder / "runs").glob("*-*/run.json")
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def main() -> None:
    """Run everything with the given program and print the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("commit", help="which the program was installed from")
    parser.add_argument("program", nargs="+", help="its aigc-bench")
    options = parser.parse_args()
    runs = {}
    for name in (*SUITES, *FORMATS):
        with tempfile.TemporaryDirectory() as folder:
            start = run_suite if name in SUITES else score_set
            runs[name] = start(options.program, name, Path(folder))
            print(f"{name}: {len(quality_scores(runs[name]))} quality scores", file=sys.stderr)
    print('{"commit": ' + json.dumps(options.commit) + ",")
    print('"machine": ' + json.dumps(machine(runs["smoke"]["environment"])) + ",")
    print('"scores": {')
    for number, (name, run) in enumerate(runs.items()):
        rows = ",\n".join("  " + json.dumps(row) for row in quality_scores(run))
        print(f'"{name}": [\n{rows}\n]' + ("," if number + 1 < len(runs) else "\n}}"))


if __name__ == "__main__":
    main()

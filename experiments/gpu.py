"""Everything that a GPU can show of this project, on one GPU in under eight minutes: reports/gpu.md.

python experiments/gpu.py                        # where there is CUDA
python experiments/gpu.py --device cpu --quick   # a rehearsal of this script, small, printed and not kept

It needs this package and pytest; torch-fidelity (AIGC_BENCH_PEERS_PATH, or installed) is compared with if it is there.
Times are medians of calls that end with the device's work; weights of Inception are random ones in the published
layout, which cost what the published ones do. A section that fails is said, and the others go on.
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import torch
from gpu_sections import FULL, QUICK, ROOT, SECTIONS, Bench

from aigc_bench.modalities.image.extractors.inception_layout import variance_preserving_weights
from aigc_bench.system.machine import gpu_clocks

REPORT = ROOT / "reports" / "gpu.md"


def head(device: torch.device) -> Iterator[str]:
    """What machine and software this is, and what it lacks."""
    yield "# On a GPU"
    yield ""
    yield f"`python experiments/gpu.py`, commit {_revision()}."
    yield ""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "a CPU"
    yield f"{name}; Python {platform.python_version()}, torch {torch.__version__}, CUDA {torch.version.cuda}."
    for clock in gpu_clocks():
        yield f"{clock}."
    missing = [name for name in ("triton", "torch_fidelity") if importlib.util.find_spec(name) is None]
    if missing:
        yield f"Not here: {', '.join(missing)}."


def _revision() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "not known"


def main() -> None:
    """Every section, and the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="small, and printed only")
    parser.add_argument("--only", nargs="*", choices=list(SECTIONS), default=list(SECTIONS))
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("no CUDA device here: run this where there is one, or rehearse it with --device cpu --quick")
    lines = list(head(device))
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.pth"
        torch.save(variance_preserving_weights(0), weights)
        bench = Bench(device, QUICK if options.quick else FULL, weights, Path(folder))
        for name in options.only:
            start = time.perf_counter()
            lines += ["", f"## {name}", ""]
            try:
                for line in SECTIONS[name](bench):
                    lines.append(line)
                    print(line, flush=True)
            except Exception:
                lines.append(f"```\n{traceback.format_exc()}```")
                print(traceback.format_exc(), flush=True)
            lines += ["", f"({time.perf_counter() - start:.0f} s)"]
            if not options.quick:
                REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""experiments/gpu.py says where it cannot run, and can be rehearsed there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "experiments" / "gpu.py"


def ran(*words: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, as users would."""
    return subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, check=False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so() -> None:
    """And how it can be rehearsed."""
    done = ran()
    assert done.returncode == 1
    assert "no CUDA device here" in done.stderr
    assert "--device cpu --quick" in done.stderr


def test_it_can_be_rehearsed() -> None:
    """A table of each section, and nothing kept."""
    done = ran("--device", "cpu", "--quick", "--only", "Random numbers", "Statistics")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout
    assert [line.split("|")[1].strip() for line in done.stdout.splitlines() if line.startswith("| ")][1:4] == [
        "1",
        "64",
        "4096",
    ]
    assert "Measured rate of matrix products" in done.stdout

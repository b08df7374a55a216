"""Without the POSIX modules, as on Windows: what does not time processes works, and the rest says so in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scoring_kit import call

from aigc_bench.system import machine

HIDDEN = """
import signal, sys, os
import psutil  # of this system: it brings its own for each
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "resource", "pwd", "grp", "termios"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules.pop(name, None)
for name in ("SIGALRM", "setitimer", "ITIMER_REAL"):
    delattr(signal, name)
for name in ("killpg", "pidfd_open", "setsid", "sysconf", "getloadavg", "sched_getaffinity", "getuid", "geteuid"):
    if hasattr(os, name):
        delattr(os, name)
"""
TINY = ("--set", "generators.gan.budget.steps=4", "--set", "generators.vae.budget.steps=4")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working directory whose interpreters lack what Windows lacks."""
    (tmp_path / "sitecustomize.py").write_text(HIDDEN)
    np.save(tmp_path / "real.npy", np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), dtype=np.uint8))
    return tmp_path


def test_scores_runs_comparisons_and_reports_need_no_posix(place: Path) -> None:
    """One after the other, as a user would."""
    for arguments in (
        ("--help",),
        ("score", "real.npy", "--real", "real.npy", "--features", "pixels", "--metrics", "duplicates"),
        ("run", "smoke", *TINY),
        ("run", "smoke", *TINY),
        ("compare", "latest", "latest"),
        ("report", "latest"),
        ("gate", "quality", "latest", "latest", "--claim", "checkpoint"),
    ):
        done = call(*arguments, cwd=place, PYTHONPATH=str(place))
        assert done.returncode in (0, 4) if arguments[0] == "gate" else done.returncode == 0, (arguments, done.stderr)
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [("speed", "--base-command", "true", "--head-command", "true"), ("all", "a", "b")])
def test_what_times_processes_says_what_it_needs(place: Path, command: tuple[str, ...]) -> None:
    """In one sentence, as a matter of the system and no bug."""
    done = call("gate", *command, cwd=place, PYTHONPATH=str(place))
    assert done.returncode == 2, done.stderr
    assert "this command needs a POSIX system" in done.stderr


@pytest.mark.parametrize(
    ("text", "quota", "threads"), [("max 100000", None, None), ("150000 100000", 1.5, 1), ("50000 100000", 0.5, 1)]
)
def test_a_container_s_quota_limits_the_threads(
    text: str, quota: float | None, threads: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads beyond it would wait for each other; without a quota, or with a word of the user's, torch decides."""
    file = tmp_path / "cpu.max"
    file.write_text(text + "\n")
    monkeypatch.setattr(machine, "QUOTA", file)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert machine.cpu_quota() == quota
    assert machine.spare_threads() == threads
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert machine.spare_threads() is None
    monkeypatch.delenv("OMP_NUM_THREADS")
    file.write_text("800000 100000")
    assert machine.spare_threads() is None
    file.unlink()
    assert machine.cpu_quota() is None

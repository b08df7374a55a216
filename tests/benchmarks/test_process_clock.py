"""The clock of a command counts the command and not us: side by side with the least that any program can do."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from pathlib import Path

import pytest
import torch

from aigc_bench.system.processes import ended

TRUE = shutil.which("true") or "/bin/true"
SLEEP = shutil.which("sleep") or "/bin/sleep"


def wall_s(*argv: str) -> float:
    """Seconds of a command, as the gate reads them."""
    return ended(argv, cwd=Path.cwd(), timeout_s=10).wall_s


def spawned_s(*argv: str) -> float:
    """The same by posix_spawn and wait, the least that any program can do."""
    start = time.perf_counter()
    os.waitpid(os.posix_spawn(argv[0], argv, os.environ), 0)
    return time.perf_counter() - start


@pytest.fixture
def large() -> torch.Tensor:
    """Half a gigabyte that is in use: a fork would have to copy the tables of its pages."""
    return torch.ones(2**27)


def test_a_command_that_does_nothing_takes_no_longer_than_the_system_needs(large: torch.Tensor) -> None:
    """It read 13 ms in the place of one."""
    pairs = [(wall_s(TRUE), spawned_s(TRUE)) for _ in range(30)]
    ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    assert ours < 3 * theirs
    assert large.sum() > 0


def test_a_doubling_reads_as_a_doubling(large: torch.Tensor) -> None:
    """Of a command of 15 ms, which read as +45 %: as the system's own clock has it, start of the process included."""
    pairs = [(wall_s(SLEEP, "0.03"), wall_s(SLEEP, "0.015")) for _ in range(15)]
    known = [(spawned_s(SLEEP, "0.03"), spawned_s(SLEEP, "0.015")) for _ in range(15)]
    ours, theirs = (statistics.median(double / single for double, single in found) for found in (pairs, known))
    assert ours == pytest.approx(theirs, rel=0.05)
    assert ours == pytest.approx(2, rel=0.1)
    assert large.sum() > 0

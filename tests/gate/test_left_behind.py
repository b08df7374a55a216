"""Nothing that a gate has started outlives it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil


def test_kill_9_leaves_no_child_behind(tmp_path: Path) -> None:
    """Nor a grandchild in its group; the guard ends itself."""
    code = f"""
from pathlib import Path
from aigc_bench.system.processes import started
with started(["bash", "-c", "sleep 600 & sleep 601"], cwd=Path({str(tmp_path)!r}), timeout_s=None) as one:
    Path("pid").write_text(str(one.process.pid))
    one.process.wait()
"""
    harness = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.2)
    group = int((tmp_path / "pid").read_text())
    children = psutil.Process(harness.pid).children(recursive=True)
    assert len(children) >= 3  # bash, a sleep, and the guard
    harness.send_signal(signal.SIGKILL)
    harness.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    assert not psutil.pid_exists(group) or psutil.Process(group).status() == psutil.STATUS_ZOMBIE

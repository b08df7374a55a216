"""What is left behind: nothing of a gate that was killed, no process, and no torn line of a journal."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gate_kit import (
    asked_of,
    commit,
    leftovers,
    toy_repository,
)

from aigc_bench.core.errors import StoreError
from aigc_bench.gate.sides import repository as repositories
from aigc_bench.gate.sides.sides import opened
from aigc_bench.gate.sides.workplace import workplace
from aigc_bench.gate.speed.journal import journal
from aigc_bench.system.processes import ended


def test_worktrees_of_a_killed_gate_are_removed_by_the_next(tmp_path: Path) -> None:
    """Kill -9 while it measures: its process dies with it, and its finished pairs are not measured again."""
    repository, store = toy_repository(tmp_path / "toy"), tmp_path / "store"
    slow = {"bench/test_toy.py": "import os, time\n\n\ndef test_slow(benchmark):\n    print('', flush=True)\n"
            f"    open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n    time.sleep(60)\n"}  # fmt: skip
    commit(repository, slow)
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import gate_kit\n"
        "gate_kit.pilot_judgement(Path(sys.argv[2]), 'HEAD', 'HEAD', Path(sys.argv[3]))"
    )
    gate = subprocess.Popen(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(repository), str(store)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text():
        assert gate.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    measured = int((tmp_path / "pid").read_text())
    gate.send_signal(signal.SIGKILL)
    gate.wait()
    assert leftovers(repository, store) != []
    while (
        Path(f"/proc/{measured}").exists() and "Z" not in Path(f"/proc/{measured}/stat").read_text().split(") ")[1][:1]
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with opened(asked_of(repository, "HEAD", "HEAD"), store):
        assert len(leftovers(repository, store)) == 3
    assert leftovers(repository, store) == []


def test_an_interrupt_that_asks_again_does_not_stop_the_cleaning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow as the removal of a large worktree may be, it comes to its end; afterwards signals are heard again."""
    repository = toy_repository(tmp_path / "toy")
    asked: list[int] = []

    def interrupt(number: int, frame: object) -> None:
        asked.append(number)
        raise KeyboardInterrupt

    def slowly(of: Path, folder: Path) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        time.sleep(0.1)

    monkeypatch.setattr(repositories, "remove_worktree", slowly)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), workplace(tmp_path / "places", repository):
            raise KeyboardInterrupt
        assert asked == []
        assert list((tmp_path / "places").glob("[!.]*")) == []
        assert signal.getsignal(signal.SIGALRM) is interrupt
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_living_gate_keeps_its_folder(tmp_path: Path) -> None:
    """Two gates side by side; each removes its own."""
    with workplace(tmp_path, None) as first, workplace(tmp_path, None) as second:
        assert first.is_dir()
        assert second.is_dir()
        assert first != second
    assert list(tmp_path.glob("[!.]*")) == []


def test_a_process_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    """And the sentence says how long it ran, and what it said."""
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        "print('child', child.pid, flush=True); child.wait()"
    )
    done = ended([sys.executable, "-S", "-c", code], cwd=tmp_path, timeout_s=1.0)
    assert done.returncode is None
    assert "was still running after 1" in done.failure("it")
    child = int(done.output.split()[1])
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text()


def test_wall_times_are_not_rounded(tmp_path: Path) -> None:
    """A wait that polls would see ends only at multiples of its step: here no two lie in one phase of 50 ms."""
    spread = [
        ended([sys.executable, "-S", "-c", f"import time; time.sleep({extra})"], cwd=tmp_path, timeout_s=60).wall_s
        for extra in (0.0, 0.0125, 0.025, 0.0375)
    ]
    phases = [wall % 0.05 for wall in spread]
    assert any(0.01 < phase < 0.04 for phase in phases)


def test_a_torn_last_line_is_dropped_and_a_damaged_one_is_said(tmp_path: Path) -> None:
    """What a crash tears is the end; anything else somebody must look at."""
    with journal(tmp_path, {"a": 1}) as kept:
        kept.append({"pair": 0})
        kept.append({"pair": 1})
        path = kept.path
        with pytest.raises(StoreError, match="another gate is measuring the same"), journal(tmp_path, {"a": 1}):
            pass
    path.write_bytes(path.read_bytes()[:-4])
    with journal(tmp_path, {"a": 1}) as kept:
        assert kept.peek() == {"pair": 0}
        kept.take()
        assert kept.peek() is None
        kept.append({"pair": 7})
    with journal(tmp_path, {"a": 1}) as kept:
        kept.append({"pair": 8})  # what was ahead is no longer true
    with journal(tmp_path, {"a": 1}) as kept:
        assert kept.peek() == {"pair": 8}
    with journal(tmp_path, {"a": 2}) as other:
        assert other.peek() is None
    path.write_bytes(path.read_bytes().replace(b'{"pair"', b'{"pa\xff'))
    with pytest.raises(StoreError, match=r"line 2, is damaged: .*delete the file"), journal(tmp_path, {"a": 1}):
        pass


def test_a_full_disk_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    """A limit on file size stands in for the disk; the journal keeps its whole lines."""
    code = (
        "import resource, sys; from pathlib import Path; from aigc_bench.gate.speed.journal import journal\n"
        "with journal(Path(sys.argv[1]), {'a': 1}) as kept:\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "    for number in range(100): kept.append({'pair': number, 'base': [0.1] * 10})\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert "StoreError: cannot write" in done.stderr
    assert "free some space" in done.stderr
    with journal(tmp_path, {"a": 1}) as kept:
        number = 0
        while kept.peek() is not None:
            assert kept.take()["pair"] == number
            number += 1
    assert number > 5

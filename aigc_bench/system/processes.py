"""A child process that is measured: in a session of its own, ended as a group, and never waited for in vain.

Its clock must not count us. Nothing is run between fork and exec (`preexec_fn`), so that Python can use vfork, which
copies no page tables: of a process with torch in it, a fork takes some 13 ms. That the group dies with us, even by
`kill -9`, is the work of a guard: a small process that knows the groups and lives until our end of a pipe is closed.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aigc_bench.core.errors import BenchmarkFailedError
from aigc_bench.system.files import writing

TAIL_BYTES = 4000
TAIL_LINES = 12

GUARD = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""
"""reads "+GROUP" and "-GROUP" from its input, and kills what is left of them when that ends"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended."""

    returncode: int | None
    """None: it ran past its time; negative: the signal that killed it"""
    output: str
    """the end of what it printed"""
    wall_s: float

    def failure(self, what: str) -> str:
        """A sentence about an end that was not well."""
        if self.returncode is None:
            how = f"was still running after {self.wall_s:.3g} s and was ended (see --timeout)"
        elif self.returncode < 0:
            how = f"was killed by {signal.Signals(-self.returncode).name}"
        else:
            how = f"ended with {self.returncode}"
        tail = f"; it said: {self.output}" if self.output else ", and said nothing"
        return f"{what} {how}{tail}"


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder for what goes to a process and comes back, gone in the end.

    Raises:
        StoreError: the disk for temporary files is full or not writable.
    """
    with writing(Path(tempfile.gettempdir())), tempfile.TemporaryDirectory(prefix="aigc-bench-") as name:
        yield Path(name)


@dataclass
class Started:
    """A process that runs."""

    process: subprocess.Popen[bytes]
    printed: IO[bytes]
    start: float
    timeout_s: float | None
    is_over: bool = False

    def ended(self) -> Ended:
        """Wait for its end, or for the end of its time."""
        left_s = None if self.timeout_s is None else max(0.0, self.start + self.timeout_s - time.perf_counter())
        in_time = _waited(self.process, left_s)
        wall_s = time.perf_counter() - self.start
        self.end()
        return Ended(self.process.returncode if in_time else None, _tail(self.printed), wall_s)

    def end(self) -> None:
        """Kill the whole group, once: after it was reaped, its number may be another's."""
        if not self.is_over:
            self.is_over = True
            _guard().release(self.process.pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@contextlib.contextmanager
def started(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    timeout_s: float | None,
    descriptors: Sequence[int] = (),
    on_start: Callable[[], object] | None = None,
) -> Iterator[Started]:
    """Run a command, which inherits these file descriptors; nothing it started outlives the context.

    `on_start` is called as soon as it has them.

    Raises:
        BenchmarkFailedError: there is no such command.
        StoreError: the disk for temporary files is full.
    """
    with writing(Path(tempfile.gettempdir())):
        printed = tempfile.TemporaryFile()  # noqa: SIM115 (closed below; what is raised there is not the disk's)
    _guard()  # before the clock runs
    with printed:
        start = time.perf_counter()
        try:
            process = _spawned(argv, cwd, {**_inherited(), **(environment or {})}, printed, descriptors)
        except OSError as error:
            raise BenchmarkFailedError(f"{argv[0]} cannot be run: {error}") from error
        _guard().keep(process.pid)
        running = Started(process, printed, start, timeout_s)
        try:
            if on_start is not None:
                on_start()
            yield running
        finally:
            running.end()  # whatever happened, Ctrl-C included


def _spawned(
    argv: Sequence[str | Path],
    cwd: Path,
    environment: Mapping[str, str],
    printed: IO[bytes],
    descriptors: Sequence[int],
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(part) for part in argv],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=printed,
        stderr=subprocess.STDOUT,
        # The terminal's Ctrl-C goes to the gate alone, which ends the group in its own time.
        start_new_session=True,
        pass_fds=tuple(descriptors),
    )


def ended(
    argv: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str] | None = None, timeout_s: float | None
) -> Ended:
    """Run a command to its end, or to the end of its time; nothing it started outlives it.

    Raises:
        BenchmarkFailedError: there is no such command.
        StoreError: the disk for temporary files is full.
    """
    with started(argv, cwd=cwd, environment=environment, timeout_s=timeout_s) as one:
        return one.ended()


def _inherited() -> dict[str, str]:
    """Our variables, but for pytest-xdist's: a gate may run in a worker, and pytest-benchmark times nothing in one."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}


def _waited(process: subprocess.Popen[bytes], timeout_s: float | None) -> bool:
    """Wait without polling, which would round wall times to 50 ms; whether it ended in time.

    Where the system can, the process is not reaped yet: until it is, nobody else's group has its number.
    """
    if hasattr(os, "pidfd_open"):
        descriptor = os.pidfd_open(process.pid)
        try:
            # poll, unlike select, takes descriptors beyond 1023.
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            return bool(poll.poll(None if timeout_s is None else timeout_s * 1000))
        finally:
            os.close(descriptor)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return False
    return True


class Guard:
    """A small process that outlives us by an instant, and ends what we have started."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", GUARD],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C and a signal to our group are not meant for it.
            start_new_session=True,
        )

    def keep(self, group: int) -> None:
        """End this group if we die."""
        self._tell(f"+{group}\n")

    def release(self, group: int) -> None:
        """Forget this group: it is over, and its number may be another's."""
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # somebody killed it: then our children live on if we are killed
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()

    def close(self) -> None:
        """End it; nothing is left that it would have to end."""
        self._process.communicate()


@functools.cache
def _guard() -> Guard:
    guard = Guard()
    atexit.register(guard.close)
    return guard


def _tail(file: IO[bytes]) -> str:
    """The last lines of a file, on one line."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL_BYTES))
    lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    return " / ".join([line for line in lines if line][-TAIL_LINES:])

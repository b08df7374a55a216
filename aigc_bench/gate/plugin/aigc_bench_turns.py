"""Alternation of two measured processes: each 20 ms block of base is followed by one of head, on the same processor.

Other work on the machine slows a process for seconds at a time, often on one processor only. Alternating blocks on one
processor are slowed alike, so that their ratio depends on the code alone.

Each process holds its ends of two pipes. The process that has the turn works, and passes the turn on before its next
block, together with the number of its processor. At the start of every benchmark each process waits for the other (a
meeting), so that both time the same benchmark. A process that ends, or dies, closes its pipes; the kernel reports that
to the other one, which continues alone.

Like the plug-in beside it, this file runs under the Python of either side, with nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable

TURNS = "AIGC_BENCH_TURNS"
"""file descriptors to read from and to write to, and whether this process begins: "5 8 1" """

_TURN, _MEETING = b"T", b"M"
_SIZE = 5
_NOWHERE = 2**32 - 1
_TRIES = 5
_GETCPU = getattr(ctypes.CDLL(None), "sched_getcpu", None) if sys.platform == "linux" else None


class Turns:
    """One process's side of it; without a partner everything returns at once."""

    def __init__(self, read: int | None = None, write: int | None = None, *, begins: bool = True) -> None:
        self._read, self._write, self._begins = read, write, begins
        self._is_mine = self._is_used = self._is_awaited = False
        self._where = _NOWHERE

    @classmethod
    def of_environment(cls) -> Turns:
        """As the gate says; alone where it says nothing."""
        said = os.environ.pop(TURNS, None)
        if said is None:
            return cls()
        read, write, begins = map(int, said.split())
        turns = cls(read, write, begins=bool(begins))
        # What is started here is no partner, and would keep one from seeing that this process has ended.
        for descriptor in (read, write):
            os.set_inheritable(descriptor, False)
        os.register_at_fork(after_in_child=turns.leave)
        return turns

    @property
    def is_alone(self) -> bool:
        """Whether there is no partner, or none any more."""
        return self._read is None

    def meet(self) -> None:
        """Wait until the partner is here, too; then one of them has the turn, and this waits for it."""
        if self.is_alone:
            return
        self._send(_MEETING)
        while not self.is_alone and not self._is_awaited:
            self._hear()
        self._is_awaited, self._is_used, self._is_mine = False, False, self._begins
        self._wait()

    def next(self) -> None:
        """Call it before every block: hands over the turn that was used, and waits for the next."""
        if self.is_alone:
            return
        if self._is_mine and self._is_used and not self._is_awaited:
            self._is_mine = False
            self._send(_TURN)
        self._wait()
        self._follow()
        self._is_used = True

    def blocks(self, timed: Callable[[], float], num_blocks: int) -> list[float]:
        """What `timed` says, so many times, every time in turn."""
        seconds = []
        for _ in range(num_blocks):
            self.next()
            seconds.append(timed())
        return seconds

    def leave(self) -> None:
        """The partner goes on alone."""
        if self._read is not None and self._write is not None:
            os.close(self._read)
            os.close(self._write)
        self._read = self._write = None

    def _wait(self) -> None:
        # A partner at the next meeting needs no turn: it waits for us there.
        while not (self._is_mine or self._is_awaited or self.is_alone):
            self._hear()
        self._is_mine = True

    def _hear(self) -> None:
        assert self._read is not None
        said = os.read(self._read, _SIZE)
        if not said:
            self.leave()
        elif said[:1] == _MEETING:
            self._is_awaited = True
        else:
            self._is_mine = True
            self._where = int.from_bytes(said[1:], "little")

    def _follow(self) -> None:
        """Go where the partner was, again if this was sent away before the partner had stopped there."""
        for _ in range(_TRIES):
            if self._where in (_NOWHERE, _processor()):
                return
            _move_to(self._where)

    def _send(self, what: bytes) -> None:
        assert self._write is not None
        try:
            os.write(self._write, what + _processor().to_bytes(_SIZE - 1, "little"))
        except BrokenPipeError:
            self.leave()


class Timer:
    """A clock for pytest-benchmark, which reads it at the beginning and at the end of each round."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._is_in_round = False

    def forget(self) -> None:
        """A round that raised has no end."""
        self._is_in_round = False

    def read(self, caller: str) -> float:
        """Seconds; before a round, in turn. `caller` is the name of the function that asks."""
        if caller == "runner":  # pytest-benchmark's, of one round; it reads its clock elsewhere, to see how fine it is
            self._is_in_round = not self._is_in_round
            if self._is_in_round:
                self._turns.next()
        return time.perf_counter()


def _processor() -> int:
    """The number of the processor that this thread is on."""
    return _NOWHERE if _GETCPU is None else int(_GETCPU()) & _NOWHERE


def _move_to(processor: int) -> None:
    """Go there, and be free to leave: what this thread starts later may run anywhere."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        allowed = os.sched_getaffinity(0)
        if processor in allowed and len(allowed) > 1:
            os.sched_setaffinity(0, {processor})
            os.sched_setaffinity(0, allowed)

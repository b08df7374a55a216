"""How a measured process is started, alone or as one of a pair, and what everything that can be timed has to offer."""

from __future__ import annotations

import contextlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from aigc_bench.gate import plugin, probe
from aigc_bench.gate.sides.sides import Runnable
from aigc_bench.gate.speed.pipes import Turn, turns
from aigc_bench.gate.speed.readings import Readings, parsed
from aigc_bench.system.processes import Started, scratch, started

PLUGIN = Path(plugin.__file__).parent
PROBE = Path(probe.__file__).parent
TIMEOUT_S = 600.0
BLOCKS = 14
"""of 20 ms on each side of a benchmark; of calls that take longer, at least `readings.MIN_BLOCKS`"""
KILLED = (-9, 137)
"""exit statuses of a process that SIGKILL ended; 137 is what a shell in between makes of it"""

Finish = Callable[[], Readings]
"""waits for the end of a started process => what it measured"""


class Benchmarks(Protocol):
    """What is measured, the same on both sides."""

    @property
    def label(self) -> str:
        """What is timed, as reports name it."""
        ...

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Every option that the timings depend on; part of the journal's key."""
        ...

    def sources(self, side: Runnable) -> dict[str, str]:
        """File => SHA-256 of the files that define the benchmarks on a side."""
        ...

    def measured(self, side: Runnable, only: Sequence[str] | None, seed: int) -> Readings:
        """Run one process with all benchmarks, or with `only` these; both processes of a pair have the same `seed`."""
        ...

    def measured_in_turns(
        self, first: Runnable, second: Runnable, only: Sequence[str], seed: int
    ) -> tuple[Readings, Readings] | None:
        """Run two processes whose 20 ms blocks alternate; None where nothing is measured in blocks."""
        ...


class InBlocks(ABC):
    """A process alone and two that alternate, for everything that defines how one process is started."""

    __slots__ = ()

    @abstractmethod
    def started(
        self, side: Runnable, only: Sequence[str] | None, seed: int, turn: Turn | None
    ) -> AbstractContextManager[Finish]:
        """Start a process; it is killed when the context ends."""

    def measured(self, side: Runnable, only: Sequence[str] | None, seed: int) -> Readings:
        """See `Benchmarks`."""
        with self.started(side, only, seed, None) as finish:
            return finish()

    def measured_in_turns(
        self, first: Runnable, second: Runnable, only: Sequence[str], seed: int
    ) -> tuple[Readings, Readings]:
        """See `Benchmarks`."""
        with (
            turns() as (mine, theirs),
            self.started(first, only, seed, mine) as finish_first,
            self.started(second, only, seed, theirs) as finish_second,
        ):
            return finish_first(), finish_second()


@contextlib.contextmanager
def script(
    path: Path, side: Runnable, asked: Mapping[str, Any], seed: int, timeout_s: float, turn: Turn | None = None
) -> Iterator[Finish]:
    """Start a script of ours under a side's interpreter: `SCRIPT ASKED.json FOUND.json`."""

    def finish() -> Readings:
        done = process.ended()
        if done.returncode != 0:
            return Readings({}, done.wall_s, done.failure(path.stem), killed=done.returncode in KILLED)
        try:
            readings, about = parsed(folder / "found.json")
        except ValueError as error:
            return Readings({}, done.wall_s, str(error))
        return Readings(readings, done.wall_s, process=about)

    with scratch() as folder:
        (folder / "asked.json").write_text(json.dumps({**asked, "blocks": BLOCKS}), encoding="utf-8")
        argv: list[str | Path] = [*side.argv, path, folder / "asked.json", folder / "found.json"]
        with start(side, argv, with_plugin(side), seed, timeout_s, turn) as process:
            yield finish


def with_plugin(side: Runnable) -> dict[str, str]:
    """PYTHONPATH with the folder of `aigc_bench_turns` before the side's own."""
    inherited = side.environment.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    return {"PYTHONPATH": os.pathsep.join([str(PLUGIN), *([inherited] if inherited else [])])}


def start(
    side: Runnable,
    argv: Sequence[str | Path],
    environment: Mapping[str, str],
    seed: int,
    timeout_s: float,
    turn: Turn | None,
) -> AbstractContextManager[Started]:
    """Start a process of a side; it is killed when the context ends. With a `turn` it is one of two at once."""
    # The order of sets follows the hashes of strings: both processes of a pair have the same hash seed.
    hashing = {} if "PYTHONHASHSEED" in os.environ else {"PYTHONHASHSEED": str(seed % 2**32)}
    return started(
        argv,
        cwd=side.cwd,
        environment={**side.environment, **hashing, **environment, **(turn.environment if turn else {})},
        # One of two alternating processes waits for half of its time.
        timeout_s=timeout_s * (2 if turn else 1),
        descriptors=turn.descriptors if turn else (),
        on_start=turn.close if turn else None,
    )

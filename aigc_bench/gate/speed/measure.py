"""Fresh processes => seconds by benchmark: pytest-benchmark files, a suite's generators, or a command's wall time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aigc_bench.core.errors import ConfigurationError
from aigc_bench.gate import plugin, probe
from aigc_bench.gate.plugin.aigc_bench_turns import TURNS
from aigc_bench.gate.sides.sides import Runnable
from aigc_bench.gate.speed.readings import MIN_BLOCKS, Reading, Readings, outcomes, parsed
from aigc_bench.system.processes import Ended, Started, scratch, started

PLUGIN = Path(plugin.__file__).parent
PROBE = Path(probe.__file__).parent
OUTCOMES, SELECTION = "AIGC_BENCH_OUTCOMES", "AIGC_BENCH_SELECTION"
"""see `aigc_bench_outcomes`, which is imported by the measured process alone"""
TIMEOUT_S = 600.0
BLOCK_S = 0.02
BLOCKS = 14
"""of 20 ms; of calls that take longer, `MIN_BLOCKS`"""
KILLED = (-9, 137)
"""by SIGKILL; 137 is what a shell in between makes of it"""

INSTRUMENT = (
    "--benchmark-only",
    "--benchmark-disable-gc",
    f"--benchmark-min-rounds={MIN_BLOCKS}",
    f"--benchmark-min-time={BLOCK_S}",
    # There are max-time / (what a round takes) rounds, and at least seven.
    f"--benchmark-max-time={BLOCKS * BLOCK_S}",
    "--benchmark-timer=aigc_bench_outcomes.timer",
    # How many calls make a round is estimated from a hundredth of 5 × min-time on: from half of it, as by default, one
    # tries ten times as many calls, and rounds of up to 100 ms come of it.
    "--benchmark-calibration-precision=100",
    # Each step of the calibration is done twice, the last of which takes min-time, and then a whole round, before any
    # counts. More iterations would be done at every step, for as long as max-time: seconds for each benchmark.
    "--benchmark-warmup=on",
    "--benchmark-warmup-iterations=1",
    "--benchmark-quiet",
)


@dataclass
class Turn:
    """One process's place in a pair that takes turns: its ends of two pipes."""

    descriptors: tuple[int, int]
    begins: bool
    _open: list[int] = field(init=False)

    def __post_init__(self) -> None:
        """They are ours to close."""
        self._open = list(self.descriptors)

    @property
    def environment(self) -> dict[str, str]:
        """What the process is told."""
        return {TURNS: "{} {} {}".format(*self.descriptors, int(self.begins))}

    def close(self) -> None:
        """Here: the process has its own, and with ours open its partner would not notice its end."""
        while self._open:
            os.close(self._open.pop())


@contextlib.contextmanager
def turns() -> Iterator[tuple[Turn, Turn]]:
    """Who begins, and who comes second."""
    read_first, write_second = os.pipe()
    read_second, write_first = os.pipe()
    pair = Turn((read_first, write_first), begins=True), Turn((read_second, write_second), begins=False)
    try:
        yield pair
    finally:
        for turn in pair:
            turn.close()


Finish = Callable[[], Readings]
"""waits for a process that was started, and reads what it left"""


class Benchmarks(Protocol):
    """What is measured, the same on both sides."""

    @property
    def label(self) -> str:
        """For reports."""
        ...

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Every option that the numbers depend on."""
        ...

    def sources(self, side: Runnable) -> dict[str, str]:
        """Digest by file of what defines the benchmarks on a side."""
        ...

    def measured(self, side: Runnable, only: Sequence[str] | None, seed: int) -> Readings:
        """Run one process; all benchmarks, or only these. `seed` is both sides' in a pair."""
        ...

    def measured_in_turns(
        self, first: Runnable, second: Runnable, only: Sequence[str], seed: int
    ) -> tuple[Readings, Readings] | None:
        """Run two processes that take turns, block by block; None where nothing is measured in blocks."""
        ...


class InBlocks(ABC):
    """Both ways to measure, from one way to start a process."""

    __slots__ = ()

    @abstractmethod
    def started(
        self, side: Runnable, only: Sequence[str] | None, seed: int, turn: Turn | None
    ) -> AbstractContextManager[Finish]:
        """Start a process; it is gone when the context ends."""

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


@dataclass(frozen=True, slots=True)
class PytestFiles(InBlocks):
    """A project's own pytest-benchmark files."""

    paths: tuple[str, ...]
    """files and folders, relative to the top of each side"""
    arguments: tuple[str, ...] = ()
    """more for pytest"""
    timeout_s: float = TIMEOUT_S

    @property
    def label(self) -> str:
        """The files."""
        return " ".join(self.paths)

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What is run, and with which instrument."""
        return {"paths": self.paths, "arguments": self.arguments, "instrument": INSTRUMENT}

    def sources(self, side: Runnable) -> dict[str, str]:
        """Every Python file among the paths, and the conftest.py of the folders above them."""
        found: set[Path] = set()
        for name in self.paths:
            path = side.cwd / name.partition("::")[0]
            found |= set(path.rglob("*.py")) if path.is_dir() else {path}
            found |= {folder / "conftest.py" for folder in path.parents if folder.is_relative_to(side.cwd)}
        digests = {}
        for path in sorted(found):
            if path.is_file() and "__pycache__" not in path.parts:
                digests[path.relative_to(side.cwd).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
        return digests

    @contextlib.contextmanager
    def started(self, side: Runnable, only: Sequence[str] | None, seed: int, turn: Turn | None) -> Iterator[Finish]:
        """See `InBlocks`."""
        there = [path for path in self.paths if (side.cwd / path.partition("::")[0]).exists()]
        if not there:
            yield lambda: Readings({}, 0.0)
            return
        with scratch() as folder:
            environment = {**_with_plugin(side), OUTCOMES: str(folder / "outcomes.jsonl")}
            if only is not None:
                (folder / "selection.json").write_text(json.dumps(list(only)), encoding="utf-8")
                environment[SELECTION] = str(folder / "selection.json")
            argv = [
                *(*side.argv, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "aigc_bench_outcomes"),
                *(f"--rootdir={side.cwd}", "--continue-on-collection-errors", *INSTRUMENT),
                *(f"--benchmark-json={folder / 'found.json'}", *self.arguments, *there),
            ]
            with _started(side, argv, environment, seed, self.timeout_s, turn) as one:
                yield lambda: _read(one.ended(), folder)


def _read(done: Ended, folder: Path) -> Readings:
    """Pytest ends with 1 where a test failed, each for its own reason, and with 5 where there was nothing to run."""
    failed, process = outcomes(folder / "outcomes.jsonl")
    found: dict[str, Reading] = {}
    died = None if done.returncode in (0, 5) or (done.returncode == 1 and failed) else done.failure("pytest")
    try:
        found, _ = parsed(folder / "found.json")
    except ValueError as error:
        died = died or f"{error}; pytest said: {done.output}"
    found |= {name: Reading(failure=reason) for name, reason in failed.items()}
    return Readings(found, done.wall_s, died, process, done.returncode in KILLED)


@dataclass(frozen=True, slots=True)
class SuiteGenerators(InBlocks):
    """`sample` of a suite's generators as built; they are not trained."""

    suite: Mapping[str, Any]
    """the resolved suite's document, the same for both sides"""
    device: str
    data_dir: str | None = None
    timeout_s: float = TIMEOUT_S

    @property
    def label(self) -> str:
        """The suite's name, and what it is timed as."""
        return f"{self.suite['name']} (generators as built, not trained)"

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The suite and the device."""
        return {"suite": self.suite, "device": self.device, "data_dir": self.data_dir}

    def sources(self, side: Runnable) -> dict[str, str]:
        """Both sides are given the same suite, and run the same file of this program."""
        return {}

    def started(
        self, side: Runnable, only: Sequence[str] | None, seed: int, turn: Turn | None
    ) -> AbstractContextManager[Finish]:
        """See `InBlocks`."""
        asked = {**self.inputs, "only": only}
        return script(PROBE / "suite_times.py", side, asked, seed, self.timeout_s, turn)


@dataclass(frozen=True, slots=True)
class Commands:
    """The wall time of a whole command."""

    timeout_s: float = TIMEOUT_S
    label = "wall time of a command"
    name = "command"

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The commands themselves are the sides' identities."""
        return {"measured": "wall time"}

    def sources(self, side: Runnable) -> dict[str, str]:
        """The command is what is compared."""
        return {}

    def measured(self, side: Runnable, only: Sequence[str] | None, seed: int) -> Readings:
        """See `Benchmarks`."""
        with _started(side, side.argv, {}, seed, self.timeout_s, None) as one:
            done = one.ended()
        if done.returncode == 0:
            return Readings({self.name: Reading((done.wall_s,))}, done.wall_s)
        why = done.failure("the command")
        return Readings({self.name: Reading(failure=why)}, done.wall_s, why, killed=done.returncode in KILLED)

    def measured_in_turns(self, first: Runnable, second: Runnable, only: Sequence[str], seed: int) -> None:
        """A whole command is one block."""


@contextlib.contextmanager
def script(
    path: Path, side: Runnable, asked: Mapping[str, Any], seed: int, timeout_s: float, turn: Turn | None = None
) -> Iterator[Finish]:
    """Start a script of ours under a side's interpreter: `SCRIPT ASKED.json FOUND.json`."""

    def finish() -> Readings:
        done = one.ended()
        if done.returncode != 0:
            return Readings({}, done.wall_s, done.failure(path.stem), killed=done.returncode in KILLED)
        try:
            found, process = parsed(folder / "found.json")
        except ValueError as error:
            return Readings({}, done.wall_s, str(error))
        return Readings(found, done.wall_s, process=process)

    with scratch() as folder:
        (folder / "asked.json").write_text(json.dumps({**asked, "blocks": BLOCKS}), encoding="utf-8")
        argv: list[str | Path] = [*side.argv, path, folder / "asked.json", folder / "found.json"]
        with _started(side, argv, _with_plugin(side), seed, timeout_s, turn) as one:
            yield finish


def relative_paths(paths: Sequence[str], folder: Path, top: Path) -> tuple[str, ...]:
    """Paths that were given in `folder`, relative to the top of the repository that it is in.

    Raises:
        ConfigurationError: none, outside of the repository, or a flag.
    """
    if not paths:
        raise ConfigurationError("expected benchmark files or folders, such as tests/benchmarks; got none")
    found = []
    for name in paths:
        path = Path(os.path.abspath(folder / name))
        if name.startswith("-") or not path.is_relative_to(top):
            raise ConfigurationError(f"expected files and folders below {top}, got {name!r}; flags: --pytest-args '…'")
        found.append(path.relative_to(top).as_posix())
    return tuple(found)


def _with_plugin(side: Runnable) -> dict[str, str]:
    inherited = side.environment.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    return {"PYTHONPATH": os.pathsep.join([str(PLUGIN), *([inherited] if inherited else [])])}


def _started(
    side: Runnable,
    argv: Sequence[str | Path],
    environment: Mapping[str, str],
    seed: int,
    timeout_s: float,
    turn: Turn | None,
) -> AbstractContextManager[Started]:
    # Hashes of strings order sets and dictionaries: a pair shares its seed, so that this is no part of its difference.
    hashing = {} if "PYTHONHASHSEED" in os.environ else {"PYTHONHASHSEED": str(seed % 2**32)}
    return started(
        argv,
        cwd=side.cwd,
        environment={**side.environment, **hashing, **environment, **(turn.environment if turn else {})},
        # In turns it waits as long again.
        timeout_s=timeout_s * (2 if turn else 1),
        descriptors=turn.descriptors if turn else (),
        on_start=turn.close if turn else None,
    )

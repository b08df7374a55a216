"""The three things that can be timed: pytest-benchmark files, a suite's generators, and whole commands."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_bench.core.errors import ConfigurationError
from aigc_bench.gate.sides.sides import Runnable
from aigc_bench.gate.speed import benchmark_files
from aigc_bench.gate.speed.benchmark_files import FilesOf
from aigc_bench.gate.speed.pipes import Turn
from aigc_bench.gate.speed.processes import (
    BLOCKS,
    KILLED,
    PROBE,
    TIMEOUT_S,
    Finish,
    InBlocks,
    script,
    start,
    with_plugin,
)
from aigc_bench.gate.speed.readings import MIN_BLOCKS, Reading, Readings, outcomes, parsed
from aigc_bench.system.processes import Ended, scratch

OUTCOMES, SELECTION = "AIGC_BENCH_OUTCOMES", "AIGC_BENCH_SELECTION"
"""environment variables of the plug-in `aigc_bench_outcomes`, which only the measured process imports"""
BLOCK_S = 0.02

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


@dataclass(frozen=True, slots=True)
class Shared:
    """That both sides run the files of one of them."""

    changed: Runnable
    """the side whose own files were replaced"""
    gone: tuple[str, ...]
    """tests of base that the files of head do not have"""
    statement: str


@dataclass(frozen=True, slots=True)
class PytestFiles(InBlocks):
    """A project's own pytest-benchmark files."""

    paths: tuple[str, ...]
    """files and folders, relative to the top of each side"""
    arguments: tuple[str, ...] = ()
    """further arguments of pytest"""
    timeout_s: float = TIMEOUT_S
    files_of: FilesOf = "own"
    """whose files both sides run; own: each its own"""

    @property
    def label(self) -> str:
        """The files and folders, as they were given."""
        return " ".join(self.paths)

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Paths, pytest's arguments, and pytest-benchmark's settings."""
        return {
            "paths": self.paths,
            "arguments": self.arguments,
            "instrument": INSTRUMENT,
            "files_of": self.files_of,
        }

    def sources(self, side: Runnable) -> dict[str, str]:
        """Every Python file among the paths, and the conftest.py of the folders above them."""
        files = benchmark_files.python_files(side.cwd, self.paths)
        return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}

    def tests(self, side: Runnable) -> dict[str, str]:
        """Every test of these files, and a digest of all that it consists of."""
        return benchmark_files.digests_of_tests(side.cwd, self.paths)

    def shared(self, base: Runnable, head: Runnable) -> Shared | None:
        """Give both sides the files of one of them, as `files_of` says; None where each keeps its own.

        Raises:
            ConfigurationError: the side that would have to change is the working tree.
        """
        if base.cwd == head.cwd or self.files_of == "own":
            return None
        source, target = (head, base) if self.files_of == "head" else (base, head)
        if not target.is_worktree:
            raise ConfigurationError(
                f"--benchmarks {self.files_of} would put benchmark files into your working tree; commit, and name the "
                "commit, or use --benchmarks own"
            )
        before = self.tests(base), self.tests(head)
        benchmark_files.put_in_place(self.paths, source.cwd, target.cwd)
        gone = sorted((before[0].keys() - before[1].keys()) if source is head else ())
        return Shared(target, tuple(gone), benchmark_files.shared_statement(self.files_of, self.paths))

    @contextlib.contextmanager
    def started(self, side: Runnable, only: Sequence[str] | None, seed: int, turn: Turn | None) -> Iterator[Finish]:
        """See `InBlocks`."""
        there = [path for path in self.paths if (side.cwd / path.partition("::")[0]).exists()]
        if not there:
            yield lambda: Readings({}, 0.0)
            return
        with scratch() as folder:
            environment = {**with_plugin(side), OUTCOMES: str(folder / "outcomes.jsonl")}
            if only is not None:
                (folder / "selection.json").write_text(json.dumps(list(only)), encoding="utf-8")
                environment[SELECTION] = str(folder / "selection.json")
            argv = [
                *(*side.argv, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "aigc_bench_outcomes"),
                *(f"--rootdir={side.cwd}", "--continue-on-collection-errors", *INSTRUMENT),
                *(f"--benchmark-json={folder / 'found.json'}", *self.arguments, *there),
            ]
            with start(side, argv, environment, seed, self.timeout_s, turn) as process:
                yield lambda: _read(process.ended(), folder)


def _read(done: Ended, folder: Path) -> Readings:
    """What pytest left in `folder`. It exits with 1 where a test failed and with 5 where there was nothing to run."""
    failed, process = outcomes(folder / "outcomes.jsonl")
    readings: dict[str, Reading] = {}
    died = None if done.returncode in (0, 5) or (done.returncode == 1 and failed) else done.failure("pytest")
    try:
        readings, _ = parsed(folder / "found.json")
    except ValueError as error:
        died = died or f"{error}; pytest said: {done.output}"
    readings |= {name: Reading(failure=reason) for name, reason in failed.items()}
    return Readings(readings, done.wall_s, died, process, done.returncode in KILLED)


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
        """The suite's name, and that its generators are not trained."""
        return f"{self.suite['name']} (generators as built, not trained)"

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The resolved suite, the device, and the folder of the data."""
        return {"suite": self.suite, "device": self.device, "data_dir": self.data_dir}

    def sources(self, side: Runnable) -> dict[str, str]:
        """No files: both sides run the same probe of this program on the same suite."""
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
        """Nothing more: the commands are the identities of the sides."""
        return {"measured": "wall time"}

    def sources(self, side: Runnable) -> dict[str, str]:
        """No files: the commands differ by intention."""
        return {}

    def measured(self, side: Runnable, only: Sequence[str] | None, seed: int) -> Readings:
        """See `Benchmarks`."""
        with start(side, side.argv, {}, seed, self.timeout_s, None) as process:
            done = process.ended()
        if done.returncode == 0:
            return Readings({self.name: Reading((done.wall_s,))}, done.wall_s)
        why = done.failure("the command")
        return Readings({self.name: Reading(failure=why)}, done.wall_s, why, killed=done.returncode in KILLED)

    def measured_in_turns(self, first: Runnable, second: Runnable, only: Sequence[str], seed: int) -> None:
        """None: a whole command is one block."""


def relative_paths(paths: Sequence[str], folder: Path, top: Path) -> tuple[str, ...]:
    """Paths that were given in `folder`, relative to the top of the repository that it is in.

    Raises:
        ConfigurationError: none, outside of the repository, or a flag.
    """
    if not paths:
        raise ConfigurationError("expected benchmark files or folders, such as tests/benchmarks; got none")
    relative = []
    for name in paths:
        path = Path(os.path.abspath(folder / name))
        if name.startswith("-") or not path.is_relative_to(top):
            raise ConfigurationError(f"expected files and folders below {top}, got {name!r}; flags: --pytest-args '…'")
        relative.append(path.relative_to(top).as_posix())
    return tuple(relative)

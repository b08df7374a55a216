"""One fresh process => seconds by benchmark: pytest-benchmark files, a suite's generators, or a command's wall time."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from aigc_bench.errors import ConfigurationError
from aigc_bench.gate import probe
from aigc_bench.gate.plugin import aigc_bench_outcomes as plugin
from aigc_bench.gate.processes import Ended, ended, scratch
from aigc_bench.gate.readings import MIN_BLOCKS, Reading, Readings, outcomes, parsed
from aigc_bench.gate.sides import Runnable

PLUGIN = Path(plugin.__file__).parent
PROBE = Path(probe.__file__).parent
TIMEOUT_S = 600.0
BLOCK_S = 0.02
KILLED = (-9, 137)
"""by SIGKILL; 137 is what a shell in between makes of it"""

INSTRUMENT = (
    "--benchmark-only",
    "--benchmark-disable-gc",
    f"--benchmark-min-rounds={MIN_BLOCKS}",
    f"--benchmark-min-time={BLOCK_S}",
    # There are max-time / (what a round takes) rounds, and at least seven.
    f"--benchmark-max-time={MIN_BLOCKS * BLOCK_S}",
    # How many calls make a round is estimated from a hundredth of 5 × min-time on: from half of it, as by default, one
    # tries ten times as many calls, and rounds of up to 100 ms come of it.
    "--benchmark-calibration-precision=100",
    # Each step of the calibration is done twice, the last of which takes min-time, and then a whole round, before any
    # counts. More iterations would be done at every step, for as long as max-time: seconds for each benchmark.
    "--benchmark-warmup=on",
    "--benchmark-warmup-iterations=1",
    "--benchmark-quiet",
)


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


@dataclass(frozen=True, slots=True)
class PytestFiles:
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

    def measured(self, side: Runnable, only: Sequence[str] | None, seed: int) -> Readings:
        """See `Benchmarks`."""
        there = [path for path in self.paths if (side.cwd / path.partition("::")[0]).exists()]
        if not there:
            return Readings({}, 0.0)
        with scratch() as folder:
            environment = {plugin.OUTCOMES: str(folder / "outcomes.jsonl")}
            if only is not None:
                (folder / "selection.json").write_text(json.dumps(list(only)), encoding="utf-8")
                environment[plugin.SELECTION] = str(folder / "selection.json")
            argv = [
                *(*side.argv, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", plugin.__name__.split(".")[-1]),
                *(f"--rootdir={side.cwd}", "--continue-on-collection-errors", *INSTRUMENT),
                *(f"--benchmark-json={folder / 'found.json'}", *self.arguments, *there),
            ]
            inherited = side.environment.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
            environment["PYTHONPATH"] = os.pathsep.join([str(PLUGIN), *([inherited] if inherited else [])])
            return _read(_run(side, argv, environment, seed, self.timeout_s), folder)


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
class SuiteGenerators:
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

    def measured(self, side: Runnable, only: Sequence[str] | None, seed: int) -> Readings:
        """See `Benchmarks`."""
        asked = {**self.inputs, "only": only}
        return by_script(PROBE / "suite_times.py", side, asked, seed, self.timeout_s)


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
        done = _run(side, side.argv, {}, seed, self.timeout_s)
        if done.returncode == 0:
            return Readings({self.name: Reading((done.wall_s,))}, done.wall_s)
        why = done.failure("the command")
        return Readings({self.name: Reading(failure=why)}, done.wall_s, why, killed=done.returncode in KILLED)


def by_script(script: Path, side: Runnable, asked: Mapping[str, Any], seed: int, timeout_s: float) -> Readings:
    """Run a script of ours under a side's interpreter: `SCRIPT ASKED.json FOUND.json`."""
    with scratch() as folder:
        (folder / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
        done = _run(side, [*side.argv, script, folder / "asked.json", folder / "found.json"], {}, seed, timeout_s)
        if done.returncode != 0:
            return Readings({}, done.wall_s, done.failure(script.stem), killed=done.returncode in KILLED)
        try:
            found, process = parsed(folder / "found.json")
        except ValueError as error:
            return Readings({}, done.wall_s, str(error))
        return Readings(found, done.wall_s, process=process)


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


def _run(
    side: Runnable, argv: Sequence[str | Path], environment: Mapping[str, str], seed: int, timeout_s: float
) -> Ended:
    # Hashes of strings order sets and dictionaries: a pair shares its seed, so that this is no part of its difference.
    hashing = {} if "PYTHONHASHSEED" in os.environ else {"PYTHONHASHSEED": str(seed % 2**32)}
    return ended(argv, cwd=side.cwd, environment={**side.environment, **hashing, **environment}, timeout_s=timeout_s)

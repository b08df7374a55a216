"""A toy repository, sides that need no building, and benchmarks that measure nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aigc_bench.gate.sides.sides import Asked, Runnable
from aigc_bench.gate.speed.journal import journal
from aigc_bench.gate.speed.judge import gate_speed, judged_speed
from aigc_bench.gate.speed.measure import PytestFiles
from aigc_bench.gate.speed.planning import SpeedPolicy
from aigc_bench.gate.speed.preflight import Preflight
from aigc_bench.gate.speed.processes import Benchmarks
from aigc_bench.gate.speed.readings import Reading, Readings
from aigc_bench.gate.speed.session import Request, Session
from aigc_bench.gate.verdicts import Judgement
from aigc_bench.runs.comparison.sides import Side
from aigc_bench.system.machine import Environment

BENCHMARK = '''"""Two workloads."""

import toy


def test_add(benchmark):
    benchmark.pedantic(toy.add, rounds=8, iterations=20)


def test_call(benchmark):
    benchmark.pedantic(toy.call, rounds=8, iterations=20)
'''
TOY = '''"""What is timed."""


def add():
    return sum(range(200))


def call():
    return sorted(range(200, 0, -1))
'''
BRIEF = SpeedPolicy(budget_s=0.001, seed=0)
"""a budget for the pilot alone: what it finds is judged, and nothing is timed"""


def git(repository: Path, *arguments: str) -> str:
    """Run git as somebody."""
    who = ["-c", "user.name=toy", "-c", "user.email=toy@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *arguments], cwd=repository, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Make files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def commit(repository: Path, files: Mapping[str, str]) -> str:
    """Write files and commit everything; the commit."""
    write(repository, files)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "a change")
    return git(repository, "rev-parse", "HEAD")


def toy_repository(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    """A repository with a module and its benchmarks, and one commit."""
    folder.mkdir()
    git(folder, "init", "--quiet")
    commit(folder, {"toy.py": TOY, "bench/test_toy.py": BENCHMARK, **(files or {})})
    return folder


def asked_of(repository: Path, base: str, head: str) -> Asked:
    """Two refs under this interpreter."""
    return Asked(refs=(base, head), shared_environment=True, folder=repository)


def pilot_judgement(repository: Path, base: str, head: str, store: Path, timeout_s: float = 60.0) -> Judgement:
    """What a gate on the toy's benchmarks finds by its first two processes."""
    benchmarks = PytestFiles(("bench",), timeout_s=timeout_s)
    return gate_speed(asked_of(repository, base, head), Request(benchmarks, BRIEF, store, "aigc-bench gate speed"))


def verdicts(judgement: Judgement) -> dict[str, str | None]:
    """Verdict by subject."""
    return {one.subject: one.verdict for one in judgement.decisions}


def leftovers(repository: Path, store: Path) -> list[str]:
    """Worktrees that git knows beside the repository itself, and folders of gates."""
    known = git(repository, "worktree", "list", "--porcelain").split("\n\n")[1:]
    places = store / "gate" / "workplaces"
    return [*known, *(str(path) for path in places.glob("[!.]*"))] if places.is_dir() else known


# ---- without processes ------------------------------------------------------------------------------

SIDES = tuple(Runnable(name, name, (sys.executable,), Path()) for name in ("base", "head"))

Seconds = Callable[[str, str, int], float]
"""(side, benchmark, seed) => seconds"""


@dataclass
class Fake:
    """Benchmarks whose seconds a function says; remembers what was asked for."""

    names: Sequence[str]
    seconds: Seconds
    calls: list[tuple[str, tuple[str, ...] | None]] = field(default_factory=list)
    label = "fake"

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Nothing else matters."""
        return {}

    def sources(self, side: Runnable) -> dict[str, str]:
        """None."""
        return {}

    def measured(self, side: Runnable, only: Sequence[str] | None, seed: int) -> Readings:
        """By the function."""
        self.calls.append((side.name, None if only is None else tuple(only)))
        names = self.names if only is None else only
        least = {name: self.seconds(side.name, name, seed) for name in names}
        return Readings({name: Reading.of([s * (1 + 0.001 * i) for i in range(7)]) for name, s in least.items()}, 0.001)

    def measured_in_turns(
        self, first: Runnable, second: Runnable, only: Sequence[str], seed: int
    ) -> tuple[Readings, Readings]:
        """One after the other: nobody waits here."""
        return self.measured(first, only, seed), self.measured(second, only, seed)


def fake_judgement(
    benchmarks: Benchmarks, folder: Path, policy: SpeedPolicy | None = None, environment: Environment | None = None
) -> Judgement:
    """The loop, the looks and the journal, without any process."""
    policy = policy or SpeedPolicy(seed=0)
    request = Request(benchmarks, policy, folder, "aigc-bench gate speed")
    base, head = (Side(name=name, identity=name, environment=environment) for name in ("base", "head"))
    checked = Preflight(base, head)
    with journal(folder, {"a": 1}, fresh=policy.fresh) as kept:
        session = Session(SIDES[0], SIDES[1], request, kept, lambda event: None)
        return judged_speed(request, session, checked, 0.0)

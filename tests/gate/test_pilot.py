"""What the first two processes find: crashes, hangs, changed benchmarks, nothing in common; and commands."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from gate_kit import (
    BRIEF,
    asked_of,
    leftovers,
    pilot_judgement,
    verdicts,
)

from aigc_bench.gate.sides.sides import Asked, Runnable, opened
from aigc_bench.gate.speed.judge import gate_speed
from aigc_bench.gate.speed.measure import Commands, PytestFiles, SuiteGenerators
from aigc_bench.gate.speed.processes import BLOCKS, PLUGIN, PROBE
from aigc_bench.gate.speed.readings import Reading, parsed
from aigc_bench.gate.speed.session import Request
from aigc_bench.runs.suites.loading import load_suite

ADD, CALL = "bench/test_toy.py::test_add", "bench/test_toy.py::test_call"


@pytest.mark.parametrize(
    ("base", "head", "code", "expected", "reason"),
    [
        ("good", "crash", 5, {ADD: None, CALL: "INCONCLUSIVE"}, "head failed: ValueError: out of luck"),
        ("dead", "good", 5, {ADD: None, CALL: None}, "base failed: pytest ended with 7"),
        ("good", "hang", 5, {ADD: None, CALL: None}, "head failed: pytest was still running after 2"),
        ("broken", "good", 5, {ADD: None, CALL: None}, "No module named 'not_there'"),
        ("good", "changed", 4, {ADD: "INCOMPARABLE", CALL: "INCOMPARABLE"}, "--benchmarks head, or base"),
    ],
)
def test_what_is_wrong_with_a_side_is_named(
    histories: Path, base: str, head: str, code: int, expected: dict[str, str | None], reason: str, tmp_path: Path
) -> None:
    """A crash, a death, a hang and a broken import fail; another benchmark is not compared; worktrees are gone."""
    found = pilot_judgement(histories, base, head, tmp_path, timeout_s=2.0 if head == "hang" else 60.0)
    assert verdicts(found) == expected
    assert any(reason in one.reason for one in found.decisions)
    assert found.exit_code == code
    assert leftovers(histories, tmp_path) == []


def test_a_gate_in_a_worker_of_xdist_measures(histories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variables would make pytest-benchmark time nothing in the processes that the gate starts."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    found = pilot_judgement(histories, "good", "good", tmp_path)
    assert verdicts(found) == {ADD: "INCONCLUSIVE", CALL: "INCONCLUSIVE"}


def test_nothing_in_common_is_no_pass(histories: Path, tmp_path: Path) -> None:
    """What only one side has is listed; no benchmark at all is said."""
    found = pilot_judgement(histories, "good", "renamed", tmp_path)
    assert found.exit_code == 4
    assert found.removed == (ADD, CALL)
    assert found.new == ("bench/test_new.py::test_new_add", "bench/test_new.py::test_new_call")
    none = pilot_judgement(histories, "empty", "empty", tmp_path)
    assert none.exit_code == 4
    assert any("No benchmark was found" in text for text in none.statements)


def test_nan_in_the_output_is_a_failure(histories: Path, tmp_path: Path) -> None:
    """Of that benchmark alone."""
    with opened(asked_of(histories, "nan", "nan"), tmp_path) as (base, _):
        found = PytestFiles(("bench",)).measured(base, None, 0)
    assert found.reading(ADD).failure == "expected seconds above 0, got nan"
    assert found.reading(CALL).failure is None


def test_benchmarks_are_selected_by_their_whole_name(histories: Path, tmp_path: Path) -> None:
    """What was not asked for is not run."""
    with opened(asked_of(histories, "good", "good"), tmp_path) as (base, _):
        found = PytestFiles(("bench",)).measured(base, [CALL], 0)
    assert list(found.of) == [CALL]
    assert len(found.reading(CALL).blocks) == 8


def test_unlike_threads_are_not_compared(histories: Path, tmp_path: Path) -> None:
    """Two interpreters, of which one is told otherwise."""
    pythons = []
    for number in (1, 2):
        path = tmp_path / f"python{number}"
        path.write_text(f'#!/bin/sh\nOMP_NUM_THREADS={number} exec {sys.executable} "$@"\n')
        path.chmod(0o755)
        pythons.append(str(path))
    asked = Asked(pythons=(pythons[0], pythons[1]), folder=histories)
    found = gate_speed(asked, Request(PytestFiles(("bench",)), BRIEF, tmp_path, "aigc-bench"))
    assert verdicts(found) == {"bench": "INCOMPARABLE"}
    assert "unlike threads: base has 1, head has 2" in found.decisions[0].reason
    assert found.exit_code == 4


def commands(base: str, head: str) -> Asked:
    """Two programs of a bare interpreter."""
    return Asked(commands=(f"{sys.executable} -S -c '{base}'", f"{sys.executable} -S -c '{head}'"))


def test_commands_are_judged_by_their_wall_time(tmp_path: Path) -> None:
    """One that sleeps a tenth of a second longer is slower, with everything that a decision says."""
    asked = commands("import time; time.sleep(.1)", "import time; time.sleep(.2)")
    found = gate_speed(asked, Request(Commands(), replace(BRIEF, budget_s=None), tmp_path, "aigc-bench gate speed"))
    assert verdicts(found) == {"command": "REGRESSION"}
    assert found.exit_code == 1
    assert found.decisions[0].worsening is not None
    assert 0.3 < found.decisions[0].worsening < 0.7
    assert found.base.environment is None


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("import sys; sys.exit(3)", "ended with 3"),
        ("import time; time.sleep(60)", "was still running after 1"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
    ],
)
def test_a_command_that_fails_has_no_verdict(head: str, reason: str, tmp_path: Path) -> None:
    """Exit code 5, and the reason."""
    found = gate_speed(commands("pass", head), Request(Commands(1.0), BRIEF, tmp_path, "aigc-bench gate speed"))
    assert verdicts(found) == {"command": None}
    assert reason in found.decisions[0].reason
    assert found.exit_code == 5


@pytest.mark.parametrize("text", ["", "{", "[]", '{"benchmarks": [{}]}', '{"benchmarks": 3}', "\x00\xff"])
def test_output_that_is_not_what_it_should_be_is_said(text: str, tmp_path: Path) -> None:
    """Whatever a process leaves where its numbers belong."""
    (tmp_path / "found.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"not pytest-benchmark's JSON"):
        parsed(tmp_path / "found.json")


@pytest.mark.parametrize("blocks", [[], [0.0], [-1.0], [float("inf")], [1.0, float("nan")], ["1"], None])
def test_a_number_that_is_none_fails(blocks: object) -> None:
    """And is never the minimum of the others."""
    assert (Reading.of(blocks).failure or "").startswith("expected seconds above 0")


def test_a_suites_generators_are_timed_as_built() -> None:
    """Each at every batch size, but for those that were not asked for; threads and device are told."""
    suite = load_suite("smoke").model_dump(mode="json", exclude_none=True)
    names = [f"{name}: sample@{size}" for name in ("gan", "vae") for size in (1, 64)]
    benchmarks = SuiteGenerators(suite, "cpu")
    assert "not trained" in benchmarks.label
    side = Runnable("this", "this", (sys.executable,), Path())
    readings = benchmarks.measured(side, names[2:], 0)
    assert list(readings.of) == names[2:]
    assert all(len(one.blocks) == BLOCKS for one in readings.of.values())
    assert readings.process["device"] == "cpu"


def test_what_a_side_runs_of_ours_needs_nothing_and_stands_for_nothing() -> None:
    """Only the standard library, but for a suite's generators; and no name on its path that could be its own."""
    ours = {"aigc_bench_outcomes", "aigc_bench_turns"}
    assert {path.stem for path in PLUGIN.glob("*.py")} == {"__init__", *ours}
    for path in [*PLUGIN.glob("*.py"), PROBE / "side_environment.py", PROBE / "self_work.py"]:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
        names |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names | ours

"""`compare`, `baseline` and `gate quality` as commands: what they print, and their exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from quality_kit import perturbed
from scoring_kit import labelled_digits, noisy, options
from typer.testing import CliRunner

import aigc_bench
from aigc_bench.cli import app
from aigc_bench.runs.store import Store

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of noisy digits on pixels, in files that name them: good, alike (one grey level off), and noisier."""
    root = tmp_path_factory.mktemp("quality")
    real, held_out = (labelled_digits(split)[0] for split in ("reference", "holdout"))
    good = noisy(held_out)
    alike = perturbed(torch.from_numpy(good), 0).numpy()
    for name, fake in {
        "good": good,
        "alike": alike,
        "other": noisy(held_out, 42),
        "worse": noisy(held_out, 90),
        "few": good[:300],
    }.items():
        _, folder = aigc_bench.score(
            {"gan": fake}, real, features=("pixels",), metrics=("fd", "kd", "precision"), options=options(root)
        )
        (root / name).write_text(folder.name)
    return root / "store"


@pytest.fixture
def call(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command line in this process; names of runs stand for their ids."""
    for name in ("AIGC_BENCH_STORE", "AIGC_BENCH_BASELINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Any:
        ids = [(store.parent / one).read_text() if (store.parent / one).is_file() else one for one in arguments]
        own = [] if arguments[0] == "baseline" and arguments[1] != "set" else ["--store", str(store)]
        return CliRunner().invoke(app, [*ids, *own])

    return run


def test_compare_shows_what_changed_first(call: Call) -> None:
    """In a table, as JSON, and where -o says; a comparison with itself has nothing."""
    done = call("compare", "good", "worse", "-o", "found.json")
    assert done.exit_code == 0, done.output
    lines = [line for line in done.stdout.splitlines() if "gan: " in line]
    assert "fd_pixels" in lines[0]
    assert "✗" in lines[0]
    found = json.loads(call("compare", "good", "worse", "--json").stdout)
    assert found == json.loads(Path("found.json").read_text())
    assert {row["changed"] for row in found["rows"] if "precision" not in row["subject"]} == {True}
    assert "0 of 3 changed" in call("compare", "good", "good").stdout


def test_nothing_comparable_is_exit_code_4(call: Call) -> None:
    """With the reason, in words and as JSON."""
    done = call("compare", "good", "few")
    assert done.exit_code == 4
    assert "unlike N: 450 and 300" in done.stderr
    assert json.loads(call("compare", "good", "few", "--json").stdout)["reason"] == "nothing-comparable"
    done = call("gate", "quality", "good", "few", "--claim", "checkpoint")
    assert done.exit_code == 4
    assert "INCOMPARABLE" in done.stdout
    assert call("compare", "good", "nosuch").exit_code == 2


def test_exit_codes_of_the_gate(call: Call) -> None:
    """0 pass, 1 regression, 2 no claim, 3 undecided where the policy says so."""
    done = call("gate", "quality", "good", "alike", "--claim", "weights", "--metrics", "fd")
    assert done.exit_code == 0, done.output
    assert "claim:\n  weights" in done.stdout
    done = call("gate", "quality", "good", "worse", "--claim", "weights")
    assert done.exit_code == 1
    assert "REGRESSION" in done.stdout
    done = call("gate", "quality", "good", "alike")
    assert done.exit_code == 2
    assert "--claim recipe" in done.stderr
    undecided = ("gate", "quality", "good", "other", "--claim", "checkpoint", "--metrics", "precision")
    assert call(*undecided).exit_code == 0
    assert call(*undecided, "--fail-on-inconclusive").exit_code == 3
    done = call(*undecided, "--detect", "100%")
    assert done.exit_code == 0
    assert "PASS" in done.stdout
    done = call(*undecided, "--detect", "much")
    assert done.exit_code == 2
    assert "expected --detect as 2% or 0.02" in done.stderr


def test_the_gate_as_json(call: Call) -> None:
    """A judgement, and nothing else on stdout; the exit code is the same."""
    done = call("gate", "quality", "good", "worse", "--claim", "checkpoint", "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert found["kind"] == "quality"
    assert {one["verdict"] for one in found["decisions"] if "precision" not in one["subject"]} == {"REGRESSION"}
    assert found["base"]["name"] != found["head"]["name"]


def test_a_baseline_is_a_side_like_another(call: Call, store: Path) -> None:
    """Set, listed, shown; its features serve the gate when the cache is gone."""
    assert call("baseline", "list").stdout == "no baseline in baselines\n"
    done = call("baseline", "set", "main", "good")
    assert done.exit_code == 0, done.output
    assert "Without features" not in done.stdout
    assert json.loads(call("baseline", "list", "--json").stdout) == ["main"]
    assert "with features" in call("baseline", "show", "main").stdout
    assert json.loads(call("baseline", "show", "main", "--json").stdout)["suite"]["name"] == "score"
    call("baseline", "set", "bad", "worse")
    cache = Store(store).cache
    kept = cache.root.rename(cache.root.with_name("kept"))
    try:
        assert call("gate", "quality", "main", "bad", "--claim", "weights", "--metrics", "kd").exit_code == 1
        done = call("gate", "quality", "good", "alike", "--claim", "weights")
        assert done.exit_code == 2
        assert "was the cache pruned" in done.stderr
    finally:
        kept.rename(cache.root)
    done = call("baseline", "set", "../out", "good")
    assert done.exit_code == 2
    assert "a baseline's name" in done.stderr
    content = Path("baselines/main/run.json")
    content.write_text(content.read_text().replace("score", "scare"))
    done = call("compare", "main", "good")
    assert done.exit_code == 2
    assert "run.json is not what was written" in done.stderr

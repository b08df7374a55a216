"""What the tab key offers: asked of the command itself, as a shell asks."""

from __future__ import annotations

import os
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from aigc_bench.cli import completion
from aigc_bench.core import plugins
from aigc_bench.gate.quality.claims import Claim
from aigc_bench.metrics.protocols import PROTOCOLS
from aigc_bench.runs.suites import loading

COMMAND = "from aigc_bench.__main__ import main; main()"


def offered(words: str, folder: Path, **more: str) -> list[str]:
    """The lines that bash would show after these words."""
    line = f"aigc-bench {words}"
    environment = {
        **os.environ,
        "_AIGC_BENCH_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
        **more,
    }
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv[0] = 'aigc-bench'; {COMMAND}"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two runs, a baseline, a suite and a folder of samples; files only, none of which is opened."""
    folder = tmp_path_factory.mktemp("place")
    for name in ("runs/20260101-one", "runs/20260102-two", "baselines/main", "mine", "mine/deeper"):
        (folder / name).mkdir(parents=True)
        (folder / name / ("run.json" if "mine" not in name else "0.png")).touch()
    (folder / "my.toml").touch()
    return folder


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run s", ["smoke"]),
        ("run m", ["mnist", "mine/", "my.toml"]),
        ("show ", ["latest", "20260102-two", "20260101-one"]),
        ("compare 20260101-one 2026010", ["20260102-two", "20260101-one"]),
        ("compare m", ["main"]),
        ("gate quality latest latest --claim ", ["weights", "checkpoint", "recipe"]),
        ("gate all latest latest --claim c", ["checkpoint"]),
        ("score mine/", ["mine/0.png", "mine/deeper/"]),
        ("score mine --real mine --protocol ad", ["adm"]),
        ("score mine --real mine --features pix", ["pixels"]),
        ("score mine --real mine --metrics fd,prec", ["fd,precision"]),
        ("run smoke --generator dc", ["dcgan"]),
    ],
)
def test_names_are_offered(words: str, expected: list[str], place: Path) -> None:
    """Of what is there, and what is typed by hand otherwise."""
    assert offered(words, place) == expected


def test_another_store_is_looked_into(place: Path, tmp_path: Path) -> None:
    """By the option and by the variable; an empty one offers nothing."""
    store = str(place / "runs")
    assert offered(f"show --store {store} 20260101", tmp_path) == ["20260101-one"]
    assert offered("show 20260101", tmp_path, AIGC_BENCH_STORE=store) == ["20260101-one"]
    assert offered("show ", tmp_path) == []


def test_the_names_are_those_that_are_meant() -> None:
    """They are written down once more, since what defines them is heavy."""
    assert typing.get_args(Claim) == completion.CLAIMS
    assert {*PROTOCOLS, "all"} == set(completion.PROTOCOLS)
    assert completion.suites("")[: len(loading.bundled_suites())] == sorted(loading.bundled_suites())
    assert completion.plugin("metrics")("") == sorted(plugins.installed("metric"))

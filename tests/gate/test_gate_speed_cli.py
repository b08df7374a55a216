"""The words of `gate`: times, slowdowns, sides; what is printed, and how it ends."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer
from gate_kit import Fake, fake_judgement

from aigc_bench.cli.actions import gate_speed, judging
from aigc_bench.cli.gating import gate_app
from aigc_bench.core.errors import AigcBenchError, ConfigurationError
from aigc_bench.gate.speed.planning import SpeedPolicy
from aigc_bench.report.judgement.files import Outputs

CLEAN = {**{name: value for name, value in os.environ.items() if not name.startswith("AIGC_BENCH_")}, "NO_COLOR": "1"}


def command(*arguments: str, store: Path) -> list[str]:
    """`aigc-bench gate speed` of two commands of a bare interpreter."""
    work = f"{sys.executable} -S -c 'sum(range(100000))'"
    sides = ["--base-command", work, "--head-command", work]
    return [sys.executable, "-m", "aigc_bench", "gate", "speed", *sides, "--store", str(store), *arguments]


def test_words_become_values() -> None:
    """Times and slowdowns as people write them."""
    assert [judging.seconds(text, "--budget") for text in ("90s", "5m", "1.5h", "7", " 2 m ")] == [
        90,
        300,
        5400,
        7,
        120,
    ]
    assert judging.log_ratio("5%", "--detect") == judging.log_ratio("0.05", "--detect") == math.log1p(0.05)
    assert gate_speed.both(None, None, "--base", "--head") is None
    assert gate_speed.both("a", "b", "--base", "--head") == ("a", "b")


@pytest.mark.parametrize("text", ["", "5 minutes", "0s", "-5m", "m", "1e3"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    """With the option's name and an example."""
    with pytest.raises(ConfigurationError, match="expected --budget as 90s, 5m or 1h"):
        judging.seconds(text, "--budget")


@pytest.mark.parametrize("text", ["", "five", "-1%", "nan", "inf"])
def test_a_slowdown_that_is_none_is_refused(text: str) -> None:
    """The same."""
    with pytest.raises(ConfigurationError, match=r"expected --detect as 2% or 0\.02"):
        judging.log_ratio(text, "--detect")


def test_one_side_alone_is_refused() -> None:
    """And the other one named."""
    with pytest.raises(ConfigurationError, match="expected --base and --head together"):
        gate_speed.both("a", None, "--base", "--head")


@pytest.mark.parametrize(
    ("slower", "code", "verdict"), [(1.0, None, "PASS"), (1.2, 1, "REGRESSION"), (math.nan, 5, "FAILED")]
)
def test_a_judgement_is_printed_and_ends_with_its_code(
    slower: float, code: int | None, verdict: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a table and as JSON, which is all there is on stdout then."""

    def seconds(side: str, name: str, seed: int) -> float:
        # In the pilot all is well.
        return (slower if side == "head" and seed else 1.0) * (1 + 0.001 * (seed % 3))

    found = fake_judgement(Fake(["one"], seconds), tmp_path, SpeedPolicy(seed=1))
    for as_json in (False, True):
        judged = judging.prepared(Outputs(as_json=as_json), None)
        if code is None:
            judging.finish(found, judged)
        else:
            with pytest.raises(AigcBenchError) as end:
                judging.finish(found, judged)
            assert end.value.exit_code == code
        printed = capsys.readouterr().out
        if as_json:
            assert json.loads(printed)["decisions"][0]["subject"] == "one"
        else:
            assert verdict in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bench"], "expected one of --base REF --head REF"),
        (["bench", "--base", "HEAD"], "expected --base and --head together"),
        (["--base-command", "a", "--head-command", "b", "bench"], "timed as they are"),
        (["--base-command", "a", "--head-command", "b", "--suite", "smoke"], "got two of them"),
        (["--base-python", sys.executable, "--head-python", sys.executable], "expected benchmark files or folders"),
        (["--base-python", sys.executable, "--head-python", sys.executable, "/nowhere"], "below"),
        (["bench", "--base", "no such ref", "--head", "."], "git"),
        (["--base-command", "a", "--head-command", "b", "--detect", "0.1%"], "below the slowdown to be detected"),
    ],
)
def test_bad_input_is_named(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2 and one line, before anything is measured."""
    monkeypatch.chdir(tmp_path)
    app = typer.main.get_command(gate_app)
    with pytest.raises(SystemExit) as end:
        app(["speed", *arguments, "--store", str(tmp_path / "store")])
    assert end.value.code == 2
    assert message in capsys.readouterr().err.replace("\n", " ")


def pairs(store: Path) -> Sequence[str]:
    """Whole lines of the journal that are pairs."""
    files = list(store.glob("gate/journals/*.jsonl"))
    return [line for line in files[0].read_text().splitlines() if line.startswith('{"pair"')] if files else []


def test_a_gate_that_was_killed_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kill -9 after the third pair: the next one measures the others, and ends with a verdict."""
    # A margin that a busy machine cannot blur, and a tolerance that it cannot leave.
    limits = ["--detect", "900%", "--tolerance", "400%", "--quiet"]
    gate = subprocess.Popen(command(*limits, store=tmp_path), env=CLEAN, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(pairs(tmp_path)) < 3:
        assert gate.poll() is None
        assert time.monotonic() < deadline
    gate.send_signal(signal.SIGKILL)
    gate.wait()
    before = pairs(tmp_path)
    app = typer.main.get_command(gate_app)
    app(command(*limits, "--json", store=tmp_path)[4:], standalone_mode=False)
    found = json.loads(capsys.readouterr().out)
    assert found["decisions"][0]["verdict"] == "PASS"
    assert found["decisions"][0]["num_units"] == 8
    assert any(f"{len(before)} of the pairs were measured by an earlier run" in text for text in found["statements"])
    assert pairs(tmp_path)[: len(before)] == before

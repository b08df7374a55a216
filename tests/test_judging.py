"""How a command that judges ends: what it prints and writes, and every exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from judgement_kit import decision, failed, incomparable, inconclusive, judgement, regression
from typer.testing import CliRunner

from aigc_bench.cli import judging
from aigc_bench.cli.actions.judging import finish, prepared
from aigc_bench.cli.application import JsonOption, reported
from aigc_bench.gate.verdicts import Judgement
from aigc_bench.report.judgement.files import Outputs

WIDE = {"COLUMNS": "500", "GITHUB_STEP_SUMMARY": "", "AIGC_BENCH_PROJECT_VERSION": ""}
ENTRY = '[[accepted]]\nsubject = "{}"\nup_to = "10%"\nwhy = "checks its input"\nuntil = {}\n'


def call(found: Judgement, *arguments: object, **environment: str) -> Any:
    """A command as the gates are, with this for what it found; the file "measured" says that it got so far."""
    app = typer.Typer()

    @app.command()
    @reported
    def gate(
        output: judging.OutputOption = None,
        markdown: judging.MarkdownOption = None,
        junit: judging.JunitOption = None,
        html: judging.HtmlOption = None,
        accept: judging.AcceptOption = None,
        fail_on_inconclusive: judging.InconclusiveOption = False,
        as_json: JsonOption = False,
    ) -> None:
        outputs = Outputs(as_json=as_json, json=output, markdown=markdown, junit=junit, html=html)
        asked = prepared(outputs, accept, fail_on_inconclusive=fail_on_inconclusive)
        Path("measured").touch()
        finish(found, asked)

    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={**WIDE, **environment})


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("found", "arguments", "code", "reason"),
    [
        (judgement(decision()), (), 0, None),
        (judgement(decision(), regression(), failed()), (), 1, "regression"),
        (judgement(decision(), inconclusive()), (), 0, None),
        (judgement(decision(), inconclusive()), ("--fail-on-inconclusive",), 3, "inconclusive"),
        (judgement(decision(), incomparable()), (), 4, "incomparable"),
        (judgement(), (), 4, "incomparable"),
        (judgement(decision(), failed(), incomparable()), (), 5, "benchmark-failed"),
    ],
)
def test_every_verdict_has_its_exit_code(found: Judgement, arguments: Any, code: int, reason: str | None) -> None:
    """With the table on stdout, the reason on stderr, and JSON that is one document which says the same."""
    plain = call(found, *arguments)
    assert plain.exit_code == code
    assert plain.stdout.startswith(("PASS", "REGRESSION", "INCONCLUSIVE", "INCOMPARABLE", "FAILED"))
    assert (f"error ({reason})" in plain.stderr) is (reason is not None)
    as_json = call(found, *arguments, "--json")
    assert as_json.exit_code == code
    document = json.loads(as_json.stdout)
    assert document["exit_code"] == code
    assert Judgement.model_validate(document).exit_code == code


def test_a_policy_may_come_from_the_environment() -> None:
    """As every flag may."""
    assert call(judgement(inconclusive()), AIGC_BENCH_FAIL_ON_INCONCLUSIVE="1").exit_code == 3


def test_all_outputs_are_written(tmp_path: Path) -> None:
    """And the summary of a job's step where there is one."""
    names = ("a.json", "a.md", "a.xml", "a.html")
    arguments = zip(("--output", "--markdown", "--junit", "--html"), names, strict=True)
    done = call(judgement(regression()), *(word for pair in arguments for word in pair), GITHUB_STEP_SUMMARY="s.md")
    assert done.exit_code == 1
    assert all((tmp_path / name).stat().st_size for name in (*names, "s.md"))


def test_an_accepted_cost_passes_and_is_listed(tmp_path: Path) -> None:
    """In every output; the same entry fails once it has run out."""
    Path("accepted.toml").write_text(ENTRY.format("test_slow", "2999-01-01"))
    files = ("--markdown", "a.md", "--junit", "a.xml", "--html", "a.html", "-o", "a.json")
    done = call(judgement(regression()), "--accept", "accepted.toml", *files)
    assert done.exit_code == 0
    for text in (done.stdout, *(path.read_text() for path in tmp_path.glob("a.*"))):
        assert "checks its input" in text
    Path("accepted.toml").write_text(ENTRY.format("test_slow", "2020-01-01"))
    done = call(judgement(regression()), AIGC_BENCH_ACCEPT="accepted.toml")
    assert done.exit_code == 1
    assert "expired, was accepted up to 10 % until 2020-01-01: checks its input" in done.stdout


def test_an_entry_that_speaks_of_nothing_is_named() -> None:
    """Misspelt, or paid back: somebody should look at it."""
    Path("accepted.toml").write_text(ENTRY.format("test_solw", "2999-01-01"))
    done = call(judgement(regression()), "--accept", "accepted.toml")
    assert done.exit_code == 1
    assert "accepted cost of 'test_solw' speaks of nothing that was compared" in done.stdout


@pytest.mark.parametrize(
    ("pyproject", "stated", "code"),
    [
        ('[project]\nversion = "1.9"', "", 0),
        ('[project]\nversion = "2.0.dev3"', "", 0),
        ('[project]\nversion = "2.0"', "", 1),
        ('[project]\nversion = "1.9"', "2.1", 1),
        ('[project]\ndynamic = ["version"]', "1.0", 0),
        ('[project]\ndynamic = ["version"]', "", 2),
        ("[project", "", 2),
    ],
)
def test_the_projects_version_stands_in_its_pyproject_file(pyproject: str, stated: str, code: int) -> None:
    """Above the file of accepted costs; the environment outweighs it, and without either nothing is measured."""
    Path("ci").mkdir()
    Path("ci/accepted.toml").write_text(ENTRY.format("test_slow", '"2.0"'))
    Path("pyproject.toml").write_text(pyproject)
    done = call(judgement(regression()), "--accept", "ci/accepted.toml", AIGC_BENCH_PROJECT_VERSION=stated)
    assert done.exit_code == code
    assert Path("measured").exists() is (code != 2)


@pytest.mark.parametrize(
    "arguments", [("--accept", "missing.toml"), ("--html", "."), ("--junit", "file/a.xml"), ("--accept", "file")]
)
def test_mistakes_are_found_before_anything_is_measured(arguments: tuple[str, str]) -> None:
    """A path that cannot be written, a file of accepted costs that cannot be read."""
    Path("file").write_text("[[")
    done = call(judgement(decision()), *arguments, "--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout)["exit_code"] == 2
    assert not Path("measured").exists()


@pytest.mark.parametrize(("found", "code"), [(judgement(decision()), 2), (judgement(regression()), 1)])
def test_a_full_disk_is_said_and_outweighs_no_verdict(found: Judgement, code: int) -> None:
    """What was found is printed all the same, as one document; the other files are there."""
    done = call(found, "--html", "/dev/full", "--junit", "a.xml", "--json")
    assert done.exit_code == code
    assert "cannot write /dev/full" in " ".join(done.stderr.split())
    assert json.loads(done.stdout)["exit_code"] == found.exit_code
    assert Path("a.xml").stat().st_size

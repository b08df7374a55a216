"""The project's own files agree with each other: versions, addresses, tools, and the scripts that pages name."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import aigc_bench

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HOME = "https://github.com/aigc-bench/aigc-bench"
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def text_of(name: str) -> str:
    """A file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def pages() -> list[Path]:
    """Every Markdown file that a reader may follow."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("reports/*.md")])


def test_the_version_is_the_same_everywhere() -> None:
    """In the package, for pip, and for those who cite it."""
    cited = re.search(r"^version: (.+)$", text_of("CITATION.cff"), re.MULTILINE)
    assert cited
    assert PROJECT["version"] == aigc_bench.__version__ == cited[1]


def test_the_home_is_the_same_everywhere() -> None:
    """One address of the project, in every file that names it."""
    assert set(PROJECT["urls"]) == {"Homepage", "Documentation", "Issues", "Changelog"}
    assert all(url.startswith(HOME) for url in PROJECT["urls"].values())
    for name in ("CITATION.cff", "SECURITY.md", ".github/ISSUE_TEMPLATE/config.yml"):
        assert HOME in text_of(name)


def test_hosted_ci_runs_every_python_that_is_promised() -> None:
    """The classifiers' versions, the oldest of which is the least that pip accepts."""
    promised = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]
    matrix = re.search(r"^ +python: \[(.+)\]$", WORKFLOW.read_text(encoding="utf-8"), re.MULTILINE)
    assert matrix
    assert re.findall(r"[\d.]+", matrix[1]) == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"


def test_hosted_ci_may_only_read() -> None:
    """It runs a pull request's code: no token to steal, no text of the request in a shell, no actions of strangers."""
    text = WORKFLOW.read_text(encoding="utf-8")
    assert re.search(r"^permissions:\n  contents: read\n\n", text, re.MULTILINE)
    assert text.count("permissions:") == 1
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
    assert all(action.startswith("actions/") for action in re.findall(r"uses: (\S+)", text))
    assert "pull_request_target" not in text
    assert not re.search(r"run:.*\$\{\{", text)


def test_hosted_ci_runs_the_readme_s_test_command() -> None:
    """With the versions that the figures are measured with."""
    assert "tox && tox" in text_of("README.md")
    assert "run: python -m pip install -c constraints.txt tox && tox" in WORKFLOW.read_text(encoding="utf-8")


def test_hooks_run_what_tox_runs() -> None:
    """The same three commands, from the environment that is active."""
    hooks = re.findall(r"^ +entry: (.+)$", text_of(".pre-commit-config.yaml"), re.MULTILINE)
    assert hooks == ["ruff check", "ruff format --check", "mypy"]
    assert all(hook in text_of("tox.ini") for hook in hooks)


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_script_that_a_page_names_is_there(page: Path) -> None:
    """A command that reproduces a figure has to exist."""
    named = set(re.findall(r"\b(?:experiments|reports|tests)/[\w/]+\.py\b", page.read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_the_reports_name_every_script() -> None:
    """reports/README.md says what each file of experiments/ is for."""
    text = text_of("reports/README.md")
    assert [path.name for path in sorted((ROOT / "experiments").glob("*.py")) if path.name not in text] == []


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "RELEASING.md", "reports/README.md"])
def test_links_lead_somewhere(page: str) -> None:
    """Links to files of the repository."""
    links = re.findall(r"\]\(([^)#]+)\)", text_of(page))
    assert links
    assert [link for link in links if "://" not in link and not ((ROOT / page).parent / link).exists()] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda path: path.name)
def test_pages_of_the_site_link_to_the_site(page: Path) -> None:
    """It is built of docs/ alone: what lies outside is named, and not linked."""
    links = [link for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")) if "://" not in link]
    outside = [link for link in links if not (page.parent / link).resolve().is_relative_to(ROOT / "docs")]
    assert outside == []
    assert [link for link in links if not (page.parent / link).exists()] == []

"""The examples: what a reader copies has no rights it does not need, and no way in for a pull request's text."""

from __future__ import annotations

import re
from pathlib import Path

WORKFLOW = Path(__file__).parents[1] / "examples" / "github-workflow.yml"


def test_the_workflow_asks_for_nothing_but_to_read() -> None:
    """And runs nobody else's actions, nor leaves a token behind."""
    text = WORKFLOW.read_text()
    assert re.search(r"^permissions:\n  contents: read\n\n", text, re.MULTILINE)
    assert text.count("permissions:") == 1
    actions = re.findall(r"uses: (\S+)", text)
    assert actions
    assert all(action.startswith("actions/") for action in actions)
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
    assert "pull_request_target" not in text


def test_no_expression_is_pasted_into_a_shell() -> None:
    """What a pull request is called would be run; a variable of the environment is not."""
    for line in WORKFLOW.read_text().splitlines():
        if "${{" in line:
            assert re.match(r"\s*(group|ref|TARGET|if): \$\{\{|\s*group: gate-\$\{\{", line)


def test_both_gates_write_what_is_uploaded() -> None:
    """The JUnit file and the page of each."""
    text = WORKFLOW.read_text()
    for name in ("gate-speed", "gate-quality"):
        for option, suffix in (("--junit", "xml"), ("--html", "html")):
            assert f"{option} {name}.{suffix}" in text
            assert re.search(rf"^ +{name}\.{suffix}$", text, re.MULTILINE)

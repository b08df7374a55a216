"""The examples run, and the workflow asks for no rights beyond reading and runs no text of a pull request."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from aigc_bench.core import plugins

EXAMPLES = Path(__file__).parents[1] / "examples"
WORKFLOW = EXAMPLES / "github-workflow.yml"


def test_the_workflow_asks_for_nothing_but_to_read() -> None:
    """And runs nobody else's actions, nor leaves a token behind."""
    text = WORKFLOW.read_text()
    assert re.search(r"^permissions:\n  contents: read\n\n", text, re.MULTILINE)
    # The job that writes the comment may, and runs nothing of the pull request: it checks nothing out.
    assert text.count("permissions:") == 2
    comment = text[text.index("  comment:") : text.index("  quality:")]
    assert "permissions:\n      pull-requests: write" in comment
    assert "checkout" not in comment
    actions = re.findall(r"uses: (\S+)", text)
    assert actions
    assert all(action.startswith("actions/") for action in actions)
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
    assert "pull_request_target" not in text


def test_no_expression_is_pasted_into_a_shell() -> None:
    """What a pull request is called would be run; a variable of the environment is not."""
    for line in WORKFLOW.read_text().splitlines():
        if "${{" in line:
            keys = "group|ref|TARGET|if|GH_TOKEN|COMMENTS|COMMENT"
            assert re.match(rf"\s*({keys}): (repos/)?\$\{{\{{|\s*group: gate-\$\{{\{{", line)


def test_both_gates_write_what_is_uploaded() -> None:
    """The JUnit file and the page of each."""
    text = WORKFLOW.read_text()
    for name in ("gate-speed", "gate-quality"):
        for option, suffix in (("--junit", "xml"), ("--html", "html")):
            assert f"{option} {name}.{suffix}" in text
            assert re.search(rf"^ +{name}\.{suffix}$", text, re.MULTILINE)


def run_python(arguments: list[str], folder: Path) -> str:
    """What Python printed, with the example's folder as the current one."""
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_a_gan_and_an_array_get_a_frechet_distance() -> None:
    """Both are farther from real digits than held-out digits are."""
    lines = run_python(["gan_to_fd.py"], EXAMPLES).splitlines()
    value = {line[:10].strip(): float(line[10:].split()[0]) for line in lines}
    assert set(value) == {"floor", "noise", "my GAN", "an array"} or set(value) == {"floor", "my GAN", "an array"}
    assert value["floor"] < value["my GAN"]
    assert value["floor"] < value["an array"]


@pytest.mark.slow
def test_a_trained_checkpoint_is_scored() -> None:
    """It is loaded by `build`, keeps the contract, and has a score."""
    assert "fd_pixels" in run_python(["trained_checkpoint.py"], EXAMPLES)


def test_the_metric_package_passes_its_own_test() -> None:
    """In its own folder, as its author would run it."""
    run_python(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"], EXAMPLES / "metric_package")


def test_the_metric_package_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its pyproject.toml's entry points as installed metadata, the harness loads the metric by name."""
    package = EXAMPLES / "metric_package"
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = tmp_path / "brightness_metric-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = project["entry-points"]["aigc_bench.metrics"]
    lines = [f"{name} = {value}" for name, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[aigc_bench.metrics]", *lines]) + "\n")
    monkeypatch.syspath_prepend(package)
    monkeypatch.syspath_prepend(tmp_path)
    assert set(points) <= set(plugins.installed("metric"))
    assert plugins.load("metric", "brightness_gap").name == "brightness_gap_{extractor}"

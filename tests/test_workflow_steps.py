"""The gate's step of examples/github-workflow.yml, as it stands there, in a repository with benchmarks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from gate_kit import commit, git, toy_repository

WORKFLOW = Path(__file__).parents[1] / "examples" / "github-workflow.yml"


def step(name: str) -> str:
    """The script of a step."""
    found = re.search(rf"- name: {name}\n(?:.*\n)*?        +run: \|\n((?: {{10,}}.*\n)+)", WORKFLOW.read_text())
    assert found is not None
    return textwrap.dedent(found[1])


@pytest.mark.slow
def test_the_gate_s_step_runs_as_it_stands(tmp_path: Path) -> None:
    """It ends with 0 where nothing changed, and writes what the next steps upload and comment with."""
    repository = toy_repository(tmp_path / "toy", {"accepted.toml": "# none yet\n"})
    bench = (repository / "bench/test_toy.py").read_text().replace("test_add", "test_adding")
    commit(repository, {"benchmarks/test_toy.py": bench, "accepted.toml": "# none yet\n"})
    target = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "--quiet", "-b", "change")
    commit(repository, {"README.md": "a change\n"})
    bin_folder = str(Path(sys.executable).parent)
    environment = {**os.environ, "TARGET": target, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    script = step("No slower than where it branched off")
    assert "--budget 15m" in script
    done = subprocess.run(
        ["bash", "-e", "-c", script.replace("--budget 15m", "--budget 40s")],
        cwd=repository, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("gate-speed.md", "gate-speed.xml", "gate-speed.html"):
        assert (repository / name).is_file()
    assert (repository / "gate-speed.md").read_text().startswith("<!-- aigc-bench:")

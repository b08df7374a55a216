"""The README's section on gates, followed word for word in a new repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def section(name: str, title: str) -> list[tuple[str, str]]:
    """Language and text of the blocks below a heading."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return BLOCK.findall(text.partition(f"\n## {title}\n")[2].partition("\n## ")[0])


def shell(line: str, folder: Path) -> str:
    """Run a line as a reader would, in a shell; what it printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AIGC_BENCH_", "GITHUB_"))}
    who = {f"GIT_{role}_{what}": "toy" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**clean, **who, "PATH": path, "NO_COLOR": "1", "COLUMNS": "200"}
    done = subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_a_repository_is_gated_as_the_readme_says(tmp_path: Path) -> None:
    """Every file of the section written, every command run: both gates pass."""
    model = next(
        text for language, text in section("README.md", "Score your own model") if text.startswith("# mine.py")
    )
    blocks = section("README.md", "Gate your own repository in five minutes")
    files = [model, *(text for language, text in blocks if language in ("python", "toml"))]
    for text in files:
        path = tmp_path / text.partition("\n")[0].removeprefix("# ")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shell("git init --quiet --initial-branch=main", tmp_path)
    first, second = (text.splitlines() for language, text in blocks if language == "console")
    for line in first:
        shell(line, tmp_path)
    shell("git checkout --quiet -b change && git commit --quiet --allow-empty -m change", tmp_path)
    speed, quality = (shell(line, tmp_path) for line in second)
    assert "PASS" in speed or "INCONCLUSIVE" in speed
    assert "test_names" in speed
    assert "PASS" in quality
    assert "mine:build: fd_digits-cnn" in quality


def test_both_languages_have_the_same_commands() -> None:
    """And the same files."""
    english, chinese = (
        section("README.md", "Gate your own repository in five minutes"),
        section("README.zh.md", "五分钟内为自己的仓库设置门禁"),
    )
    assert english
    assert english == chinese

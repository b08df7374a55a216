"""Refs, interpreters and commands; worktrees, and environments that are built."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gate_kit import (
    TOY,
    asked_of,
    commit,
    git,
    leftovers,
    toy_repository,
    write,
)

from aigc_bench.core.errors import BenchmarkFailedError, ConfigurationError
from aigc_bench.gate.sides import repository as repositories
from aigc_bench.gate.sides.sides import Asked, opened, source_roots
from aigc_bench.gate.speed.measure import PytestFiles
from aigc_bench.system.processes import ended


@pytest.mark.parametrize("ref", ["-x", 'it\'s "odd"$(touch pwned);`id`', "--upload-pack=x"])
def test_a_ref_is_never_read_as_a_flag_or_by_a_shell(ref: str, tmp_path: Path) -> None:
    """Names that git would not make, but has once they are there; words of a message, with spaces and quotes."""
    repository = toy_repository(tmp_path / 'a toy\'s "place"')
    first = git(repository, "rev-parse", "HEAD")
    last = commit(repository, {"notes.txt": "x"})
    name = ref if ref.startswith("-") else "odd"
    git(repository, "update-ref", f"refs/heads/{name}", first)
    if not ref.startswith("-"):
        git(repository, "commit", "--quiet", "--allow-empty", "--message", ref)
        last = git(repository, "rev-parse", "HEAD")
        assert repositories.commit_of(repository, f":/{ref[:8]}") == last
        with pytest.raises(ConfigurationError, match="has no commit named"):
            repositories.commit_of(repository, ref)
    else:
        assert repositories.commit_of(repository, ref) == first
    assert repositories.commit_of(repository, "HEAD@{0}") == git(repository, "rev-parse", "HEAD") != first
    assert last != first
    assert not list(tmp_path.rglob("pwned"))


def test_each_side_has_its_own_files_and_worktrees_are_gone_afterwards(tmp_path: Path) -> None:
    """Also after an error; the repository's hooks are not run."""
    repository, store = toy_repository(tmp_path / "toy"), tmp_path / "store"
    hook = repository / ".git" / "hooks" / "post-checkout"
    write(hook.parent, {hook.name: f"#!/bin/sh\ntouch {tmp_path / 'hooked'}\n"})
    hook.chmod(0o755)
    commit(repository, {"toy.py": TOY + "\nNEW = 1\n"})
    with opened(asked_of(repository, "HEAD~1", "HEAD"), store) as (base, head):
        assert "NEW" not in (base.cwd / "toy.py").read_text()
        assert "NEW" in (head.cwd / "toy.py").read_text()
        assert base.identity == git(repository, "rev-parse", "HEAD~1")
        assert len(leftovers(repository, store)) == 3
        for side in (base, head):
            done = ended([*side.argv, "-c", "import toy; print(toy.__file__)"], cwd=tmp_path,
                         environment=side.environment, timeout_s=60)  # fmt: skip
            assert done.output == str(side.cwd / "toy.py")
    assert leftovers(repository, store) == []
    with pytest.raises(KeyboardInterrupt), opened(asked_of(repository, "HEAD~1", "HEAD"), store):
        raise KeyboardInterrupt
    assert leftovers(repository, store) == []
    assert not (tmp_path / "hooked").exists()


def test_the_working_tree_is_measured_in_place_and_named_by_what_is_changed(tmp_path: Path) -> None:
    """Clean: its commit. Changed, or with a new file: a digest of that; the store is no new file."""
    repository = toy_repository(tmp_path / "toy")
    store = repository / "runs"
    clean = git(repository, "rev-parse", "HEAD")
    seen = []
    for files in ({}, {"toy.py": TOY + "# 1\n"}, {"toy.py": TOY + "# 2\n"}, {"new.py": "x = 1\n"}):
        write(repository, files)
        with opened(asked_of(repository, "HEAD", "."), store) as (_, head):
            assert head.cwd == repository
            seen.append(head.identity)
    assert seen[0] == clean
    assert all(one.startswith(f"{clean}-dirty-") for one in seen[1:])
    assert len(set(seen)) == 4


def test_source_roots_are_where_the_project_says(tmp_path: Path) -> None:
    """As setuptools is told; `src` and the top otherwise."""
    write(tmp_path, {"pyproject.toml": '[tool.setuptools.packages.find]\nwhere = [".", "models"]\n', "models/a.py": "",
                     "src/b.py": ""})  # fmt: skip
    assert source_roots(tmp_path) == [tmp_path, tmp_path / "models"]
    (tmp_path / "pyproject.toml").unlink()
    assert source_roots(tmp_path) == [tmp_path / "src", tmp_path]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked(), "expected one of"),
        (Asked(refs=("a", "b"), commands=("a", "b")), "got 2 of them"),
        (Asked(commands=("a", "b"), build="make"), "belong to --base REF"),
        (Asked(refs=("a", "b"), build="make", shared_environment=True), "what is shared is not built"),
        (Asked(commands=("a 'b", "c")), "cannot be read"),
        (Asked(pythons=("nowhere/python", "x")), "path of a Python interpreter"),
    ],
)
def test_what_makes_no_sense_is_refused(asked: Asked, message: str, tmp_path: Path) -> None:
    """Before anything is made."""
    with pytest.raises(ConfigurationError, match=message), opened(asked, tmp_path):
        pass


def test_a_folder_without_a_repository_is_said(tmp_path: Path) -> None:
    """And a ref that is not there, with the way out for shallow clones."""
    with pytest.raises(ConfigurationError, match="not a git repository"):
        repositories.root_of(tmp_path)
    repository = toy_repository(tmp_path / "toy")
    with pytest.raises(ConfigurationError, match=r"no commit named 'v9'.*--unshallow"):
        repositories.commit_of(repository, "v9")


# ---- building ---------------------------------------------------------------------------------------


def test_a_base_that_does_not_build_says_so_and_leaves_nothing(histories: Path, tmp_path: Path) -> None:
    """With what the build command said; the next gate tries again."""
    asked = Asked(refs=("good", "good"), build="python -c 'raise SystemExit(\"no compiler\")'", folder=histories)
    with (
        pytest.raises(BenchmarkFailedError, match=r"base \(good\) does not build.*no compiler"),
        opened(asked, tmp_path),
    ):
        pass
    assert leftovers(histories, tmp_path) == []
    assert not list(tmp_path.glob("gate/environments/*/finished"))


@pytest.mark.slow
def test_each_side_is_built_into_its_own_environment_once(tmp_path: Path) -> None:
    """Installed by pip, measured as installed, and not built again for the same commit."""
    project = '[project]\nname = "toy"\nversion = "1"\n[tool.setuptools]\npy-modules = ["toy"]\n'
    repository = toy_repository(tmp_path / "toy", {"pyproject.toml": project})
    commit(repository, {"toy.py": TOY + "\nNEW = 1\n"})
    notes: list[str] = []
    asked = Asked(refs=("HEAD~1", "HEAD"), folder=repository)
    for _ in range(2):
        with opened(asked, tmp_path / "store", lambda event: notes.append(event["text"])) as (base, head):
            for side, has in ((base, "False"), (head, "True")):
                code = "import toy; print('NEW' in vars(toy), toy.__file__)"
                done = ended([*side.argv, "-c", code], cwd=side.cwd, environment=side.environment, timeout_s=60)
                assert done.output.startswith(has)
                assert "site-packages" in done.output
            assert not PytestFiles(("bench",)).measured(head, None, 0).died
    assert len(notes) == 2


def test_ctrl_c_ends_the_process_and_removes_the_worktrees(histories: Path, tmp_path: Path) -> None:
    """By the command line, with 130."""
    arguments = ["gate", "speed", "bench", "--base", "hang", "--head", "good", "--shared-environment"]
    gate = subprocess.Popen(
        [sys.executable, "-m", "aigc_bench", *arguments, "--store", str(tmp_path)],
        cwd=histories, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("gate/journals/*.jsonl")):
        assert gate.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)
    gate.send_signal(signal.SIGINT)
    _, errors = gate.communicate(timeout=60)
    assert gate.returncode == 130
    assert "the same command goes on from here" in errors
    assert leftovers(histories, tmp_path) == []

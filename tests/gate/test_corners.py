"""Corners of repositories and of test files that people have, and that a gate takes as they are."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from gate_kit import BRIEF, TOY, asked_of, commit, git, leftovers, pilot_judgement, toy_repository, verdicts, write

from aigc_bench.core.errors import ConfigurationError
from aigc_bench.gate.sides.sides import Asked
from aigc_bench.gate.speed.judge import gate_speed
from aigc_bench.gate.speed.measure import PytestFiles, relative_paths
from aigc_bench.gate.speed.session import Request
from aigc_bench.report.judgement.markdown import markdown

FILE = "bench/test_corners.py"
LONG = "x" * 160
NAMES = ["a/b", "c[d]", "[", "]", "数据 é", "a b", "::", LONG]
CORNERS = f"""
import pytest
import toy

@pytest.mark.parametrize("name", {NAMES!r}, ids=lambda name: name)
def test_named(benchmark, name):
    benchmark.pedantic(toy.add, rounds=8, iterations=20)

@pytest.mark.skip(reason="not today")
def test_skipped(benchmark):
    benchmark(toy.add)

@pytest.mark.skipif(True, reason="not here")
def test_not_here(benchmark):
    benchmark(toy.add)

@pytest.mark.xfail(reason="known")
def test_known_to_fail(benchmark):
    benchmark.pedantic(toy.add, rounds=8, iterations=20)
    raise AssertionError

@pytest.mark.xfail(reason="thought to fail", strict=False)
def test_thought_to_fail(benchmark):
    benchmark.pedantic(toy.add, rounds=8, iterations=20)

def test_without_a_benchmark():
    assert toy.add()

class TestGroup:
    def test_method(self, benchmark):
        benchmark(toy.call)
"""


def test_names_of_any_kind_are_kept_apart(tmp_path: Path) -> None:
    """Slashes, brackets, blanks, any script, 160 characters; what is skipped is none, an expected failure is."""
    repository = toy_repository(tmp_path / "toy", {FILE: CORNERS})
    commit(repository, {"toy.py": TOY + "# later\n"})
    found = pilot_judgement(repository, "HEAD~1", "HEAD", tmp_path / "store")
    mine = {name.removeprefix(f"{FILE}::"): verdict for name, verdict in verdicts(found).items() if FILE in name}
    # pytest writes what is not ASCII as escapes, which keeps names apart.
    escaped = [name.encode("unicode_escape").decode("ascii") for name in NAMES]
    others = ("test_known_to_fail", "test_thought_to_fail", "TestGroup::test_method")
    expected = [*(f"test_named[{name}]" for name in escaped), *others]
    assert mine == dict.fromkeys(expected, "INCONCLUSIVE")
    table = markdown(found)
    assert all(name.replace("|", "\\|") in table for name in ("a/b", LONG))


@pytest.mark.parametrize("shared", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_project_below_the_root_in_folders_with_blanks(shared: bool, tmp_path: Path) -> None:
    """The worktrees are of the whole repository, and the project is built and measured where it lies in them."""
    root = tmp_path / "my work" / "mono repo"
    root.mkdir(parents=True)
    git(root, "init", "--quiet")
    bench = CORNERS.split("@pytest.mark.skip")[0]
    below = "packages/pro ject"
    project = '[project]\nname = "toy"\nversion = "1"\n[tool.setuptools]\npy-modules = ["toy"]\n'
    commit(
        root, {f"{below}/toy.py": TOY, f"{below}/{FILE}": bench, f"{below}/pyproject.toml": project, "README.md": ""}
    )
    commit(root, {f"{below}/toy.py": TOY + "# later\n"})
    asked = Asked(("HEAD~1", "HEAD"), shared_environment=shared, folder=root / below)
    benchmarks = PytestFiles(relative_paths(["bench"], root / below, root))
    found = gate_speed(asked, Request(benchmarks, BRIEF, tmp_path / "my store", "aigc-bench gate speed"))
    assert {name.partition("::")[0] for name in verdicts(found)} == {f"{below}/{FILE}"}
    assert len(found.decisions) == len(NAMES)
    assert set(verdicts(found).values()) == {"INCONCLUSIVE"}
    assert leftovers(root, tmp_path / "my store") == []


def test_a_shallow_clone_says_how_to_deepen_it(tmp_path: Path) -> None:
    """As hosted CI checks out: the commit before is not there."""
    repository = toy_repository(tmp_path / "toy")
    commit(repository, {"toy.py": TOY + "# later\n"})
    clone = tmp_path / "clone"
    origin = f"file://{repository}"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", origin, clone], check=True, capture_output=True)
    with pytest.raises(ConfigurationError, match=r"no commit named 'HEAD~1'.*--unshallow"):
        pilot_judgement(clone, "HEAD~1", "HEAD", tmp_path / "store")


def test_a_working_tree_with_changes_is_head(tmp_path: Path) -> None:
    """Measured as it lies there, and left as it lies there."""
    repository = toy_repository(tmp_path / "toy", {FILE: CORNERS, ".gitignore": "__pycache__/\n"})
    write(repository, {"toy.py": TOY + "# not committed\n", "new.py": "x = 1\n"})
    before = git(repository, "status", "--porcelain")
    found = pilot_judgement(repository, "HEAD", ".", tmp_path / "store")
    assert verdicts(found)[f"{FILE}::test_thought_to_fail"] == "INCONCLUSIVE"
    assert "-dirty-" in found.head.identity
    assert git(repository, "status", "--porcelain") == before


@pytest.mark.parametrize("broken", ["base", "head"])
def test_a_file_that_one_side_cannot_import(broken: str, tmp_path: Path) -> None:
    """That side has failed, with the reason, said once; the other files are judged."""
    bench = "import later\n\n\ndef test_later(benchmark):\n    benchmark(later.work)\n"
    later = {"later.py": "def work():\n    return 1\n"}
    files = {"bench/test_later.py": bench}
    repository = toy_repository(tmp_path / "toy", {**files, **(later if broken == "head" else {})})
    if broken == "head":
        git(repository, "rm", "--quiet", "later.py")
    commit(repository, later if broken == "base" else {})
    benchmarks = PytestFiles(("bench",))
    asked: Asked = asked_of(repository, "HEAD~1", "HEAD")
    found = gate_speed(asked, Request(benchmarks, BRIEF, tmp_path / "store", "aigc-bench gate speed"))
    assert verdicts(found)["bench/test_toy.py::test_add"] == "INCONCLUSIVE"
    failed = [decision for decision in found.decisions if decision.verdict is None]
    assert [decision.subject for decision in failed] == ["bench/test_later.py::test_later"]
    assert failed[0].reason == f"{broken} failed: ModuleNotFoundError: No module named 'later'"
    assert found.exit_code == 5

"""Whose benchmark files are run, and when two tests are the same: by what a test consists of, not by its file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from gate_kit import BENCHMARK, BRIEF, TOY, asked_of, commit, git, leftovers, toy_repository, verdicts

from aigc_bench.core.errors import ConfigurationError
from aigc_bench.gate.speed.benchmark_files import FilesOf, digests_of_tests, put_in_place
from aigc_bench.gate.speed.judge import gate_speed
from aigc_bench.gate.speed.measure import PytestFiles
from aigc_bench.gate.speed.session import Request
from aigc_bench.gate.verdicts import Judgement

FILE = "bench/test_toy.py"
NEWER = '''"""Two workloads, one of them renamed, one edited, and a new one."""

import toy


def test_sum(benchmark):  # was test_add
    benchmark.pedantic(toy.add, rounds=8, iterations=20)


def test_call(benchmark):
    benchmark.pedantic(toy.call, rounds=9, iterations=20)


def test_more(benchmark):
    benchmark.pedantic(toy.more, rounds=8, iterations=20)
'''


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases whose benchmark file changed; `more` is new in the second."""
    repository = toy_repository(tmp_path_factory.mktemp("releases") / "toy")
    git(repository, "tag", "v1")
    commit(repository, {"toy.py": TOY.replace("range(200))", "range(210))")})
    commit(repository, {FILE: NEWER, "toy.py": TOY + "\n\ndef more():\n    return max(range(200))\n"})
    git(repository, "tag", "v2")
    return repository


def judged(repository: Path, store: Path, files_of: FilesOf, head: str = "v2") -> Judgement:
    """By the pilot alone: INCONCLUSIVE is what can be compared."""
    benchmarks = PytestFiles(("bench",), files_of=files_of)
    return gate_speed(asked_of(repository, "v1", head), Request(benchmarks, BRIEF, store, "aigc-bench gate speed"))


def test_releases_are_compared_by_head_s_files(releases: Path, tmp_path: Path) -> None:
    """The renamed and the edited one on both sides; the new one has nothing to compare with; all was INCOMPARABLE."""
    found = judged(releases, tmp_path, "head")
    assert verdicts(found) == {f"{FILE}::test_sum": "INCONCLUSIVE", f"{FILE}::test_call": "INCONCLUSIVE"}
    assert found.new == (f"{FILE}::test_more",)
    assert f"{FILE}::test_add" in found.removed
    assert "Both sides run the benchmark files of head (bench)" in found.statements[0]
    assert leftovers(releases, tmp_path) == []
    assert git(releases, "status", "--porcelain") == ""


def test_releases_are_compared_by_base_s_files(releases: Path, tmp_path: Path) -> None:
    """What base has, on both sides."""
    found = judged(releases, tmp_path, "base")
    assert verdicts(found) == {f"{FILE}::test_add": "INCONCLUSIVE", f"{FILE}::test_call": "INCONCLUSIVE"}


def test_each_side_s_own_files_compare_what_is_the_same(releases: Path, tmp_path: Path) -> None:
    """The edited one is refused, with the way out; the renamed one is two."""
    found = judged(releases, tmp_path, "own")
    (refused,) = found.decisions
    assert (refused.subject, refused.verdict) == (f"{FILE}::test_call", "INCOMPARABLE")
    assert "--benchmarks head" in refused.reason
    assert set(found.new) == {f"{FILE}::test_sum", f"{FILE}::test_more"}


def test_what_base_runs_of_its_own_is_compared_where_it_is_the_same(tmp_path: Path) -> None:
    """Head's file cannot be imported by base, and one of its tests is as it was."""
    repository = toy_repository(tmp_path / "toy")
    git(repository, "tag", "v1")
    source = BENCHMARK.replace("import toy\n", "import toy\nfrom toy import more\n").replace(
        "iterations=20)\n\n\n", "iterations=21)\n\n\n"
    )
    commit(repository, {FILE: source, "toy.py": TOY + "\n\ndef more():\n    return 1\n"})
    git(repository, "tag", "v2")
    found = judged(repository, tmp_path / "store", "head")
    assert verdicts(found)[f"{FILE}::test_call"] == "INCONCLUSIVE"
    assert verdicts(found)[f"{FILE}::test_add"] == "INCOMPARABLE"
    assert any(
        re.search("base cannot run [12] of these benchmarks as head has them", text) for text in found.statements
    )


def test_the_working_tree_is_never_written_to(releases: Path, tmp_path: Path) -> None:
    """Base's files would have to be put into it."""
    with pytest.raises(ConfigurationError, match="into your working tree"):
        judged(releases, tmp_path, "base", head=".")


# ---- what a test consists of ------------------------------------------------------------------------

PARTS = {
    "bench/conftest.py": """import pytest

@pytest.fixture
def size(scale):
    return 10 * scale

@pytest.fixture
def scale():
    return 2

@pytest.fixture
def unused():
    return 3

@pytest.fixture(autouse=True)
def always():
    yield
""",
    "bench/helpers.py": "def build(n):\n    return list(range(n))\n",
    "bench/other.py": "X = 1\n",
    "bench/test_a.py": """import pytest
from helpers import build

LIMIT = 5
OTHER = 6

def prepared():
    return LIMIT

class TestGroup:
    def setup_method(self):
        self.x = OTHER

    def test_method(self, benchmark):
        benchmark(sorted, [self.x])

def test_one(benchmark, size):
    benchmark(build, size + prepared())

def test_two(benchmark):
    benchmark(sorted, [3, 1])
""",
}
ONE, TWO, METHOD = (f"bench/test_a.py::{name}" for name in ("test_one", "test_two", "TestGroup::test_method"))


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("bench/test_a.py", "def test_one(benchmark, size):", "def test_one(benchmark, size):  # a remark", set()),
        ("bench/test_a.py", "import pytest\n", "import pytest\n\n\n", set()),
        ("bench/test_a.py", "size + prepared()", "size - prepared()", {ONE}),
        ("bench/test_a.py", "LIMIT = 5", "LIMIT = 7", {ONE}),
        ("bench/test_a.py", "OTHER = 6", "OTHER = 7", {METHOD}),
        ("bench/test_a.py", "[3, 1]", "[3, 1, 2]", {TWO}),
        ("bench/conftest.py", "10 * scale", "11 * scale", {ONE}),
        ("bench/conftest.py", "return 2", "return 4", {ONE}),
        ("bench/conftest.py", "return 3", "return 4", set()),
        ("bench/conftest.py", "    yield\n", "    yield 1\n", {ONE, TWO, METHOD}),
        ("bench/helpers.py", "range(n)", "range(n + 1)", {ONE}),
        ("bench/other.py", "X = 1", "X = 2", set()),
    ],
)
def test_a_test_is_its_source_and_what_it_uses(
    name: str, old: str, new: str, changed: set[str], tmp_path: Path
) -> None:
    """Fixtures of fixtures, helpers and constants; no more of the file, and no remarks."""
    digests = []
    for side in ("base", "head"):
        for path, text in PARTS.items():
            (tmp_path / side / path).parent.mkdir(parents=True, exist_ok=True)
            assert path != name or old in text
            edited = text.replace(old, new) if side == "head" and path == name else text
            (tmp_path / side / path).write_text(edited)
        digests.append(digests_of_tests(tmp_path / side, ["bench"]))
    base, head = digests
    assert base.keys() == head.keys() >= {ONE, TWO, METHOD}
    assert {test for test in (ONE, TWO, METHOD) if base[test] != head[test]} == changed


def test_only_benchmarks_are_put_in_place(tmp_path: Path) -> None:
    """Of a folder with a project in it, the files that hold tests; never the program itself."""
    for side, text in (("base", "old"), ("head", "new")):
        for name in ("pyproject.toml", "package.py", "test_it.py", "conftest.py", "bench/data.txt", "bench/test_x.py"):
            path = tmp_path / side / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"# {text}\n")
    (tmp_path / "base/test_gone.py").write_text("# old\n")
    put_in_place([".", "bench"], tmp_path / "head", tmp_path / "base")
    texts = {
        p.relative_to(tmp_path / "base").as_posix(): p.read_text()
        for p in (tmp_path / "base").rglob("*")
        if p.is_file()
    }
    assert {name for name, text in texts.items() if "old" in text} == {"pyproject.toml", "package.py"}
    assert {"test_it.py", "conftest.py", "bench/data.txt", "bench/test_x.py"} <= texts.keys()
    assert "test_gone.py" not in texts

"""Refs, interpreters and commands; worktrees and processes that are cleaned up; what a pilot finds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from gate_kit import (
    BENCHMARK,
    BRIEF,
    TOY,
    asked_of,
    commit,
    git,
    leftovers,
    pilot_judgement,
    toy_repository,
    verdicts,
    write,
)

from aigc_bench.errors import BenchmarkFailedError, ConfigurationError, StoreError
from aigc_bench.gate import repository as repositories
from aigc_bench.gate.journal import journal
from aigc_bench.gate.measure import Commands, PytestFiles
from aigc_bench.gate.processes import ended
from aigc_bench.gate.readings import Reading, parsed
from aigc_bench.gate.sides import Asked, opened, source_roots
from aigc_bench.gate.speed import Request, gate_speed
from aigc_bench.gate.workplace import workplace

ADD, CALL = "bench/test_toy.py::test_add", "bench/test_toy.py::test_call"


# ---- refs -------------------------------------------------------------------------------------------


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


# ---- what is left behind ----------------------------------------------------------------------------


def test_worktrees_of_a_killed_gate_are_removed_by_the_next(tmp_path: Path) -> None:
    """Kill -9 while it measures: its process dies with it, and its finished pairs are not measured again."""
    repository, store = toy_repository(tmp_path / "toy"), tmp_path / "store"
    slow = {"bench/test_toy.py": "import os, time\n\n\ndef test_slow(benchmark):\n    print('', flush=True)\n"
            f"    open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n    time.sleep(60)\n"}  # fmt: skip
    commit(repository, slow)
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import gate_kit\n"
        "gate_kit.pilot_judgement(Path(sys.argv[2]), 'HEAD', 'HEAD', Path(sys.argv[3]))"
    )
    gate = subprocess.Popen(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(repository), str(store)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text():
        assert gate.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    measured = int((tmp_path / "pid").read_text())
    gate.send_signal(signal.SIGKILL)
    gate.wait()
    assert leftovers(repository, store) != []
    while (
        Path(f"/proc/{measured}").exists() and "Z" not in Path(f"/proc/{measured}/stat").read_text().split(") ")[1][:1]
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with opened(asked_of(repository, "HEAD", "HEAD"), store):
        assert len(leftovers(repository, store)) == 3
    assert leftovers(repository, store) == []


def test_a_living_gate_keeps_its_folder(tmp_path: Path) -> None:
    """Two gates side by side; each removes its own."""
    with workplace(tmp_path, None) as first, workplace(tmp_path, None) as second:
        assert first.is_dir()
        assert second.is_dir()
        assert first != second
    assert list(tmp_path.glob("[!.]*")) == []


def test_a_process_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    """And the sentence says how long it ran, and what it said."""
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        "print('child', child.pid, flush=True); child.wait()"
    )
    done = ended([sys.executable, "-S", "-c", code], cwd=tmp_path, timeout_s=1.0)
    assert done.returncode is None
    assert "was still running after 1" in done.failure("it")
    child = int(done.output.split()[1])
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text()


def test_wall_times_are_not_rounded(tmp_path: Path) -> None:
    """A wait that polls would see ends only every 50 ms."""
    found = {ended([sys.executable, "-S", "-c", "pass"], cwd=tmp_path, timeout_s=60).wall_s for _ in range(5)}
    assert len(found) == 5
    assert min(found) < 0.045 or any(abs(one / 0.05 - round(one / 0.05)) > 0.1 for one in found)


# ---- what a pilot finds -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One repository with a tag for each thing that may be wrong."""
    repository = toy_repository(tmp_path_factory.mktemp("histories") / "toy")
    sources = {
        "good": {},
        "crash": {"toy.py": TOY.replace("return sum", "raise ValueError('out of luck')\n    return sum")},
        "dead": {"toy.py": TOY + "\nimport os\nos._exit(7)\n"},
        "hang": {"toy.py": TOY + "\nimport time\ntime.sleep(60)\n"},
        "broken": {"toy.py": TOY + "\nimport not_there\n"},
        "changed": {"bench/test_toy.py": BENCHMARK.replace("iterations=20", "iterations=21")},
        "helper": {"bench/conftest.py": "X = 1\n"},
        "renamed": {"bench/test_toy.py": None, "bench/test_new.py": BENCHMARK.replace("test_", "test_new_")},
        "empty": {"bench/test_toy.py": "def test_nothing():\n    pass\n"},
        "nan": {"conftest.py": (
            "import pytest\n\n\n@pytest.hookimpl(tryfirst=True)\ndef pytest_benchmark_update_json(output_json):\n"
            "    output_json['benchmarks'][0]['stats']['data'][0] = float('nan')\n"
        )},
    }  # fmt: skip
    start = git(repository, "rev-parse", "HEAD")
    for name, files in sources.items():
        git(repository, "checkout", "--quiet", "--detach", start)
        for path in [path for path, text in files.items() if text is None]:
            (repository / path).unlink()
        commit(repository, {path: text for path, text in files.items() if text is not None})
        git(repository, "tag", name)
    return repository


@pytest.mark.parametrize(
    ("base", "head", "code", "expected", "reason"),
    [
        ("good", "crash", 5, {ADD: None, CALL: "INCONCLUSIVE"}, "head failed: ValueError: out of luck"),
        ("dead", "good", 5, {ADD: None, CALL: None}, "base failed: pytest ended with 7"),
        ("good", "hang", 5, {ADD: None, CALL: None}, "head failed: pytest was still running after 2"),
        ("broken", "good", 5, {ADD: None, CALL: None, "bench/test_toy.py": None}, "No module named 'not_there'"),
        ("good", "changed", 4, {ADD: "INCOMPARABLE", CALL: "INCOMPARABLE"}, "bench/test_toy.py is not the same"),
        ("good", "helper", 4, {"bench": "INCOMPARABLE"}, "only head has bench/conftest.py"),
    ],
)
def test_what_is_wrong_with_a_side_is_named(
    histories: Path, base: str, head: str, code: int, expected: dict[str, str | None], reason: str, tmp_path: Path
) -> None:
    """A crash, a death, a hang and a broken import fail; another benchmark is not compared; worktrees are gone."""
    found = pilot_judgement(histories, base, head, tmp_path, timeout_s=2.0 if head == "hang" else 60.0)
    assert verdicts(found) == expected
    assert any(reason in one.reason for one in found.decisions)
    assert found.exit_code == code
    assert leftovers(histories, tmp_path) == []


def test_nothing_in_common_is_no_pass(histories: Path, tmp_path: Path) -> None:
    """What only one side has is listed; no benchmark at all is said."""
    found = pilot_judgement(histories, "good", "renamed", tmp_path)
    assert found.exit_code == 4
    assert found.removed == (ADD, CALL)
    assert found.new == ("bench/test_new.py::test_new_add", "bench/test_new.py::test_new_call")
    none = pilot_judgement(histories, "empty", "empty", tmp_path)
    assert none.exit_code == 4
    assert any("No benchmark was found" in text for text in none.statements)


def test_nan_in_the_output_is_a_failure(histories: Path, tmp_path: Path) -> None:
    """Of that benchmark alone."""
    with opened(asked_of(histories, "nan", "nan"), tmp_path) as (base, _):
        found = PytestFiles(("bench",)).measured(base, None, 0)
    assert found.reading(ADD).failure == "expected seconds above 0, got nan"
    assert found.reading(CALL).failure is None


def test_benchmarks_are_selected_by_their_whole_name(histories: Path, tmp_path: Path) -> None:
    """Minimum over at least seven blocks; what was not asked for is not run."""
    with opened(asked_of(histories, "good", "good"), tmp_path) as (base, _):
        found = PytestFiles(("bench",)).measured(base, [CALL], 0)
    assert list(found.of) == [CALL]
    assert len(found.reading(CALL).blocks) == 8
    assert found.reading(CALL).seconds == min(found.reading(CALL).blocks)


def test_unlike_threads_are_not_compared(histories: Path, tmp_path: Path) -> None:
    """Two interpreters, of which one is told otherwise."""
    pythons = []
    for number in (1, 2):
        path = tmp_path / f"python{number}"
        path.write_text(f'#!/bin/sh\nOMP_NUM_THREADS={number} exec {sys.executable} "$@"\n')
        path.chmod(0o755)
        pythons.append(str(path))
    asked = Asked(pythons=(pythons[0], pythons[1]), folder=histories)
    found = gate_speed(Request(asked, PytestFiles(("bench",)), BRIEF, tmp_path, "aigc-bench"))
    assert verdicts(found) == {"bench": "INCOMPARABLE"}
    assert "unlike threads: base has 1, head has 2" in found.decisions[0].reason
    assert found.exit_code == 4


# ---- commands ---------------------------------------------------------------------------------------


def commands(base: str, head: str) -> Asked:
    """Two programs of a bare interpreter."""
    return Asked(commands=(f"{sys.executable} -S -c '{base}'", f"{sys.executable} -S -c '{head}'"))


def test_commands_are_judged_by_their_wall_time(tmp_path: Path) -> None:
    """One that sleeps a tenth of a second longer is slower, with everything that a decision says."""
    asked = commands("import time; time.sleep(.1)", "import time; time.sleep(.2)")
    found = gate_speed(Request(asked, Commands(), replace(BRIEF, budget_s=None), tmp_path, "aigc-bench gate speed"))
    assert verdicts(found) == {"command": "REGRESSION"}
    assert found.exit_code == 1
    assert found.decisions[0].worsening is not None
    assert 0.3 < found.decisions[0].worsening < 0.7
    assert found.base.environment is None


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("import sys; sys.exit(3)", "ended with 3"),
        ("import time; time.sleep(60)", "was still running after 1"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
    ],
)
def test_a_command_that_fails_has_no_verdict(head: str, reason: str, tmp_path: Path) -> None:
    """Exit code 5, and the reason."""
    found = gate_speed(Request(commands("pass", head), Commands(1.0), BRIEF, tmp_path, "aigc-bench gate speed"))
    assert verdicts(found) == {"command": None}
    assert reason in found.decisions[0].reason
    assert found.exit_code == 5


# ---- the journal ------------------------------------------------------------------------------------


def test_a_torn_last_line_is_dropped_and_a_damaged_one_is_said(tmp_path: Path) -> None:
    """What a crash tears is the end; anything else somebody must look at."""
    with journal(tmp_path, {"a": 1}) as kept:
        kept.append({"pair": 0})
        kept.append({"pair": 1})
        path = kept.path
        with pytest.raises(StoreError, match="another gate is measuring the same"), journal(tmp_path, {"a": 1}):
            pass
    path.write_bytes(path.read_bytes()[:-4])
    with journal(tmp_path, {"a": 1}) as kept:
        assert kept.peek() == {"pair": 0}
        kept.take()
        assert kept.peek() is None
        kept.append({"pair": 7})
    with journal(tmp_path, {"a": 1}) as kept:
        kept.append({"pair": 8})  # what was ahead is no longer true
    with journal(tmp_path, {"a": 1}) as kept:
        assert kept.peek() == {"pair": 8}
    with journal(tmp_path, {"a": 2}) as other:
        assert other.peek() is None
    path.write_bytes(path.read_bytes().replace(b'{"pair"', b'{"pa\xff'))
    with pytest.raises(StoreError, match=r"line 2, is damaged: .*delete the file"), journal(tmp_path, {"a": 1}):
        pass


def test_a_full_disk_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    """A limit on file size stands in for the disk; the journal keeps its whole lines."""
    code = (
        "import resource, sys; from pathlib import Path; from aigc_bench.gate.journal import journal\n"
        "with journal(Path(sys.argv[1]), {'a': 1}) as kept:\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "    for number in range(100): kept.append({'pair': number, 'base': [0.1] * 10})\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "StoreError: cannot write" in done.stderr
    assert "free some space" in done.stderr
    with journal(tmp_path, {"a": 1}) as kept:
        number = 0
        while kept.peek() is not None:
            assert kept.take()["pair"] == number
            number += 1
    assert number > 5


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


@pytest.mark.parametrize("text", ["", "{", "[]", '{"benchmarks": [{}]}', '{"benchmarks": 3}', "\x00\xff"])
def test_output_that_is_not_what_it_should_be_is_said(text: str, tmp_path: Path) -> None:
    """Whatever a process leaves where its numbers belong."""
    (tmp_path / "found.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"not pytest-benchmark's JSON"):
        parsed(tmp_path / "found.json")


@pytest.mark.parametrize("blocks", [[], [0.0], [-1.0], [float("inf")], [1.0, float("nan")], ["1"], None])
def test_a_number_that_is_none_fails(blocks: object) -> None:
    """And is never the minimum of the others."""
    assert (Reading.of(blocks).failure or "").startswith("expected seconds above 0")

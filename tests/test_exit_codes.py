"""No exception, plug-in or killed process ends with a code of a gate, and JSON stays JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scoring_kit import call

PLUGIN = """
import os, sys, random, locale, warnings
import numpy as np
import torch
from aigc_bench.core import SampleSpec

class Made:
    def __init__(self, spec, act):
        self.spec, self.act = spec, act
    def sample(self, seeds):
        self.act()
        noise = torch.stack([torch.randint(0, 256, self.spec.shape, generator=torch.Generator().manual_seed(int(s)))
                             for s in seeds])
        return noise.to(torch.uint8)

def calm(spec, *, device):
    return Made(spec, lambda: None)

def printing(spec, *, device):
    print("built by a chatty author")
    def act():
        print("sampling", flush=True)
        os.system("echo a child of it prints")
    return Made(spec, act)

def leaving(spec, *, device):
    return Made(spec, lambda: sys.exit(3))

def leaving_when_built(spec, *, device):
    sys.exit(1)

def dying(spec, *, device):
    return Made(spec, lambda: os._exit(3))

def meddling(spec, *, device):
    def act():
        torch.set_default_dtype(torch.float64)
        torch.use_deterministic_algorithms(True)
        torch.set_num_threads(1 + torch.get_num_threads() % 2)
        torch.manual_seed(1); np.random.seed(1); random.seed(1)
        warnings.simplefilter("error")
        os.chdir("/")
        locale.setlocale(locale.LC_ALL, "C.UTF-8")
    return Made(spec, act)

class Unseeded(Made):
    def sample(self, seeds):
        return torch.randint(0, 256, (len(seeds), *self.spec.shape)).to(torch.uint8)

class OneForAll(Made):
    def sample(self, seeds):
        return torch.full((len(seeds), *self.spec.shape), 7, dtype=torch.uint8)

class ByPlace(Made):
    def sample(self, seeds):
        return Made.sample(self, torch.arange(len(seeds)))

class ByBatch(Made):
    def sample(self, seeds):
        return (Made.sample(self, seeds) // 2 + len(seeds) % 128).to(torch.uint8)

def unseeded(spec, *, device): return Unseeded(spec, None)
def one_for_all(spec, *, device): return OneForAll(spec, None)
def by_place(spec, *, device): return ByPlace(spec, lambda: None)
def by_batch(spec, *, device): return ByBatch(spec, lambda: None)

def broken_extractor(spec, *, device):
    raise RuntimeError("no such luck")
"""
SUITE_OF_TWO = """
schema_version = 1
name = "two"
features = ["digits-cnn"]
metrics = ["duplicates"]
num_samples = 60

[data]
name = "digits"

[[generators]]
name = "bad"
build = "author:one_for_all"

[[generators]]
name = "good"
build = "gaussian"
"""
SCORE = ("--real", "real.npy", "--features", "pixels", "--metrics", "fd")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working directory with real images and a plug-in module."""
    np.save(tmp_path / "real.npy", np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), dtype=np.uint8))
    (tmp_path / "author.py").write_text(PLUGIN)
    return tmp_path


def test_an_unexpected_exception_is_a_bug_and_no_verdict(place: Path) -> None:
    """Its traceback, whose fault it is, and 70; a fault outside of any command, too."""
    (place / "sitecustomize.py").write_text("""
import sys
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "aigc_bench.report.run.page":
            raise ZeroDivisionError("a fault of ours")
sys.meta_path.insert(0, Broken())
""")
    done = call("score", "author:calm", *SCORE, "--json", cwd=place, PYTHONPATH=str(place))
    assert done.returncode == 70, done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert "report it" in done.stderr
    (place / "sitecustomize.py").write_text("""
import sys
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "aigc_bench.cli.scoring":
            raise ZeroDivisionError("a fault of ours")
sys.meta_path.insert(0, Broken())
""")
    assert call("score", "author:calm", *SCORE, cwd=place, PYTHONPATH=str(place)).returncode not in range(6)


def test_what_a_plug_in_prints_is_not_in_the_json(place: Path) -> None:
    """Nor what its children print."""
    done = call("score", "author:printing", *SCORE, "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["suite"]["name"] == "score"
    for text in ("chatty author", "sampling", "a child of it prints"):
        assert text in done.stderr
    failed = call("score", "author:leaving", *SCORE, "--json", cwd=place)
    assert json.loads(failed.stdout)["exit_code"] == failed.returncode


@pytest.mark.parametrize("build", ["leaving", "leaving_when_built"])
def test_sys_exit_of_a_plug_in_is_its_row_s_failure(place: Path, build: str) -> None:
    """Its code, 3 or 1, was the command's; the other row is scored."""
    done = call("score", f"author:{build}", "author:calm", *SCORE, "-o", "run.json", cwd=place)
    assert done.returncode == 5, done.stderr
    assert "called sys.exit" in done.stderr
    if build == "leaving":
        scores = json.loads((place / "run.json").read_text())["scores"]
        assert {s["generator"] for s in scores if s["estimate"]} == {"author:calm"}


def test_a_row_that_takes_the_process_along_is_left_out_in_the_end(place: Path) -> None:
    """After two processes that got nowhere at it; and it is tried again after that."""
    arguments = ("score", "author:dying", "author:calm", *SCORE, "-o", "run.json")
    assert [call(*arguments, cwd=place).returncode for _ in range(2)] == [3, 3]
    done = call(*arguments, cwd=place)
    assert done.returncode == 5, done.stderr
    assert "2 processes ended without a word" in done.stderr
    scores = json.loads((place / "run.json").read_text())["scores"]
    assert {s["generator"] for s in scores if s["estimate"]} == {"author:calm"}
    assert call(*arguments, cwd=place).returncode == 3


def test_what_a_plug_in_changes_for_everybody_is_put_back(place: Path) -> None:
    """The next row scores as it does alone, and the run is written where it belongs; once it is said."""
    alone = call("score", "author:calm", *SCORE, "-o", "alone.json", cwd=place)
    both = call("score", "author:meddling", "author:calm", *SCORE, "-o", "both.json", cwd=place)
    assert alone.returncode == both.returncode == 0, alone.stderr + both.stderr
    found = []
    for name in ("alone", "both"):
        run = json.loads((place / f"{name}.json").read_text())
        found.append([s["estimate"]["value"] for s in run["scores"] if s["generator"] in ("calm", "author:calm")])
    assert found[0] == found[1]
    for text in ("default dtype", "deterministic algorithms", "number of threads", "working directory"):
        assert text in both.stderr


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        ("unseeded", "drawn twice, gave other samples"),
        ("one_for_all", "every seed gave the same sample"),
        ("by_place", "depend on the order of the seeds"),
        ("by_batch", "depends on the batch"),
    ],
)
def test_a_broken_promise_is_said_and_no_pairs_are_claimed(place: Path, build: str, complaint: str) -> None:
    """In the row's notes, and in the record that comparisons pair by."""
    done = call("score", f"author:{build}", *SCORE, "-o", "run.json", "--metrics", "duplicates", cwd=place)
    assert done.returncode == 0, done.stderr
    run = json.loads((place / "run.json").read_text())
    assert any(complaint in note and "no pairs by seed are claimed" in note for note in run["dataset"]["notes"])
    assert [case["seeded"] for case in run["cases"]] == [False]


def test_a_broken_promise_in_a_suite_is_said_too(place: Path) -> None:
    """In the notes of its row; the other rows keep their pairs."""
    (place / "suite.toml").write_text(SUITE_OF_TWO)
    done = call("run", "suite.toml", "-q", "--store", "store", cwd=place)
    assert done.returncode == 0, done.stderr
    (record,) = (place / "store").glob("*/run.json")
    run = json.loads(record.read_text())
    assert {case["generator"]: case["seeded"] for case in run["cases"] if case["generator"] in ("bad", "good")} == {
        "bad": False,
        "good": True,
    }
    assert any("every seed gave the same sample" in note for note in run["dataset"]["notes"])


def test_a_kept_promise_is_claimed(place: Path) -> None:
    """As before."""
    call("score", "author:calm", *SCORE, "-o", "run.json", cwd=place)
    assert [case["seeded"] for case in json.loads((place / "run.json").read_text())["cases"]] == [True]


def test_an_extractor_that_raises_when_built_is_no_bug_of_ours(place: Path) -> None:
    """It is said whose it is."""
    done = call("score", "author:calm", "--real", "real.npy", "--features", "author:broken_extractor", cwd=place)
    assert done.returncode == 5, done.stderr
    assert "RuntimeError: no such luck" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe of POSIX")
def test_a_reader_that_leaves_early_is_no_regression(place: Path) -> None:
    """`aigc-bench list | head -1`."""
    pipe = f"{sys.executable} -m aigc_bench show --schema | true; exit ${{PIPESTATUS[0]}}"
    assert subprocess.run(["bash", "-c", pipe], cwd=place, check=False).returncode not in range(1, 6)

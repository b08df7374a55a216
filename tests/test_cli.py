"""The command line: what it prints, its exit codes, and what it says about bad input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "aigc_bench"]
TINY = [
    *("--set", "generators.gan.budget.steps=4", "--set", "generators.vae.budget.steps=4"),
    *("--set", "speed.latency_calls=20"),
]


def call(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does, without the settings of this machine's user."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AIGC_BENCH_")}
    env = {**clean, "NO_COLOR": "1", "COLUMNS": "200", **environment}
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, env=env, cwd=cwd, timeout=300, check=False
    )


def quality(path: Path) -> dict[str, Any]:
    """Everything of a run.json that must repeat: all but timings, dates and places."""
    run = json.loads(path.read_text())
    scores = [score for score in run["scores"] if score["kind"] == "quality"]
    cases = [{**case, "training": {**(case["training"] or {}), "wall_s": 0, "peak_bytes": 0, "steps_per_s": 0}}
             for case in run["cases"]]  # fmt: skip
    return {"suite": run["suite"], "dataset": run["dataset"], "scores": scores, "cases": cases}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished smoke run; its run.json, written with -o."""
    folder = tmp_path_factory.mktemp("run")
    done = call("run", "smoke", "--store", str(folder / "store"), "-o", str(folder / "run.json"), *TINY)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("report.html")
    assert Path(done.stdout.splitlines()[-1].removeprefix("Report: ")).is_file()
    assert "floor" in done.stdout
    assert "vae, seed 0" in done.stderr
    return folder / "run.json"


def test_a_repeat_in_a_fresh_store_gives_the_same_scores_to_the_bit(undisturbed: Path, tmp_path: Path) -> None:
    """Training included: --json prints the run and nothing else."""
    done = call("run", "smoke", "--store", str(tmp_path / "store"), "--json", "--quiet", *TINY)
    assert done.returncode == 0, done.stderr
    (tmp_path / "run.json").write_text(done.stdout)
    assert quality(tmp_path / "run.json") == quality(undisturbed)


def test_a_killed_run_goes_on_where_it_was(undisturbed: Path, tmp_path: Path) -> None:
    """Kill -9 at three moments: finished stages are not repeated, and the scores are those of a quiet run."""
    arguments = ["run", "smoke", "--store", str(tmp_path / "store"), "-o", str(tmp_path / "run.json"), *TINY]
    finished: dict[Path, float] = {}
    for seconds in (4.0, 5.5, 7.0):
        process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path, stamp in finished.items():
            assert path.stat().st_mtime == stamp, f"{path} was made again"
        finished = {path: path.stat().st_mtime for path in (tmp_path / "store").glob("cache/*/*/inputs.json")}
        finished = {path: stamp for path, stamp in finished.items() if not path.parent.name.endswith(".partial")}
    assert call(*arguments).returncode == 0
    assert quality(tmp_path / "run.json") == quality(undisturbed)


def test_show_report_list_and_cache_read_the_store(undisturbed: Path) -> None:
    """The commands that look at finished work."""
    store = ["--store", str(undisturbed.parent / "store")]
    shown = call("show", "latest", "--json", *store)
    assert json.loads(shown.stdout)["suite"]["name"] == "smoke"
    assert "fd_digits-cnn" in call("show", *store).stdout
    page = Path(call("report", "latest", *store).stdout.strip().removeprefix("Report: "))
    assert "<html" in page.read_text()
    listed = json.loads(call("list", "--json", *store).stdout)
    assert {"digits", "mnist", "smoke"} <= set(listed["suites"])
    assert len(listed["runs"]) == 1
    assert "dcgan" in listed["generator"]
    assert json.loads(call("cache", "list", "--json", *store).stdout)
    schema = json.loads(call("show", "--schema").stdout)
    assert "scores" in schema["properties"]


def test_dry_run_says_what_is_cached(undisturbed: Path, tmp_path: Path) -> None:
    """Everything in a store that has run, nothing in a fresh one; nothing is measured."""
    arguments = ["run", "smoke", "--dry-run", "--json", *TINY]
    done = json.loads(call(*arguments, "--store", str(undisturbed.parent / "store")).stdout)
    assert [case["name"] for case in done["cases"]] == ["floor", "noise", "gan", "vae"]
    assert all(case["cached"] == case["stages"] for case in done["cases"])
    fresh = json.loads(call(*arguments, "--store", str(tmp_path)).stdout)
    assert not any(case["cached"] for case in fresh["cases"])
    assert all(case["estimate_s"] == 0 for case in done["cases"])
    assert all(case["estimate_s"] > 0 for case in fresh["cases"])


def test_dry_run_estimates_grow_with_the_budget(tmp_path: Path) -> None:
    """A hundred thousand steps cost hours, said in a line; a generator that cannot run says why."""
    long = ["run", "smoke", "--dry-run", "--json", *TINY, "--set", "generators.vae.budget.steps=1000000"]
    cases = json.loads(call(*long, "--store", str(tmp_path)).stdout)["cases"]
    seconds = {case["name"]: case["estimate_s"] for case in cases}
    assert seconds["vae"] > 10 * seconds["gan"]
    text = call("run", "smoke", "--dry-run", *TINY, "--store", str(tmp_path)).stdout
    assert "(h:mm:ss) in all" in text
    assert "Rehearsed just now: of each generator the fastest of ten training steps" in text
    assert text.rstrip().endswith(("otherwise idle.", "without it the run is faster."))


def test_doctor_sees_the_machine(tmp_path: Path) -> None:
    """Device, versions, and which data sets are missing."""
    found = json.loads(call("doctor", "--json", XDG_CACHE_HOME=str(tmp_path)).stdout)
    assert found["packages"]["torch"]
    assert found["data set digits"].startswith("ready")
    assert "--download" in found["data set mnist"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "digts"], 2, "no suite named 'digts'. Did you mean 'digits'?"),
        (["run", "smoke", "--generator", "dcgna"], 2, "no generator named 'dcgna'. Did you mean 'dcgan'?"),
        (["run", "smoke", "--generator", "nowhere:build"], 2, "cannot be imported: ModuleNotFoundError"),
        (["run", "smoke", "--set", "metrics=['fdd']"], 2, "no metric named 'fdd'. Did you mean 'fd'?"),
        (["run", "smoke", "--set", "metrics=[]"], 4, "nothing was measured"),
        (["run", "smoke", "--set", "num_sample=3"], 2, "no key named 'num_sample'. Did you mean 'num_samples'?"),
        (["run", "smoke", "--set", "num_samples='x'"], 2, 'should be a valid integer, got "x"'),
        (["run", "smoke", "--set", "generators.gan.budget.step=3"], 2, "Did you mean"),
        (["run", "smoke", "--set", "generators.gna.budget.steps=3"], 2, "Did you mean 'gan'?"),
        (["run", "smoke", "--set", "nonsense"], 2, "expected path.to.key=value, got 'nonsense'"),
        (["run", "smoke", "--set", "generators.gan.options.widht=3"], 2, "no option of generator 'gan' named 'widht'"),
        (["run", "smoke", "--set", "num_samples=9999"], 2, "use --limit 450"),
        (["run", "smoke", "--seeds", "0"], 2, "greater than or equal to 1"),
        (["run", "smoke", "--no-such-flag"], 2, "No such option"),
        (["run", "smoke", "--device", "cuda:77"], 2, "this machine has: auto, cpu"),
        (["run", "smoke", "--threads", "0"], 2, "at least 1"),
        (["run", "mnist", "--data-dir", "/nowhere"], 2, "name their folder with --data-dir"),
        (["show", "nothing"], 2, "no run named 'nothing'. Known: none"),
        (["show"], 2, "no run named 'latest'. Known: none"),
        (["compare", "latest"], 2, "no run or baseline named 'latest'. Known: none"),
    ],
)
def test_bad_input_is_named_with_its_exit_code(
    arguments: list[str], code: int, message: str, ended: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    """One line on stderr that says what came, what was expected and the way out; no traceback."""
    found, said = ended(*arguments, AIGC_BENCH_STORE=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    assert found == code, said
    assert message in said
    assert "Traceback" not in said


BROKEN = """
import torch
class Broken:
    def __init__(self, spec, how):
        self.spec, self.how = spec, how
    def sample(self, seeds):
        n = len(seeds)
        if self.how == "shape": return torch.zeros(n, 3, dtype=torch.uint8)
        if self.how == "dtype": return torch.zeros(n, *self.spec.shape, dtype=torch.int64)
        if self.how == "nan": return torch.full((n, *self.spec.shape), float("nan"))
        if self.how == "constant": return torch.zeros(n, *self.spec.shape, dtype=torch.uint8)
        raise RuntimeError("no <samples> today")
def make(how):
    def build(spec, *, device):
        return Broken(spec, how)
    return build
shape, dtype, nan, raises, constant = map(make, ("shape", "dtype", "nan", "raises", "constant"))
"""


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("shape", "expected samples of shape (100, 1, 8, 8), got (100, 3)"),
        ("dtype", "expected image samples of dtype torch.uint8, got torch.int64"),
        ("nan", "expected finite samples, got NaN"),
        ("raises", "sample raised RuntimeError: no <samples> today"),
        ("constant", "all 100 generated samples have the same features"),
    ],
)
def test_a_broken_generator_is_a_failed_row_and_the_suite_goes_on(how: str, message: str, tmp_path: Path) -> None:
    """Exit 5, the reason in the run and in the page, and the other rows measured."""
    (tmp_path / "broken.py").write_text(BROKEN)
    only = ["--set", "generators=[]", "--set", "metrics=['fd']", "--generator", f"broken:{how}"]
    done = call("run", "smoke", *only, "--json", "--store", str(tmp_path / "store"), cwd=tmp_path)
    assert done.returncode == 5, done.stderr
    assert message in done.stderr
    run = json.loads(done.stdout)
    reasons = [case["reason"] for case in run["cases"]] + [score["reason"] for score in run["scores"]]
    assert any(reason and message in reason for reason in reasons)
    assert any(score["generator"] == "floor" and score["estimate"] for score in run["scores"])
    page = next((tmp_path / "store").glob("*/report.html")).read_text()
    assert "<samples>" not in page


def test_an_unwritable_store_is_found_out_at_once(tmp_path: Path) -> None:
    """A file where the folder should be: exit 2 and a way out, before anything is trained."""
    (tmp_path / "store").write_text("")
    done = call("run", "smoke", "--store", str(tmp_path / "store"))
    assert done.returncode == 2
    assert "choose another place with --store" in done.stderr


def test_a_full_disk_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    """A limit on file size stands in for the disk: nothing half-written looks finished."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        f"sys.argv = ['aigc-bench', 'run', 'smoke', '--store', {str(tmp_path / 'store')!r}]\n"
        "from aigc_bench.cli import main; main()"
    )
    # -B: what Python compiles would be cut to that size, too, and be read by later processes.
    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "cannot write" in done.stderr
    assert "free some space" in done.stderr
    assert not list((tmp_path / "store").glob("*/run.json"))


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(tmp_path: Path) -> None:
    """SIGINT in the middle of a training."""
    arguments = ["run", "smoke", "--store", str(tmp_path), "--set", "generators.gan.budget.steps=100000"]
    process = subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("cache/train/*.partial")):
        time.sleep(0.1)
        assert process.poll() is None
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "the same command goes on from here" in errors


def test_ctrl_c_ends_what_swallows_it(tmp_path: Path) -> None:
    """A generator that catches everything is interrupted again."""
    (tmp_path / "deaf.py").write_text(
        "import pathlib, time, torch\n"
        "class Deaf:\n"
        "    def __init__(self, spec): self.spec = spec\n"
        "    def sample(self, seeds):\n"
        "        pathlib.Path('heard').touch()\n"
        "        try: time.sleep(3600)\n"
        "        except BaseException: pathlib.Path('swallowed').touch()\n"
        "        time.sleep(3600)\n"
        "def build(spec, *, device): return Deaf(spec)\n"
    )
    arguments = [
        "run",
        "smoke",
        "--store",
        "store",
        "--generator",
        "deaf:build",
        "--set",
        "generators.gan.budget.steps=1",
    ]
    process = subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    while not (tmp_path / "heard").is_file():
        time.sleep(0.1)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert (tmp_path / "swallowed").is_file()
    assert process.returncode == 130
    assert "the same command goes on from here" in errors


def test_an_outside_package_adds_a_generator_and_a_metric(tmp_path: Path) -> None:
    """Really installed, into a folder of its own; found by its entry points and scored."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "outsider"\nversion = "1"\n[tool.setuptools]\npy-modules = ["outsider"]\n'
        '[project.entry-points."aigc_bench.generators"]\ngrey = "outsider:build"\n'
        '[project.entry-points."aigc_bench.metrics"]\nbrightness = "outsider:brightness"\n'
    )
    (package / "outsider.py").write_text(
        "from aigc_bench.core import FeaturePair, Metric\n"
        "from aigc_bench.stats.intervals import of_mean\n"
        "from aigc_bench.testing import GaussianGenerator\n"
        "def build(spec, *, device, level: float = 100.0):\n"
        "    return GaussianGenerator(spec, device, level, 9.0)\n"
        "def _compute(pair):\n"
        "    return of_mean(pair.fake.pool.mean(1), method='t', estimand='mean feature')\n"
        "brightness = Metric('brightness', FeaturePair, _compute, True)\n"
    )
    target = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target), str(package)]
    subprocess.run(install, check=True, capture_output=True)
    only = ["--set", "generators=[]", "--set", "metrics=['brightness']", "--generator", "grey"]
    store = str(tmp_path / "store")
    done = call("run", "smoke", *only, "--json", "--store", store, PYTHONPATH=str(target))
    assert done.returncode == 0, done.stderr
    scores = {(s["generator"], s["metric"]): s["estimate"] for s in json.loads(done.stdout)["scores"]}
    assert scores["grey", "brightness"]["value"] > 0

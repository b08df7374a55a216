"""A modality that an outside package brings goes from its suite to both reports, through no line that names it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aigc_bench

PACKAGE = Path(__file__).parent / "points"
SUITE = """
name = "points"
features = ["coordinates"]
metrics = ["fd", "kd", "precision", "recall", "coverage", "mean_radius", "latency_p50_s"]
num_samples = 200
speed = { batch_sizes = [1], latency_calls = 20, blocks = 3 }

[data]
name = "ring"

[[generators]]
build = "circle"
options = { radius = RADIUS }
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, really installed, into a folder of its own."""
    folder = tmp_path_factory.mktemp("points")
    copy = folder / "source"
    copy.mkdir()
    for path in PACKAGE.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder / "site"), str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "site"


@pytest.fixture
def call(installed: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs the command line beside the package, in a folder of its own; what stdout got."""

    def run(*arguments: str, code: int = 0) -> str:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("AIGC_BENCH_", "GITHUB_"))}
        path = os.pathsep.join(filter(None, [str(installed), clean.get("PYTHONPATH")]))
        done = subprocess.run(
            [sys.executable, "-m", "aigc_bench", *arguments],
            env={**clean, "PYTHONPATH": path, "COLUMNS": "200", "NO_COLOR": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def values(run: dict[str, Any], metric: str) -> dict[str, float]:
    """Row => value."""
    return {s["generator"]: s["estimate"]["value"] for s in run["scores"] if s["metric"] == metric}


@pytest.mark.slow
def test_points_in_the_plane_go_from_suite_to_gate(call: Callable[..., str], tmp_path: Path) -> None:
    """run, compare, gate quality, and both pages; the floor beats a circle, which beats noise."""
    for name, radius in (("base", "0.5"), ("head", "0.4")):
        (tmp_path / f"{name}.toml").write_text(SUITE.replace("RADIUS", radius))
        call("run", f"{name}.toml", "--quiet", "-o", f"{name}.json")
        call("baseline", "set", name, "latest")
    run = json.loads((tmp_path / "base.json").read_text())
    assert run["dataset"]["modality"] == "points"
    distances = values(run, "fd_coordinates")
    assert distances["floor"] < distances["circle"] < distances["noise"]
    assert values(run, "mean_radius")["circle"] == pytest.approx(0.5, abs=1e-6)
    pages = list((tmp_path / "runs").glob("points-*/report.html"))
    assert len(pages) == 2
    assert len(re.findall("data:image/png;base64,", pages[0].read_text())) >= 3  # floor, circle, noise
    assert "circle: fd_coordinates" in call("compare", "base", "head")
    verdict = call("gate", "quality", "base", "head", "--claim", "weights", "--html", "gate.html", code=1)
    assert "REGRESSION" in verdict
    assert "points move by 0.1 on average" in (tmp_path / "gate.html").read_text()
    call("gate", "quality", "base", "base", "--claim", "weights")


@pytest.mark.slow
def test_points_that_exist_are_scored(call: Callable[..., str], tmp_path: Path) -> None:
    """Opened by the modality that claims them; a generator makes points, too; what holds none is refused."""
    random = np.random.default_rng(0)
    for name, radius in (("real", 0.5), ("more", 0.5), ("fake", 0.3)):
        angle = random.uniform(0, 2 * np.pi, 150)
        circle = radius * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.02 * random.standard_normal((150, 2))
        np.savetxt(tmp_path / f"{name}.csv", circle, delimiter=",")
    arguments = ["--real", "real.csv", "--holdout", "more.csv", "--features", "coordinates", "--json", "--quiet"]
    run = json.loads(call("score", "fake.csv", "circle", *arguments))
    distances = values(run, "fd_coordinates")
    assert max(distances["floor"], distances["circle"]) < distances["fake.csv"] / 5
    assert run["dataset"]["modality"] == "points"
    default = json.loads(call("score", "fake.csv", "--real", "real.csv", "--json", "--quiet"))
    assert {score["metric"] for score in default["scores"]} == {"fd_coordinates", "mean_radius"}
    assert (tmp_path / "runs" / default["id"] / "report.html").read_text().count("data:image/png;base64,") >= 1
    (tmp_path / "odd.csv").write_text("x,y,z\n")
    call("score", "odd.csv", *arguments, code=2)


UNLIKE = """
import json, sys, torch
from safetensors.torch import save_file
import aigc_bench_points as package
from aigc_bench_turns import Turns
from aigc_bench.gate.probe.run_times import unlike

device = torch.device("cpu")
scored, same, other = (package.build_circle(package.SPEC, device=device, radius=r) for r in (0.5, 0.5, 0.4))
save_file({"samples": scored.sample(torch.arange(8))}, "exhibits.safetensors")
case = {"exhibits": "exhibits.safetensors", "samples": "samples"}
print(json.dumps([unlike(same, case, device), unlike(other, case, device)]))
"""


@pytest.mark.slow
def test_points_that_are_timed_are_those_that_were_scored(installed: Path, tmp_path: Path) -> None:
    """Samples of a type with fractions are told apart, too, before anything is timed."""
    plugin = Path(aigc_bench.__file__).parent / "gate" / "plugin"
    path = os.pathsep.join([str(installed), str(plugin), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", UNLIKE],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    same, other = json.loads(done.stdout)
    assert same is None
    assert other.startswith("it draws other samples than were scored, which differ by up to 0.")

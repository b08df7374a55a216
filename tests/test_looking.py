"""What there is, as people and programs ask for it: versions, lists, tables, and a cache that is pruned."""

from __future__ import annotations

import csv
import io
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import aigc_bench
from aigc_bench.cli import app
from aigc_bench.core import plugins
from aigc_bench.report.terms import TERMS
from aigc_bench.runs.records import Run


def said(*words: str, answer: str | None = None) -> str:
    """What a command that ends well prints, in a terminal of 120 columns."""
    done = CliRunner().invoke(app, list(words), input=answer, env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """A run of sixty samples, and its store."""
    folder = tmp_path_factory.mktemp("looking")
    random = np.random.default_rng(0)
    real, fake = (random.integers(0, 256, (60, 8, 8, 1), dtype=np.uint8) for _ in range(2))
    options = aigc_bench.Options(store=folder / "runs")
    run, _ = aigc_bench.score(fake, real, features="pixels", metrics=("fd", "inception_score"), options=options)
    return run, folder / "runs"


def test_the_version_is_told() -> None:
    """And nothing else is needed."""
    assert said("--version").strip().endswith(version("aigc-bench"))


def test_the_list_says_what_each_thing_is(stored: tuple[Run, Path]) -> None:
    """Every metric with a part of its description; no import paths."""
    text = " ".join(said("list", "--store", str(stored[1])).split())
    for name in plugins.installed("metric"):
        metric = plugins.load("metric", name)
        assert " ".join(metric.description.split()[:3]) in text, name
    assert "aigc_bench.metrics" not in text
    assert stored[0].id in text


def test_names_are_explained() -> None:
    """By a term, by what a table calls it, or all of them; what is none is told the nearest."""
    assert "Fréchet distance between Gaussians" in said("terms", "fd_pixels")
    assert said("terms", "floor").splitlines()[0] == "floor"
    verdict = said("terms", "INCONCLUSIVE")
    assert verdict.startswith("verdict")
    assert "the data do not decide" in verdict
    assert len([line for line in said("terms").splitlines() if not line.startswith(" ")]) == len(TERMS)
    done = CliRunner().invoke(app, ["terms", "flor"])
    assert done.exit_code == 2
    assert "floor" in str(done.exception) + done.output


def test_scores_are_lines_of_csv_and_a_frame(stored: tuple[Run, Path]) -> None:
    """The same rows: values with their intervals, and why there is none."""
    run, store = stored
    frame = aigc_bench.frame(run)
    assert len(frame) == len(run.scores) == 2
    fd = frame.set_index("metric").loc["fd_pixels"]
    estimate = run.scores[0].estimate
    assert estimate is not None
    assert (fd["value"], fd["low"], fd["high"]) == (estimate.value, estimate.low, estimate.high)
    assert fd["num_samples"] == 60
    gone = frame.set_index("metric").loc["inception_score"]
    assert gone["status"] == "not available"
    assert "has no classifier" in gone["reason"]
    lines = list(csv.DictReader(io.StringIO(said("show", run.id, "--csv", "--store", str(store)))))
    assert [line["metric"] for line in lines] == list(frame["metric"])
    assert float(lines[0]["value"]) == pytest.approx(estimate.value)


def test_a_cache_is_pruned_when_one_says_yes(stored: tuple[Run, Path]) -> None:
    """What it means is said before; an age leaves what is younger; the run stays."""
    run, store = stored
    place = ("--store", str(store))
    assert "nothing to delete" in said("cache", "prune", "--older-than", "7d", *place)
    asked = said("cache", "prune", *place, answer="n\n")
    assert "gates on quality that need their features" in asked
    assert "kept" in asked
    before = said("cache", "list", *place)
    assert "sample-features" in before
    assert "freed" in said("cache", "prune", "--yes", *place)
    assert "nothing to delete" in said("cache", "prune", *place)
    assert "fd_pixels" in said("show", run.id, *place)

"""Whole commands on a device that this machine does not have: rows, anchors, training, speed and exhibits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elsewhere import ELSEWHERE, Elsewhere

import aigc_bench
from aigc_bench.core import Features
from aigc_bench.runs.scoring import observation

TINY = ["generators.gan.budget.steps=12", "generators.vae.budget.steps=12", "speed.latency_calls=20"]


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where the features of each pair lay that was scored."""
    found: list[str] = []

    def spied(real: Features, fake: Features) -> tuple[Features, Features]:
        found.extend(side.pool.device.type for side in (real, fake))
        return real, fake

    monkeypatch.setattr(observation, "together", spied)
    return found


def values(run: aigc_bench.Run) -> dict[Any, Any]:
    """Quality scores by row and metric, and the rows that failed."""
    failed = {case.generator: case.reason for case in run.cases if case.status == "failed"}
    return failed | {
        (score.generator, score.metric): score.reason if score.estimate is None else pytest.approx(score.estimate.value)
        for score in run.scores
        if score.kind == "quality"
    }


def test_samples_are_scored_where_they_are_told_to(places: list[str], tmp_path: Path) -> None:
    """By two extractors, with samples singled out."""
    random = np.random.default_rng(0)
    for name, levels in (("real", 256), ("fake", 192)):
        np.save(tmp_path / f"{name}.npy", random.integers(0, levels, (300, 8, 8, 1), dtype=np.uint8))

    def score(device: str) -> aigc_bench.Run:
        options = aigc_bench.Options(store=tmp_path / device, device=device)
        fake, real = (tmp_path / f"{name}.npy" for name in ("fake", "real"))
        return aigc_bench.score(fake, real, features=["pixels", "digits-cnn"], options=options)[0]

    here = score("cpu")
    assert set(places) == {"cpu"}
    places.clear()
    with Elsewhere():
        there = score(ELSEWHERE.type)
    assert set(places) == {ELSEWHERE.type}
    assert values(there) == values(here)


# What is loaded into a parameter of the "meta" device is dropped: here it holds the same already.
@pytest.mark.filterwarnings("ignore:for .*copying from a non-meta parameter:UserWarning")
def test_a_suite_runs_where_it_is_told_to(places: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Floor and noise, two generators trained, sampled and timed."""
    # torch's counter takes operations apart on a way that a mode like ours is not asked on.
    monkeypatch.setattr("aigc_bench.evidence.footprint.flops_per_sample", lambda generator, device: None)

    def run(device: str) -> aigc_bench.Run:
        suite = aigc_bench.resolve_suite("smoke", overrides=TINY)
        return aigc_bench.run(suite, aigc_bench.Options(store=tmp_path / device, device=device))[0]

    here = run("cpu")
    places.clear()
    with Elsewhere():
        there = run(ELSEWHERE.type)
    assert set(places) == {ELSEWHERE.type}
    assert [case.status for case in there.cases] == [case.status for case in here.cases]
    assert values(there) == values(here)


def inputs(folder: Path) -> None:
    """Two sets with classes, and what others would have made of the real one."""
    random, classes = np.random.default_rng(0), np.arange(300) % 3
    for name, levels in (("real", 256), ("fake", 192)):
        pixels = random.integers(0, levels, (300, 8, 8, 1), dtype=np.uint8)
        np.savez(folder / f"{name}.npz", pixels, classes)
        if name == "real":
            values = pixels.reshape(300, -1) / 255
            np.savez(folder / "moments.npz", mu=values.mean(0), sigma=np.cov(values, rowvar=False))
    aigc_bench.save_features(folder / "real.npz", folder / "real.safetensors", features="pixels")


@pytest.mark.parametrize(
    ("fake", "real", "how"),
    [
        ("fake.npz", "real.npz", {"metrics": ["fd"], "per_class": True}),
        ("fake.npz", "real.npz", {"metrics": ["fd"], "paired": True}),
        ("fake.npz", "moments.npz", {"metrics": ["fd", "fd_infinity"]}),
        ("fake.npz", "real.safetensors", {}),
        ("noise", "real.npz", {"limit": 200}),
    ],
    ids=["classes", "pairs", "moments", "features made earlier", "a generator"],
)
def test_every_kind_of_score_too(fake: str, real: str, how: dict[str, Any], tmp_path: Path) -> None:
    """Each as on the CPU."""
    inputs(tmp_path)

    def score(device: str) -> dict[Any, Any]:
        options = aigc_bench.Options(store=tmp_path / device, device=device)
        made = fake if fake == "noise" else tmp_path / fake
        run, _ = aigc_bench.score(made, tmp_path / real, features=["pixels"], options=options, **how)
        return values(run)

    here = score("cpu")
    with Elsewhere():
        assert score(ELSEWHERE.type) == here
    assert here

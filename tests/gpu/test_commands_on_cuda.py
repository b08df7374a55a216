"""Whole commands with --device cuda."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import aigc_bench
from aigc_bench.core import Batch, SampleSpec, plugins
from aigc_bench.core.suites import Budget
from aigc_bench.generators import training

CUDA = torch.device("cuda")


def values(run: aigc_bench.Run, generators: tuple[str, ...]) -> dict[Any, float]:
    """Quality scores of some rows."""
    return {
        (score.generator, score.metric): score.estimate.value
        for score in run.scores
        if score.kind == "quality" and score.estimate and score.generator in generators
    }


def test_the_main_job_finishes(tmp_path: Path) -> None:
    """Every row of `digits`."""
    run, _ = aigc_bench.run("digits", aigc_bench.Options(store=tmp_path, device="cuda"))
    assert [(case.generator, case.reason) for case in run.cases if case.status == "failed"] == []
    assert {case.generator for case in run.cases} == {"floor", "noise", "gan", "dcgan", "vae"}
    assert run.environment.gpu


@pytest.mark.parametrize("features", ["digits-cnn", "pixels", "inception"])
def test_scores_are_a_cpu_s(features: str, weights: Path, tmp_path: Path) -> None:
    """Distances to 1e-4, counts but for pairs within the rounding of features."""
    random = np.random.default_rng(0)
    for name, levels in (("real", 256), ("fake", 192)):
        np.save(tmp_path / f"{name}.npy", random.integers(0, levels, (300, 8, 8, 1), dtype=np.uint8))
    fake, real = (tmp_path / f"{name}.npy" for name in ("fake", "real"))
    there, here = (
        aigc_bench.score(
            fake,
            real,
            features=[features],
            options=aigc_bench.Options(store=tmp_path / device, device=device, weights=weights),
        )[0]
        for device in ("cuda", "cpu")
    )
    found, expected = (values(run, ("samples", "fake.npy")) for run in (there, here))
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        tolerance = 1e-4 if key[1].startswith(("fd_", "kd_", "fid", "kid")) else 2e-2
        assert found[key] == pytest.approx(value, rel=tolerance, abs=1e-3), key


@pytest.mark.parametrize("name", ["gan", "dcgan", "vae"])
def test_training_that_was_interrupted_gives_the_same_weights(name: str, tmp_path: Path) -> None:
    """As on a CPU."""
    spec = SampleSpec("image", (1, 16, 16))
    data = Batch(torch.randint(0, 256, (256, *spec.shape), dtype=torch.uint8).to(CUDA))
    seen = []
    for stops in ([20], [8, 20]):
        for steps in stops:
            with training.seeded(0):
                generator = plugins.load("generator", name)(spec, device=CUDA)
                plan = training.Plan(Budget(steps=steps), 64, 0, tmp_path / f"{name}-{len(stops)}")
                training.fit(generator, data, plan)
        seen.append(generator.sample(torch.arange(16, device=CUDA)).float())
    torch.testing.assert_close(*seen, rtol=0, atol=1.0)

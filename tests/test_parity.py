"""Whole scores against torch-fidelity's: its network, its resizing and its statistics, on the same random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import aigc_bench
from aigc_bench.core import FeaturePair, Features
from aigc_bench.metrics import frechet, inception_score, kernel, manifold

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # the peers' own warnings

NUM = 64
SCORES = {
    "fd": "frechet_inception_distance",
    "kd": "kernel_inception_distance_mean",
    "inception_score": "inception_score_mean",
    "precision": "precision",
    "recall": "recall",
}
"""our metric => their score"""


def images(seed: int, brightness: float) -> Tensor:
    """Noise of one to eight pixels' grain, (NUM, 3, 32, 32) uint8."""
    generator = torch.Generator().manual_seed(seed)
    grains = (1, 2, 4, 8)
    noise = [torch.rand(NUM // 4, 3, 32 // grain, 32 // grain, generator=generator) for grain in grains]
    return torch.cat([F.interpolate(z, (32, 32)) for z in noise]).mul(255 * brightness).round().to(torch.uint8)


@pytest.fixture(scope="module")
def theirs(torch_fidelity: Any, random_weights: Path) -> dict[str, Any]:
    """Their features and scores of the two sets."""
    network = torch_fidelity.feature_extractor_inceptionv3.FeatureExtractorInceptionV3(
        "inception", ["2048", "logits_unbiased"], str(random_weights)
    )
    with torch.inference_mode():
        real, fake = (
            [torch.cat(parts) for parts in zip(*(network(part) for part in batch.split(16)), strict=True)]
            for batch in (images(0, 1.0), images(1, 0.9))
        )
    fid = torch_fidelity.metric_fid
    statistics = [fid.fid_features_to_statistics(side[0]) for side in (real, fake)]
    kid = torch_fidelity.metric_kid.kid_features_to_metric(
        real[0], fake[0], kid_subsets=1, kid_subset_size=NUM, verbose=False, rng_seed=2020
    )
    prc = torch_fidelity.metric_prc.prc_features_to_metric(fake[0], real[0], verbose=False)
    isc = torch_fidelity.metric_isc.isc_features_to_metric(fake[1])
    scores = {**fid.fid_statistics_to_metric(*statistics, verbose=False), **kid, **prc, **isc}
    return {"real": real, "fake": fake, **{ours: float(scores[name]) for ours, name in SCORES.items()}}


TOLERANCE = {
    "fd": {"rel": 1e-6},
    "kd": {"rel": 1e-6, "abs": 1e-6},
    "inception_score": {"rel": 1e-6},
    "precision": {"abs": 0},
    "recall": {"abs": 0},
}


@pytest.mark.parametrize(("name", "tolerance"), TOLERANCE.items())
def test_statistics_agree_on_their_features(name: str, tolerance: dict[str, float], theirs: dict[str, Any]) -> None:
    """To 1e-6; counts exactly."""
    metrics = {
        "fd": frechet.fd,
        "kd": kernel.kd,
        "inception_score": inception_score.inception_score,
        "precision": manifold.precision,
        "recall": manifold.recall,
    }
    pair = FeaturePair(Features(*theirs["real"]), Features(*theirs["fake"]), "theirs", "0")
    assert metrics[name].compute(pair).value == pytest.approx(theirs[name], **tolerance)


def test_scores_agree_end_to_end(
    theirs: dict[str, Any], random_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From files to scores, our network and theirs: at most one flag of precision and recall apart."""
    monkeypatch.setenv("AIGC_BENCH_WEIGHTS", str(random_weights))
    np.save(tmp_path / "real.npy", images(0, 1.0).permute(0, 2, 3, 1).numpy())
    np.savez(tmp_path / "fake.npz", images(1, 0.9).permute(0, 2, 3, 1).numpy())
    run, _ = aigc_bench.score(
        tmp_path / "fake.npz",
        tmp_path / "real.npy",
        metrics=tuple(SCORES),
        options=aigc_bench.Options(store=tmp_path / "store"),
    )
    found = {score.metric.split("_inception[")[0]: score.estimate.value for score in run.scores if score.estimate}
    assert found["fd"] == pytest.approx(theirs["fd"], rel=1e-4)
    assert found["kd"] == pytest.approx(theirs["kd"], rel=1e-3, abs=1e-5)
    assert found["inception_score"] == pytest.approx(theirs["inception_score"], rel=1e-4)
    for name in ("precision", "recall"):
        assert found[name] == pytest.approx(theirs[name], abs=1.01 / NUM)

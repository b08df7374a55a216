"""Whole scores against torch-fidelity's: its network, its resizing and its statistics, on the same random weights.

ADM's evaluator needs TensorFlow and cannot run here: its scores are compared with its definitions, in float64.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import aigc_bench
from aigc_bench.core import FeaturePair, Features, SampleSpec
from aigc_bench.features import inception
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


# ---- ADM ---------------------------------------------------------------------------------------------


def frechet_by_definition(real: Tensor, fake: Tensor) -> float:
    """Means and covariances with N - 1; Tr (Σ₁Σ₂)^½ as the nuclear norm of X₁ X₂ᵀ, for few samples of many features."""
    x, y = real.double(), fake.double()
    shift = x.mean(0) - y.mean(0)
    a, b = ((side - side.mean(0)) / (len(side) - 1) ** 0.5 for side in (x, y))
    return float(shift @ shift + a.square().sum() + b.square().sum() - 2 * torch.linalg.svdvals(a @ b.T).sum())


def adm_by_definition(real: Features, fake: Features) -> dict[str, float]:
    """What its evaluator prints, but for its distances in float16: chunks of 5,000 in order, k = 3 and ≤."""
    assert real.spatial is not None
    assert fake.spatial is not None
    assert fake.logits is not None
    p = fake.logits.double().softmax(1)
    chunks = [p[start : start + 5000] for start in range(0, len(p), 5000)]
    scores = [(part * (part.log() - part.mean(0).log())).sum(1).mean().exp() for part in chunks]
    x, y = real.pool.double(), fake.pool.double()
    (xx, yy, xy) = (torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist") for a, b in ((x, x), (y, y), (x, y)))
    near_real, near_fake = (d.sort(1).values[:, 3] for d in (xx, yy))
    return {
        "fd": frechet_by_definition(real.pool, fake.pool),
        "sfd": frechet_by_definition(real.spatial, fake.spatial),
        "inception_score": float(torch.stack(scores).mean()),
        "precision": float((xy <= near_real[:, None]).any(0).double().mean()),
        "recall": float((xy <= near_fake[None]).any(1).double().mean()),
    }


def test_adm_scores_equal_their_definition(
    random_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From arrays to scores."""
    monkeypatch.setenv("AIGC_BENCH_WEIGHTS", str(random_weights))
    real, fake = images(0, 1.0), images(1, 0.9)
    extractor = inception.build(SampleSpec("image", (3, 32, 32)), device=torch.device("cpu"), spatial=True)
    expected = adm_by_definition(extractor(real), extractor(fake))
    run, _ = aigc_bench.score(fake, real, protocols=["adm"], options=aigc_bench.Options(store=tmp_path / "store"))
    found = {score.metric: score.estimate.value for score in run.scores if score.estimate}
    assert {name.partition("@")[0].split("_inception[")[0]: value for name, value in found.items()} == pytest.approx(
        expected, rel=1e-6
    )
    assert all(name.endswith("@adm") for name in found)

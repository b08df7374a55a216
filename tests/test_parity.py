"""Whole scores against the peers': their networks, resizing and statistics, on the same random weights.

128 images of torch-fidelity's and fewer of the others' networks; with AIGC_BENCH_PARITY_IMAGES=1000, as `tox -e parity`
has it, 1000 against 1000 of all. ADM's evaluator needs TensorFlow and cannot run here: its scores are compared with its
definitions, in float64.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import aigc_bench
from aigc_bench.core import FeaturePair, Features, SampleSpec
from aigc_bench.metrics import frechet, inception_score, kernel, manifold
from aigc_bench.modalities.image.extractors import inception

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # the peers' own warnings

NUM = int(os.environ.get("AIGC_BENCH_PARITY_IMAGES", "64"))
"""a side, for torch-fidelity"""
WHOLE = "AIGC_BENCH_PARITY_IMAGES" in os.environ
FEW = NUM if WHOLE else 40
"""a side, for the others: each runs a network of its own"""
SCORES = {
    "fd": "frechet_inception_distance",
    "kd": "kernel_inception_distance_mean",
    "inception_score": "inception_score_mean",
    "precision": "precision",
    "recall": "recall",
}
"""our metric => their score"""


def images(seed: int, brightness: float, num: int = NUM) -> Tensor:
    """Noise of one to eight pixels' grain, (num, 3, 32, 32) uint8."""
    generator = torch.Generator().manual_seed(seed)
    grains = (1, 2, 4, 8)
    noise = [torch.rand(num // 4, 3, 32 // grain, 32 // grain, generator=generator) for grain in grains]
    return torch.cat([F.interpolate(z, (32, 32)) for z in noise]).mul(255 * brightness).round().to(torch.uint8)


@pytest.fixture
def scoring_weights(random_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our extractor has the random weights, too."""
    monkeypatch.setenv("AIGC_BENCH_WEIGHTS", str(random_weights))


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
    # The same count: their share is a float32.
    "precision": {"abs": 1e-7},
    "recall": {"abs": 1e-7},
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


# ---- the others' own networks ----------------------------------------------------------------------


def scored(protocol: str, metrics: tuple[str, ...], folder: Path) -> dict[str, float]:
    """Our scores of FEW images a side by a protocol, by entry point."""
    run, _ = aigc_bench.score(
        images(1, 0.9, FEW),
        images(0, 1.0, FEW),
        protocols=[protocol],
        metrics=metrics,
        options=aigc_bench.Options(store=folder / "store"),
    )
    return {score.metric.partition("_")[0]: score.estimate.value for score in run.scores if score.estimate}


def moments(pool: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """As the peers have them."""
    return pool.mean(0), np.cov(pool, rowvar=False)


def test_pytorch_fid_agrees(pytorch_fid: Any, scoring_weights: None, tmp_path: Path) -> None:
    """Its network, its scaling, its distance."""
    network = pytorch_fid.InceptionV3([3]).eval()
    distance = importlib.import_module("pytorch_fid.fid_score").calculate_frechet_distance
    with torch.inference_mode():
        real, fake = (
            np.concatenate([network(part.float() / 255)[0].squeeze((2, 3)).numpy() for part in side.split(16)])
            for side in (images(0, 1.0, FEW), images(1, 0.9, FEW))
        )
    expected = distance(*moments(real), *moments(fake))
    assert scored("pytorch-fid", ("fd",), tmp_path)["fd"] == pytest.approx(expected, rel=1e-3)


def test_clean_fid_agrees(pytorch_fid: Any, scoring_weights: None, tmp_path: Path) -> None:
    """Its resizing image by image, its distances; its network is a file to download, and has pytorch-fid's layers."""
    clean = pytest.importorskip("cleanfid.fid")
    resize = importlib.import_module("cleanfid.resize").build_resizer("clean")
    network = pytorch_fid.InceptionV3([3], resize_input=False, normalize_input=False).eval()

    def pool(side: Tensor) -> np.ndarray[Any, Any]:
        found = []
        for part in side.permute(0, 2, 3, 1).split(16):
            large = torch.from_numpy(np.stack([resize(image.numpy()) for image in part])).permute(0, 3, 1, 2)
            with torch.inference_mode():
                found.append(network((large - 128) / 128)[0].squeeze((2, 3)).numpy())
        return np.concatenate(found)

    real, fake = pool(images(0, 1.0, FEW)), pool(images(1, 0.9, FEW))
    found = scored("clean", ("fd", "kd"), tmp_path)
    assert found["fd"] == pytest.approx(clean.frechet_distance(*moments(real), *moments(fake)), rel=1e-3)
    # No more samples than a subset has: every subset is all of them.
    expected = clean.kernel_distance(real.astype(np.float64), fake.astype(np.float64), num_subsets=1)
    assert found["kd"] == pytest.approx(expected, rel=1e-3, abs=1e-5)


class Seen(torch.nn.Module):
    """torch-fidelity's features in the place of torchmetrics' own network, which is a subclass of its."""

    num_features = 2048

    def __init__(self, pools: list[Tensor]) -> None:
        super().__init__()
        self._pools = pools

    def forward(self, batch: Tensor) -> Tensor:
        """The next of them."""
        found = self._pools.pop(0)
        assert len(found) == len(batch)
        return found


def test_torchmetrics_agrees(
    theirs: dict[str, Any], random_weights: Path, scoring_weights: None, tmp_path: Path
) -> None:
    """Its Fréchet distance, from images."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    # With antialiasing, its default since 1.8, it has another resize than TensorFlow's.
    own = {"feature": 2048, "feature_extractor_weights_path": str(random_weights), "antialias": False}
    seen = {"feature": Seen([theirs[side][0][:FEW] for side in ("real", "fake")])}
    peer = FrechetInceptionDistance(**(own if WHOLE else seen)).set_dtype(torch.float64)
    with torch.inference_mode():
        for real, batch in ((True, images(0, 1.0)[:FEW]), (False, images(1, 0.9)[:FEW])):
            # Seen gives a whole side at once; the network in float64 would fill 50 GB with one.
            for part in batch.split(20) if WHOLE else [batch]:
                peer.update(part, real=real)
    expected = float(peer.compute())
    if WHOLE:
        found = scored("tf", ("fd",), tmp_path)["fd"]
    else:
        pair = FeaturePair(Features(theirs["real"][0][:FEW]), Features(theirs["fake"][0][:FEW]), "theirs", "0")
        found = frechet.fd.compute(pair).value
    assert found == pytest.approx(expected, rel=1e-4)


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

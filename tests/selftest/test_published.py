"""The rows with published scores, on weights and data that are here: the same code, against torch-fidelity's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from aigc_bench.core import Batch, Features
from aigc_bench.core.errors import NotAvailableError
from aigc_bench.data import cifar10
from aigc_bench.evidence.extractors import Place
from aigc_bench.metrics import kernel_sums
from aigc_bench.modalities.image.extractors import inception
from aigc_bench.runs.store import Store
from aigc_bench.selftest import cifar10_scores, published
from aigc_bench.selftest.cifar10_scores import Cifar10
from aigc_bench.selftest.rows import measured

CPU = torch.device("cpu")
NUM, SUBSET = 40, 16


def images(num: int, seed: int) -> Tensor:
    """Smooth and rough ones, (num, 3, 32, 32) uint8."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(num, 3, 8, 8, generator=generator).repeat_interleave(4, 2).repeat_interleave(4, 3)
    rough = 0.4 * torch.rand(num, 3, 32, 32, generator=generator)
    return (0.6 * coarse + rough).mul(255).round().to(torch.uint8)


def dumped(samples: Tensor, num: int, folder: Path, noise: bool = False) -> Tensor:
    """Through files, as torch-fidelity's tests do it: a random subset, named by place, read by name."""
    rng = np.random.RandomState(2020)
    folder.mkdir()
    for place in rng.choice(len(samples), num, replace=False):
        pixels = samples[place].permute(1, 2, 0).numpy()
        if noise:
            pixels = pixels.astype(np.float32)
            pixels += rng.randn(*pixels.shape) * 64
            with np.errstate(invalid="ignore"):
                pixels = pixels.astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{place:05d}.png")
    read = [np.array(Image.open(path)) for path in sorted(folder.iterdir())]
    return torch.from_numpy(np.stack(read)).permute(0, 3, 1, 2)


def place(folder: Path) -> Place:
    """Somewhere to keep features."""
    return Place(Store(folder / "store").cache, CPU)


def test_subsets_are_those_of_torch_fidelity_s_files(tmp_path: Path) -> None:
    """Which images, in which order, and their noise, out-of-range values included."""
    samples = images(90, 0)
    plain, noisy = (dumped(samples, NUM, tmp_path / str(noise), noise) for noise in (False, True))
    assert torch.equal(samples[torch.from_numpy(np.sort(cifar10_scores.drawn(90, NUM)))], plain)
    assert torch.equal(cifar10_scores.noisy_subset(samples, NUM), noisy)


@pytest.fixture
def seen(random_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cifar10:
    """A few images and random weights that pass for the published ones."""
    sha256 = inception.read_weights(random_weights)[1]
    monkeypatch.setattr(inception, "PUBLISHED_SHA256", sha256)
    monkeypatch.setenv("AIGC_BENCH_WEIGHTS", str(random_weights))
    monkeypatch.setattr(cifar10_scores, "_all_images", lambda *given: {"train": images(46, 1), "test": images(43, 2)})
    return Cifar10.opened(None, CPU, lambda: place(tmp_path))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the peers' own warnings
def test_scores_are_torch_fidelity_s(seen: Cifar10, torch_fidelity: Any, random_weights: Path, tmp_path: Path) -> None:
    """From weights and images to each kind of row, by its tolerance: relative 1e-4, KID absolute 1e-5."""
    network = torch_fidelity.feature_extractor_inceptionv3.FeatureExtractorInceptionV3(
        "inception", ["2048", "logits_unbiased", "logits"], str(random_weights)
    )
    kinds = {"train": (images(46, 1), False), "test": (images(43, 2), False), "noisy": (images(43, 2), True)}
    with torch.inference_mode():
        theirs = {
            name: network(dumped(samples, NUM, tmp_path / name, noise)) for name, (samples, noise) in kinds.items()
        }
    fid = torch_fidelity.metric_fid
    moments = [fid.fid_features_to_statistics(theirs[name][0]) for name in ("train", "test")]
    expected = fid.fid_statistics_to_metric(*moments, verbose=False)["frechet_inception_distance"]
    assert cifar10_scores.fid(seen, NUM) == pytest.approx(float(expected), rel=1e-4)

    def score(logits: Tensor) -> float:
        return float(torch_fidelity.metric_isc.isc_features_to_metric(logits)["inception_score_mean"])

    assert cifar10_scores.inception_score_of(seen, "train", NUM) == pytest.approx(score(theirs["train"][1]), rel=1e-4)
    biased = cifar10_scores.inception_score_of(seen, "test", NUM, with_bias=True)
    assert biased == pytest.approx(score(theirs["test"][2]), rel=1e-4)

    def kid(first: str, second: str) -> float:
        found = torch_fidelity.metric_kid.kid_features_to_metric(
            theirs[first][0], theirs[second][0], kid_subset_size=SUBSET, verbose=False
        )
        return float(found["kernel_inception_distance_mean"])

    assert cifar10_scores.kid(seen, NUM, SUBSET) == pytest.approx(kid("train", "test"), rel=1e-4, abs=1e-5)
    assert cifar10_scores.kid_of_noise(seen, NUM, SUBSET) == pytest.approx(kid("noisy", "train"), rel=1e-4, abs=1e-5)


def test_the_kernel_distance_by_subsets_is_torch_fidelity_s(torch_fidelity: Any) -> None:
    """On equal features, to 1e-6: the same subsets in the same order."""
    first, second = torch.randn(2, 90, 32, generator=torch.Generator().manual_seed(0))
    expected = torch_fidelity.metric_kid.kid_features_to_metric(first, second, kid_subset_size=30, verbose=False)
    found = cifar10_scores.kid_by_subsets(first, second, 30)
    assert found == pytest.approx(float(expected["kernel_inception_distance_mean"]), abs=1e-6)


class Corners:
    """An extractor that is fast, under the published name."""

    name, digest = "inception", "c" * 64
    outputs = ("pool", "logits")
    logit_bias = torch.linspace(-1, 1, 4)

    def __call__(self, batch: Tensor) -> Features:
        """Means of four quarters and three channels; logits of the quarters' grey levels."""
        quarters = torch.nn.functional.avg_pool2d(batch.float(), 16).flatten(1) / 64
        return Features(quarters, quarters[:, :4] * 3)


@pytest.fixture
def whole() -> dict[str, Batch]:
    """Six batches of 10,000 images, as many of each class."""
    names = (*cifar10.TRAIN_FILES, cifar10.TEST_FILE)
    labels = torch.arange(10_000) % 10
    return {name: Batch(images(100, seed).repeat(100, 1, 1, 1), labels) for seed, name in enumerate(names)}


def test_every_row_runs_where_weights_and_data_are(
    whole: dict[str, Batch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On features of another kind every row is measured, and wrong; of whole splits and of subsets."""
    monkeypatch.setattr(inception, "build", lambda spec, **options: Corners())
    monkeypatch.setattr(cifar10, "batches", lambda data_dir, **options: whole)
    monkeypatch.setattr(kernel_sums, "NUM_SUBSETS", 3)
    rows = measured(published.checks(None, CPU, lambda: place(tmp_path)), lambda event: None)
    assert [row.reason for row in rows if row.found is None] == []
    assert {row.status for row in rows} == {"REGRESSION"}
    found = {row.name.removeprefix("CIFAR-10, "): row.found for row in rows}
    corners = Corners()
    train = corners(torch.cat([whole[name].samples for name in cifar10.TRAIN_FILES])).pool.double().numpy()
    test = corners(whole[cifar10.TEST_FILE].samples).pool.double().numpy()
    for name, num in {"FID of 256 train, 256 test": 256, "FID of 5,000 train, 5,000 test": 5000}.items():
        rows_of = [np.random.RandomState(2020).choice(len(side), num, replace=False) for side in (train, test)]
        assert found[name] == pytest.approx(frechet(train[rows_of[0]], test[rows_of[1]]), rel=1e-6)
    assert found["FID of train, test"] == pytest.approx(frechet(train, test), rel=1e-6)
    assert found["Inception Score of test"] != found["Inception Score of test, with bias"]


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """By eigenvalues of the unsymmetric product."""
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.sqrt(np.linalg.eigvals(a @ b).astype(complex)).real.sum()
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.pop("data_batch_3.bin"), r"data_batch_3\.bin: no images, expected 10000"),
        (lambda data: data.update({"test_batch.bin": Batch(*short(data["test_batch.bin"]))}), "1000 images, expected"),
        (lambda data: data["test_batch.bin"].labels.fill_(3), "its classes are not of equal size"),
    ],
)
def test_data_that_are_not_whole_are_named(
    whole: dict[str, Batch], change: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that is missing or cut, and other labels."""
    whole = {
        name: Batch(batch.samples, batch.labels.clone()) for name, batch in whole.items() if batch.labels is not None
    }
    change(whole)
    monkeypatch.setattr(inception, "build", lambda spec, **options: Corners())
    monkeypatch.setattr(cifar10, "batches", lambda data_dir, **options: whole)
    with pytest.raises(NotAvailableError, match=message):
        Cifar10.opened(None, CPU, lambda: place(Path()))


def short(batch: Batch) -> tuple[Tensor, Tensor]:
    """Its first thousand."""
    assert batch.labels is not None
    return batch.samples[:1000], batch.labels[:1000]

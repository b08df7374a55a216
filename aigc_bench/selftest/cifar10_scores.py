"""CIFAR-10 as the network of the FID sees it, and its scores by the protocols that others have published scores of.

torch-fidelity's tests write a subset of CIFAR-10 to files and score those (utils/util_dump_dataset_as_images.py): drawn
by `numpy.random.RandomState(2020).choice` without replacement, named by their place in the data set, and read in the
order of the names. So each subset here is drawn and then sorted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from aigc_bench.core import FeaturePair, Features, SampleSpec
from aigc_bench.core.errors import AigcBenchError, NotAvailableError
from aigc_bench.data import cifar10
from aigc_bench.evidence.extraction import features_of
from aigc_bench.evidence.extractors import Place
from aigc_bench.metrics.frechet import fd
from aigc_bench.metrics.inception_score import inception_score
from aigc_bench.metrics.kernel_sums import Subsets
from aigc_bench.modalities.image import NAME as IMAGE
from aigc_bench.modalities.image.arrays import of_tensor
from aigc_bench.modalities.image.cifar10_records import SHAPE
from aigc_bench.modalities.image.extractors import inception

SEED = 2020
"""of torch-fidelity's subsets and noise"""
NOISE = 64
"""grey levels, standard deviation"""

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Cifar10:
    """CIFAR-10 as the network of the FID sees it, each split when first asked for."""

    extractor: inception.InceptionFeatures
    images: dict[Split, Tensor]
    """(N, 3, 32, 32) uint8, in the published order"""
    place: Callable[[], Place]
    """where features are kept; not asked before there are any"""
    _seen: dict[Split, Features] = field(default_factory=dict)

    @classmethod
    def opened(
        cls,
        data_dir: Path | None,
        device: torch.device,
        place: Callable[[], Place],
        *,
        weights: Path | None = None,
        download: bool = False,
    ) -> Cifar10:
        """The published weights and all of CIFAR-10, fetched where they are missing if told to.

        Raises:
            NotAvailableError: says what is missing.
        """
        problems, extractor, images = [], None, {}
        try:
            extractor = _published_extractor(device, weights, download)
        except AigcBenchError as error:
            problems.append(str(error))
        try:
            images = _all_images(data_dir, download)
        except AigcBenchError as error:
            problems.append(str(error))
        if extractor is None or problems:
            raise NotAvailableError("; ".join(problems))
        return cls(extractor, images, place)

    def features(self, split: Split) -> Features:
        """Of all images of a split."""
        if split not in self._seen:
            self._seen[split] = self.features_of(self.images[split])
        return self._seen[split]

    def features_of(self, images: Tensor) -> Features:
        """Features of these images, (N, C, H, W) uint8."""
        return features_of(self.extractor, of_tensor(images), self.place())

    def subset(self, split: Split, num: int | None) -> Features:
        """Of a random subset, as torch-fidelity's tests draw it; None: of all."""
        whole = self.features(split)
        if num is None:
            return whole
        assert whole.logits is not None
        rows = torch.from_numpy(np.sort(drawn(len(whole.pool), num)))
        return Features(whole.pool[rows], whole.logits[rows])


def _published_extractor(device: torch.device, weights: Path | None, download: bool) -> inception.InceptionFeatures:
    extractor = inception.build(
        SampleSpec(IMAGE, SHAPE), device=device, weights=None if weights is None else str(weights), download=download
    )
    if extractor.name != "inception":
        raise NotAvailableError(
            f"the weights are not the published ones (SHA-256 {inception.PUBLISHED_SHA256[:8]}…) but make "
            f"{extractor.name!r}; name those with --weights"
        )
    return extractor


def _all_images(data_dir: Path | None, download: bool) -> dict[Split, Tensor]:
    found = cifar10.batches(data_dir, download=download)
    problems = [
        f"{name}: {len(found[name].samples) if name in found else 'no'} images, expected {cifar10.BATCH_SIZE}"
        for name in (*cifar10.TRAIN_FILES, cifar10.TEST_FILE)
        if name not in found or len(found[name].samples) != cifar10.BATCH_SIZE
    ]
    if problems:
        raise NotAvailableError(f"CIFAR-10 is not whole: {'; '.join(problems)}; name its folder with --data-dir")
    train = cifar10.joined([found[name] for name in cifar10.TRAIN_FILES])
    for part in (train, found[cifar10.TEST_FILE]):
        # There are no published checksums of the files, but as many images of every class.
        assert part.labels is not None
        if len(part.labels.bincount(minlength=10).unique()) > 1:
            raise NotAvailableError("CIFAR-10 is not the original: its classes are not of equal size")
    return {"train": train.samples, "test": found[cifar10.TEST_FILE].samples}


def drawn(total: int, num: int, rng: np.random.RandomState | None = None) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Places of a subset, in the order in which they are drawn."""
    places = (rng or np.random.RandomState(SEED)).choice(total, num, replace=False)
    return places.astype(np.int64)


def noisy_subset(images: Tensor, num: int) -> Tensor:
    """A subset with Gaussian noise of 64 grey levels: (N, C, H, W) uint8 => (num, C, H, W) uint8.

    As torch-fidelity's tests make it: noise after the draw and in its order, pixels last, float32, and out-of-range
    values wrapped, which is what the conversion does on the machines that the published score was computed on.
    """
    rng = np.random.RandomState(SEED)
    places = drawn(len(images), num, rng)
    found = []
    for place in places:
        image = images[place].permute(1, 2, 0).numpy().astype(np.float32)
        image += rng.randn(*image.shape) * NOISE
        found.append(torch.from_numpy(image.astype(np.int32).astype(np.uint8)).permute(2, 0, 1))
    return torch.stack([found[row] for row in places.argsort()])


# ---- scores -------------------------------------------------------------------------------------------


def fid(seen: Cifar10, num: int | None = None) -> float:
    """Of a training and a test subset of `num`, or of all."""
    real, fake = seen.subset("test", num), seen.subset("train", num)
    return fd.compute(FeaturePair(real, fake, seen.extractor.name, seen.extractor.digest)).value


def inception_score_of(seen: Cifar10, split: Split, num: int | None = None, with_bias: bool = False) -> float:
    """Of a subset of `num`, or of all; with the bias that some codes add to the logits."""
    found = seen.subset(split, num)
    if with_bias:
        assert found.logits is not None
        found = Features(found.pool, found.logits + seen.extractor.logit_bias)
    return inception_score.compute(FeaturePair(found, found, seen.extractor.name, seen.extractor.digest)).value


def kid(seen: Cifar10, num: int, subset_size: int) -> float:
    """Of a training and a test subset, by torch-fidelity's protocol."""
    return kid_by_subsets(seen.subset("train", num).pool, seen.subset("test", num).pool, subset_size)


def kid_of_noise(seen: Cifar10, num: int, subset_size: int) -> float:
    """Of noisy test images against training images."""
    noisy = seen.features_of(noisy_subset(seen.images["test"], num))
    return kid_by_subsets(noisy.pool, seen.subset("train", num).pool, subset_size)


def kid_by_subsets(first: Tensor, second: Tensor, subset_size: int) -> float:
    """The mean over 100 random pairs of subsets, as torch-fidelity draws them; (N, D), (M, D)."""
    return float(Subsets.drawn(len(first), len(second), subset_size).distances(first, second).mean())

"""Reconstructions beside their originals: errors of each pair, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from aigc_bench import modalities
from aigc_bench import samples as sample_sets
from aigc_bench.core import ReconstructionErrors, Score, plugins
from aigc_bench.core.errors import ConfigurationError, DataError
from aigc_bench.evidence.extractors import Place
from aigc_bench.metrics import reconstruction
from aigc_bench.modalities.modality import named
from aigc_bench.runs.scoring.observation import Observation
from aigc_bench.runs.scoring.reference import Reference
from aigc_bench.runs.scoring.scores import scored
from aigc_bench.samples.sets import SampleSet, readable
from aigc_bench.system.files import save_tensors

METRICS = (reconstruction.mse, reconstruction.psnr, reconstruction.ssim)
CHUNK = 128
"""pairs that are held at once, and whose errors are one file of the cache"""


def originals_of(reference: Reference) -> SampleSet:
    """The real side's samples.

    Raises:
        ConfigurationError: it has none.
    """
    if reference.samples is None:
        raise ConfigurationError(
            f"--paired compares samples, and {reference.name} holds none; give the originals themselves as --real"
        )
    return reference.samples


def check_pairs(name: str, fake: SampleSet, original: SampleSet) -> None:
    """Refuse what cannot be pairs, as far as it is known before anything is read.

    Raises:
        DataError: unlike counts or sizes.
    """
    nums = fake.num_samples, original.num_samples
    if len({num for num in nums if num is not None}) > 1:
        raise DataError(_unlike_counts(name, original, *nums))
    if fake.shape and original.shape and fake.shape != original.shape:
        raise DataError(_unlike_sizes(name, original, fake.shape, original.shape))


def scores(seen: Observation, original: SampleSet, place: Place) -> Iterator[Score]:
    """MSE, PSNR and SSIM of all pairs.

    Raises:
        DataError: see `errors_of`.
    """
    errors = errors_of(seen.row.name, seen.row.samples, original, place)
    for metric in METRICS:
        yield scored(metric, errors, seen.row, seen.identity, place)


def errors_of(name: str, fake: SampleSet, original: SampleSet, place: Place) -> ReconstructionErrors:
    """Errors of all pairs, made chunk by chunk; what was killed goes on where it was.

    Raises:
        DataError: unlike counts or sizes, or a sample that cannot be read.
    """

    def produce(folder: Path) -> None:
        done = 0
        for number, (a, b) in enumerate(_pairs(name, fake, original)):
            path = folder / f"{number:06}.safetensors"
            if not path.is_file():
                _write(path, named(original.modality).pairwise_errors(a, b))
            done += len(a)
            place.on_event({"event": "progress", "unit": "pairs", "done": done, "total": fake.num_samples})

    if fake.digest is None or original.digest is None:
        with place.cache.scratch() as folder:
            produce(folder)
            return _read(folder)
    key = {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "source": plugins.source_digest(errors_of, reconstruction, modalities, sample_sets),
        "samples": fake.digest,
        "reference": original.digest,
        "policies": [fake.policies, original.policies],
    }
    return _read(place.cache.finish("reconstruction-errors", key, produce))


def _pairs(name: str, fake: SampleSet, original: SampleSet) -> Iterator[tuple[Tensor, Tensor]]:
    """Originals and reconstructions, each (n, C, H, W) uint8 on the CPU, n of one chunk."""
    done = 0
    theirs = readable(original.batches(CHUNK), original.name)
    for mine in readable(fake.batches(CHUNK), name):
        real = next(theirs, None)
        if real is None or len(mine) > len(real):
            raise DataError(_unlike_counts(name, original, None, done + (0 if real is None else len(real))))
        if real.shape[1:] != mine.shape[1:]:
            raise DataError(_unlike_sizes(name, original, tuple(mine.shape[1:]), tuple(real.shape[1:])))
        done += len(mine)
        if len(mine) < len(real):
            raise DataError(_unlike_counts(name, original, done, None))
        yield real.cpu(), mine.cpu()
    if next(theirs, None) is not None:
        raise DataError(_unlike_counts(name, original, done, None))


def _unlike_counts(name: str, original: SampleSet, num_fake: int | None, num_real: int | None) -> str:
    fakes = "more" if num_fake is None else str(num_fake)
    reals = "more" if num_real is None else str(num_real)
    return (
        f"{name} holds {fakes} samples and {original.name} holds {reals}; expected a reconstruction of each original, "
        "in the same order: --paired compares the first with the first"
    )


def _unlike_sizes(name: str, original: SampleSet, fake: tuple[int, ...], real: tuple[int, ...]) -> str:
    return (
        f"{name} holds samples of {fake} and {original.name} of {real} (C, H, W); expected reconstructions of the "
        "originals' size and channels: crop or resize the originals as the model saw them"
    )


def _write(path: Path, errors: ReconstructionErrors) -> None:
    partial = path.with_suffix(".partial")
    found = {"squared": errors.squared, "ssim": errors.ssim}
    save_tensors(found, partial, {"window": errors.window})
    os.replace(partial, path)


def _read(folder: Path) -> ReconstructionErrors:
    paths = sorted(folder.glob("*.safetensors"))
    parts = [safetensors.torch.load_file(path) for path in paths]
    with safetensors.safe_open(paths[0], "pt") as file:
        window = file.metadata()["window"]
    squared, similarity = (torch.cat([part[key] for part in parts]) for key in ("squared", "ssim"))
    return ReconstructionErrors(squared, similarity, window)

"""A modality from outside: points in the plane, in [-1, 1]².

Everything that the harness needs of a kind of samples, in one file: the modality itself, a data set, a generator, an
extractor and a metric. Points are opened from CSV files, and drawn as dots.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from aigc_bench import noise
from aigc_bench.core import Batch, Dataset, Estimate, FeaturePair, Features, Metric, ReconstructionErrors, SampleSpec
from aigc_bench.core.errors import DataError
from aigc_bench.modalities.modality import Modality
from aigc_bench.samples.held import HeldSamples
from aigc_bench.samples.sets import OnBadImage, SampleSet
from aigc_bench.stats.intervals import of_mean

SPEC = SampleSpec("points", (2,))
SIDE_PX = 120


# ---- the modality -----------------------------------------------------------------------------------


def _check_values(batch: Tensor) -> str | None:
    return "expected points in [-1, 1]²" if batch.numel() and float(batch.abs().max()) > 1 else None


def _open(source: Any, *, on_bad_image: OnBadImage = "error") -> SampleSet:
    """A CSV file of x and y, or a tensor (N, 2)."""
    if isinstance(source, Tensor):
        points = source.float()
    else:
        try:
            points = torch.from_numpy(np.loadtxt(Path(source), delimiter=",", ndmin=2, dtype=np.float32))
        except (OSError, ValueError) as error:
            raise DataError(f"{source} holds no points: {error}; expected a CSV file of x,y") from error
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise DataError(f"{source} holds {tuple(points.shape)} numbers, expected points (N, 2)")
    digest = hashlib.sha256(points.numpy().tobytes()).hexdigest()
    return HeldSamples(str(source) if not isinstance(source, Tensor) else "tensor", points, SPEC, digest)


def _noise(seeds: Tensor, spec: SampleSpec) -> Tensor:
    return noise.uniform(seeds, 2) * 2 - 1


def _errors(original: Tensor, made: Tensor) -> ReconstructionErrors:
    squared = (original.double() - made.double()).square().mean(1)
    return ReconstructionErrors(squared, torch.ones_like(squared), "no window: points have no neighbours")


def _sheet(samples: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(samples))


def _picture(samples: Tensor, num_columns: int, scale: int | None = None) -> bytes:
    """All points (N, 2) in one square."""
    picture = Image.new("L", (SIDE_PX, SIDE_PX), 255)
    draw = ImageDraw.Draw(picture)
    for x, y in ((samples + 1) * (SIDE_PX - 1) / 2).tolist():
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=0)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


points = Modality(
    name="points",
    dtype=torch.float32,
    check_shape=lambda shape: None if shape == (2,) else "expected points (2,)",
    check_values=_check_values,
    quantise="x.clamp(-1, 1).float()",
    tolerance=1e-5,
    open=_open,
    claims=lambda source: str(source).endswith(".csv"),
    noise=_noise,
    pairwise_errors=_errors,
    sheet=_sheet,
    picture=_picture,
    difference=lambda base, head: f"points move by {float((base - head).norm(dim=1).mean()):.3g} on average",
    corruptions={"shrink": lambda samples, strength: samples * (1 - strength)},
    features=("coordinates",),
    metrics=("fd", "mean_radius"),
)


# ---- what is found beside it ------------------------------------------------------------------------


def ring(num: int, seed: int) -> Tensor:
    """(num, 2) points about a circle of radius ½."""
    generator = torch.Generator().manual_seed(seed)
    angle = torch.rand(num, generator=generator) * 2 * math.pi
    radius = 0.5 + 0.05 * torch.randn(num, generator=generator)
    return (radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1)).clamp(-1, 1)


def build_ring(*, data_dir: Path | None = None, download: bool = False, num: int = 200) -> Dataset:
    """Three disjoint splits of `num` points each."""
    fit, reference, holdout = (Batch(part) for part in ring(3 * num, 0).split(num))
    digest = hashlib.sha256(torch.cat([fit.samples, reference.samples, holdout.samples]).numpy().tobytes()).hexdigest()
    return Dataset("ring", SPEC, fit, reference, holdout, digest)


class Circle:
    """Points on a circle of a radius that may be the wrong one."""

    def __init__(self, spec: SampleSpec, radius: float) -> None:
        self.spec, self._radius = spec, radius

    def sample(self, seeds: Tensor) -> Tensor:
        """(N,) int64 => (N, 2) float32."""
        z = noise.normal(seeds, 2)
        return (self._radius * z / z.norm(dim=1, keepdim=True)).clamp(-1, 1)


def build_circle(spec: SampleSpec, *, device: torch.device, radius: float = 0.5) -> Circle:
    """Build the generator."""
    return Circle(spec, radius)


class Coordinates:
    """x, y, and the distance from the origin."""

    name = "coordinates"
    digest = hashlib.sha256(b"x, y, radius").hexdigest()

    def __call__(self, batch: Tensor) -> Features:
        """(N, 2) => (N, 3)."""
        return Features(torch.cat([batch, batch.norm(dim=1, keepdim=True)], 1))


def build_coordinates(spec: SampleSpec, *, device: torch.device) -> Coordinates:
    """Build the extractor."""
    return Coordinates()


def _mean_radius(pair: FeaturePair) -> Estimate:
    return of_mean(pair.fake.pool[:, 2], method="Student's t over points", estimand="mean distance from the origin")


mean_radius = Metric("mean_radius", FeaturePair, _mean_radius, higher_is_better=True)

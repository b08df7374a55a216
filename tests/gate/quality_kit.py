"""What tests of comparisons share: runs with features in memory."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Features, Score
from aigc_bench.core.suites import DataEntry, GeneratorEntry, Suite
from aigc_bench.metrics import frechet, kernel, manifold
from aigc_bench.runs.recorded import Recorded, slot
from aigc_bench.runs.records import CaseRecord, DatasetRecord, Run
from aigc_bench.system.machine import Environment, environment

DIGEST = "e" * 64
METRICS = (frechet.fd, kernel.kd, manifold.precision)
Rows = Mapping[tuple[str, int | None], Features]
"""(generator, training seed) => features of its samples"""


@functools.cache
def here() -> Environment:
    """This machine."""
    return environment(torch.device("cpu"))


def drawn(num: int, seed: int, *, width: int = 8, shift: float = 0.0) -> Features:
    """Heavy-tailed features (num, width), moved by `shift`."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(num, width, generator=generator)
    return Features(z * (0.5 + torch.rand(num, 1, generator=generator)) + shift)


def moved(features: Features, seed: int, scale: float, shift: float = 0.0) -> Features:
    """The same samples with a little noise on them."""
    noise = torch.randn(features.pool.shape, generator=torch.Generator().manual_seed(seed))
    return Features(features.pool + scale * noise + shift)


def run_of(rows: Rows, real: Features, metrics: Sequence[Any] = METRICS, *, seeded: bool = True, **fields: Any) -> Run:
    """A run that scored these features."""
    scores = [
        score(generator, seed, metric.compute(pair), metric.name.format(extractor="made"), metric.higher_is_better)
        for (generator, seed), fake in rows.items()
        for pair in [FeaturePair(real, fake, "made", DIGEST)]
        for metric in metrics
    ]
    names = dict.fromkeys(generator for generator, _ in rows if generator not in ("floor", "noise"))
    num = len(next(iter(rows.values())).pool)
    given: dict[str, Any] = {
        "id": "made-1",
        "created": "2026-01-01T00:00:00+00:00",
        "wall_s": 1.0,
        "command": "aigc-bench run made",
        "suite": Suite(
            name="made",
            data=DataEntry(name="made"),
            features=("made",),
            metrics=("fd",),
            num_samples=num,
            generators=tuple(GeneratorEntry(build="made", name=name) for name in names),
        ),
        "environment": here(),
        "dataset": DatasetRecord(
            name="made",
            digest="d" * 64,
            shape=(8,),
            num_fit=0,
            num_reference=len(real.pool),
            num_holdout=0,
            num_classes=None,
        ),
        "cases": tuple(
            CaseRecord(
                generator=generator,
                training_seed=seed,
                status="anchor" if generator in ("floor", "noise") else "ok",
                seeded=seeded,
            )
            for generator, seed in rows
        ),
        "scores": tuple(scores),
    }
    return Run(**(given | fields))


def score(
    generator: str, seed: int | None, estimate: Estimate | None, metric: str, higher_is_better: bool, **fields: Any
) -> Score:
    """A score of the made extractor."""
    given: dict[str, Any] = {"extractor": "made", "extractor_digest": DIGEST}
    return Score(generator, seed, metric, "quality", higher_is_better, estimate=estimate, **(given | fields))


@dataclass(frozen=True)
class Remembered(Recorded):
    """A run whose features are in memory."""

    rows: dict[str, Features] = field(default_factory=dict)

    def real(self, extractor_digest: str) -> Features:
        """As of a stored run."""
        return self.rows["reference"]

    def fake(self, case: CaseRecord, extractor_digest: str) -> Features:
        """As of a stored run."""
        return self.rows[slot(case)]


def recorded(name: str, rows: Rows, real: Features, metrics: Sequence[Any] = METRICS, **fields: Any) -> Remembered:
    """A run with its features."""
    run = run_of(rows, real, metrics, **fields)
    kept = {f"{generator}/{'-' if seed is None else seed}": fake for (generator, seed), fake in rows.items()}
    return Remembered(name, run, Path(), rows={"reference": real, **kept})


def perturbed(images: Tensor, seed: int) -> Tensor:
    """Images uint8 with every pixel up, down or as it was, by one grey level."""
    steps = torch.randint(-1, 2, images.shape, generator=torch.Generator().manual_seed(seed))
    return (images.to(torch.int16) + steps).clamp(0, 255).to(torch.uint8)

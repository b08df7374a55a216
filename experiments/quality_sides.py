"""Sides of a gate on quality, in memory: features of samples, scored as a run scores them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aigc_bench.core import FeaturePair, Features, Metric, Score
from aigc_bench.core.errors import MeasurementError
from aigc_bench.core.suites import DataEntry, GeneratorEntry, Suite
from aigc_bench.runs.recorded import Recorded
from aigc_bench.runs.records import CaseRecord, DatasetRecord, Run
from aigc_bench.system.machine import Environment, environment

ROW = "generator"


@dataclass(frozen=True)
class Side(Recorded):
    """A run whose features are in memory."""

    features: Mapping[str, Features] = field(default_factory=dict)

    def real(self, extractor_digest: str) -> Features:
        """As of a stored run."""
        return self.features["reference"]

    def fake(self, case: CaseRecord, extractor_digest: str) -> Features:
        """As of a stored run."""
        return self.features[case.generator]


class Scorer:
    """Scores features against one real side.

    Args:
        real: features of the real side.
        extractor: what made them.
        digest: of the extractor.
        metrics: of features alone.
    """

    def __init__(self, real: Features, extractor: str, digest: str, metrics: Sequence[Metric[FeaturePair]]) -> None:
        self._real, self._extractor, self._digest, self._metrics = real, extractor, digest, metrics
        self._environment: Environment = environment(torch.device("cpu"))

    def side(self, name: str, fake: Features, *, seeded: bool) -> Side:
        """A run of one generator, as built; `seeded` says that sample i is that of seed i."""
        pair = FeaturePair(self._real, fake, self._extractor, self._digest)
        scores = [score for metric in self._metrics for score in self._scores(metric, pair)]
        case = CaseRecord(generator=ROW, training_seed=None, status="ok", seeded=seeded)
        run = Run(
            id=name,
            created="",
            wall_s=0.0,
            command="",
            suite=self._suite(fake.num_samples),
            environment=self._environment,
            dataset=self._dataset(),
            cases=(case,),
            scores=tuple(scores),
        )
        return Side(name, run, Path(), features={"reference": self._real, ROW: fake})

    def _scores(self, metric: Metric[FeaturePair], pair: FeaturePair) -> list[Score]:
        try:
            estimate = metric.compute(pair)
        except MeasurementError:
            return []
        name = metric.name.format(extractor=self._extractor)
        about: dict[str, Any] = {"extractor": self._extractor, "extractor_digest": self._digest}
        return [Score(ROW, None, name, "quality", metric.higher_is_better, metric.unit, estimate, **about)]

    def _suite(self, num: int) -> Suite:
        return Suite(
            name="made",
            data=DataEntry(name="made"),
            features=(self._extractor,),
            metrics=("fd",),
            num_samples=num,
            generators=(GeneratorEntry(build="made", name=ROW),),
        )

    def _dataset(self) -> DatasetRecord:
        return DatasetRecord(
            name="made",
            digest=self._digest,
            shape=(),
            num_fit=0,
            num_reference=self._real.num_samples,
            num_holdout=0,
            num_classes=None,
        )


def rows_of(features: Features, rows: Tensor) -> Features:
    """Some samples' features."""
    logits = None if features.logits is None else features.logits[rows]
    return Features(features.pool[rows], logits)

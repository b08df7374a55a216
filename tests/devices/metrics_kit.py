"""Features on any device, and every metric of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from aigc_bench.core import Estimate, FeaturePair, Features, Metric, SpatialStatisticsPair, StatisticsPair, plugins
from aigc_bench.core.errors import NotAvailableError

METRICS = [plugins.load("metric", name) for name in plugins.installed("metric")]
OF_FEATURES = [metric for metric in METRICS if metric.evidence is FeaturePair]
NUM_CLASSES = 10


def features(num: int, dim: int, seed: int, place: torch.device) -> Features:
    """Random ones; a tenth of the rows are copies of others, which exact comparisons decide about."""
    generator = torch.Generator().manual_seed(seed)
    pool = torch.randn(num, dim, generator=generator) * (1 + seed / 10)
    pool[: num // 10] = pool[-(num // 10) :]
    logits = torch.randn(num, NUM_CLASSES, generator=generator)
    return Features(*(tensor.to(place) for tensor in (pool, logits, pool[:, :7].contiguous())))


def pair(place: torch.device, num_real: int, num_fake: int, dim: int) -> FeaturePair:
    """On one device."""
    bias = torch.linspace(-1, 1, NUM_CLASSES).to(place)
    return FeaturePair(features(num_real, dim, 0, place), features(num_fake, dim, 1, place), "x", "digest", bias)


def outcome(metric: Metric[FeaturePair], evidence: FeaturePair) -> Any:
    """The estimate, or why there is none."""
    try:
        return metric.compute(evidence)
    except NotAvailableError as error:
        return str(error)


def assert_near(there: Any, here: Estimate) -> None:
    """To 1e-8 of the value: of a singular covariance the root of rounding, 1e-16, counts."""
    for field in dataclasses.fields(Estimate):
        mine, other = getattr(there, field.name), getattr(here, field.name)
        numbers = isinstance(other, float | tuple)
        assert mine == (pytest.approx(other, rel=1e-8, abs=1e-8 * abs(here.value)) if numbers else other), field.name


def statistics_pair(kind: type[StatisticsPair], place: torch.device) -> StatisticsPair:
    """Moments that could be published, and generated features."""
    fake = features(300, 16, 1, place)
    dim = 7 if kind is SpatialStatisticsPair else 16
    mean, cov = torch.zeros(dim, dtype=torch.float64), torch.eye(dim, dtype=torch.float64)
    return kind(mean.to(place), cov.to(place), fake, "x", "digest")

"""Every metric of features works where they are, and gives what the CPU gives."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from elsewhere import ELSEWHERE, Elsewhere
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Features, Metric, SpatialStatisticsPair, StatisticsPair, plugins
from aigc_bench.core.errors import NotAvailableError
from aigc_bench.metrics.frechet import influences

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


def test_a_mixture_is_seen() -> None:
    """Else the tests below could not fail; what CUDA allows is allowed."""
    with Elsewhere():
        x = torch.zeros(3, 4, device=ELSEWHERE)
        for mixed in (
            lambda: x @ torch.zeros(4, 5),
            lambda: x + torch.zeros(4),
            lambda: torch.cat([x, torch.zeros(3, 4)]),
        ):
            with pytest.raises(RuntimeError, match="more than one device"):
                mixed()
        with pytest.raises(RuntimeError, match="more than one device"):
            torch.zeros(3)[torch.zeros(2, dtype=torch.int64, device=ELSEWHERE)]
        x[torch.tensor([1])] = torch.tensor(2.0)
        assert (x + torch.tensor(1.0)).sum().item() == 20.0
        assert x.nonzero().tolist() == [[1, 0], [1, 1], [1, 2], [1, 3]]


# Several tiles; as many blocks as samples allow; fewer samples than features.
@pytest.mark.parametrize("shape", [(2100, 2300, 16), (200, 300, 400)], ids=str)
@pytest.mark.parametrize("metric", OF_FEATURES, ids=lambda metric: metric.name)
def test_metrics_work_where_the_features_are(metric: Metric[FeaturePair], shape: tuple[int, int, int]) -> None:
    """None needs the CPU's tensors, and none gives them to the device's."""
    expected = outcome(metric, pair(torch.device("cpu"), *shape))
    with Elsewhere():
        found = outcome(metric, pair(ELSEWHERE, *shape))
    if isinstance(expected, str):
        assert found == expected
    else:
        assert_near(found, expected)


@pytest.mark.parametrize("metric", [m.of_statistics for m in OF_FEATURES if m.of_statistics], ids=lambda m: m.name)
def test_metrics_of_moments_too(metric: Metric[StatisticsPair]) -> None:
    """Of published ones, and generated features."""

    def statistics(place: torch.device) -> StatisticsPair:
        fake = features(300, 16, 1, place)
        dim = 7 if metric.evidence is SpatialStatisticsPair else 16
        mean, cov = torch.zeros(dim, dtype=torch.float64), torch.eye(dim, dtype=torch.float64)
        return metric.evidence(mean.to(place), cov.to(place), fake, "x", "digest")

    with Elsewhere():
        there = metric.compute(statistics(ELSEWHERE))
    assert_near(there, metric.compute(statistics(torch.device("cpu"))))


@pytest.mark.parametrize("shape", [(500, 300, 16), (200, 300, 400), (300, 200, 250)], ids=str)
def test_influences_too(shape: tuple[int, int, int]) -> None:
    """Of each sample on the Fréchet distance."""

    def found(place: torch.device) -> Tensor:
        one = pair(place, *shape)
        return influences(one.real, one.fake.pool).cpu()

    with Elsewhere():
        there = found(ELSEWHERE)
    torch.testing.assert_close(there, found(torch.device("cpu")), rtol=1e-7, atol=1e-7)

"""Every metric of features works where they are, and gives what the CPU gives."""

from __future__ import annotations

import pytest
import torch
from elsewhere import ELSEWHERE, Elsewhere
from metrics_kit import OF_FEATURES, assert_near, outcome, pair, statistics_pair
from torch import Tensor

from aigc_bench.core import FeaturePair, Metric, StatisticsPair
from aigc_bench.metrics.frechet import influences


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
    kind = metric.evidence
    with Elsewhere():
        there = metric.compute(statistics_pair(kind, ELSEWHERE))
    assert_near(there, metric.compute(statistics_pair(kind, torch.device("cpu"))))


@pytest.mark.parametrize("shape", [(500, 300, 16), (200, 300, 400), (300, 200, 250)], ids=str)
def test_influences_too(shape: tuple[int, int, int]) -> None:
    """Of each sample on the Fréchet distance."""

    def found(place: torch.device) -> Tensor:
        one = pair(place, *shape)
        return influences(one.real, one.fake.pool).cpu()

    with Elsewhere():
        there = found(ELSEWHERE)
    torch.testing.assert_close(there, found(torch.device("cpu")), rtol=1e-7, atol=1e-7)

"""sFID: the Fréchet distance on features from before the last pooling (Nash et al., arXiv 2103.03841).

They still know where in the image something lies. `sfid` is that of ADM's evaluator: the first 7 of the channels that
TensorFlow calls `mixed_6/conv`, 17 × 17 × 7 = 2023 features.
"""

from __future__ import annotations

from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Features, Metric, SpatialStatisticsPair
from aigc_bench.core.errors import NotAvailableError
from aigc_bench.metrics import frechet
from aigc_bench.metrics.moments import Gaussian, Moments, check_spread


def _spatial(side: str, features: Features, extractor: str) -> Tensor:
    if features.spatial is None:
        raise NotAvailableError(
            f"extractor {extractor!r} gave no spatial features of the {side} samples; `inception` gives them with its "
            "option spatial = true, as protocol `adm` sets it"
        )
    return features.spatial


def _compute(pair: FeaturePair) -> Estimate:
    real, fake = _spatial("real", pair.real, pair.extractor), _spatial("generated", pair.fake, pair.extractor)
    check_spread("real", real)
    return frechet.jackknifed(Gaussian.fitted(real), fake)


def _compute_of_statistics(pair: SpatialStatisticsPair) -> Estimate:
    fake = _spatial("generated", pair.fake, pair.extractor)
    return frechet.jackknifed(Gaussian.of(Moments.published(pair.real_mean, pair.real_cov)), fake)


sfd = Metric(
    name="sfd_{extractor}",
    evidence=FeaturePair,
    compute=_compute,
    higher_is_better=False,
    description="The Fréchet distance on features from before the last pooling, which see where something lies.",
    of_statistics=Metric("sfd_{extractor}", SpatialStatisticsPair, _compute_of_statistics, higher_is_better=False),
)

"""Gap in brightness: mean feature of generated samples minus that of real ones (with `pixels`: mean grey level, 0…1).

The interval is Welch's (1947): both sides are random, and their variances may differ.
"""

from __future__ import annotations

import math

from scipy import stats

from aigc_bench.core import Estimate, FeaturePair, Metric

LEVEL = 0.95


def _compute(pair: FeaturePair) -> Estimate:
    fake, real = (side.pool.double().mean(1) for side in (pair.fake, pair.real))  # (N, D) => (N,)
    gap = float(fake.mean() - real.mean())
    errors = [float(side.var()) / len(side) for side in (fake, real)]
    degrees = sum(errors) ** 2 / sum(e**2 / (len(side) - 1) for e, side in zip(errors, (fake, real), strict=True))
    half = float(stats.t.ppf(0.5 + LEVEL / 2, degrees)) * math.sqrt(sum(errors))
    return Estimate(
        value=abs(gap),
        standard_error=math.sqrt(sum(errors)),
        low=max(abs(gap) - half, 0.0),
        high=abs(gap) + half,
        level=LEVEL,
        method="Welch's t over samples",
        estimand="absolute difference of mean features",
        num_samples=len(fake),
    )


brightness_gap = Metric("brightness_gap_{extractor}", FeaturePair, _compute, higher_is_better=False)

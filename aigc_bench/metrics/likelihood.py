"""Bits per dimension: -log₂ p(x) / D of held-out samples under a discrete likelihood."""

from __future__ import annotations

import math

from aigc_bench.core import Estimate, LogProbs, Metric
from aigc_bench.stats import intervals


def _compute(evidence: LogProbs) -> Estimate:
    bits = -evidence.log_prob / (evidence.num_dims * math.log(2))
    return intervals.of_mean(
        bits,
        method=f"{evidence.method}; Student's t over held-out samples",
        estimand="expected bits/dim, held out",
    )


bits_per_dim = Metric(
    "bits_per_dim",
    LogProbs,
    _compute,
    False,
    "bits/dim",
    description="Code length of a held-out sample, per number.",
)

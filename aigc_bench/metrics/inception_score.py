"""Inception Score: exp E KL(p(y|x) ‖ p(y)) per split, mean over 10 splits (Salimans et al., arXiv 1606.03498).

The order is torch-fidelity's: `numpy.random.RandomState(2020).permutation`, splits i·N // 10. The classifier is the
extractor's, so the largest possible value is its number of classes.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Metric
from aigc_bench.errors import MeasurementError, NotAvailableError
from aigc_bench.stats import intervals

NUM_SPLITS = 10
SHUFFLE_SEED = 2020


def split_scores(logits: Tensor) -> Tensor:
    """(N, K) logits => (10,) float64 score of each split.

    Raises:
        MeasurementError: fewer samples than splits.
    """
    num = len(logits)
    if num < NUM_SPLITS:
        raise MeasurementError(f"the Inception Score has {NUM_SPLITS} splits and needs as many samples, got {num}")
    order = torch.from_numpy(np.random.RandomState(SHUFFLE_SEED).permutation(num))
    log_p = torch.log_softmax(logits[order].to(torch.float64), dim=1)
    edges = [num * i // NUM_SPLITS for i in range(NUM_SPLITS + 1)]
    scores = []
    for start, stop in itertools.pairwise(edges):
        part = log_p[start:stop]
        p = part.exp()
        marginal = p.mean(0)
        # xlogy: a class that no sample of the split has contributes nothing.
        entropy = torch.special.xlogy(marginal, marginal).sum()
        scores.append(((p * part).sum(1).mean() - entropy).exp())
    return torch.stack(scores)


def _compute(pair: FeaturePair) -> Estimate:
    if pair.fake.logits is None:
        raise NotAvailableError(f"extractor {pair.extractor!r} has no classifier")
    scores = split_scores(pair.fake.logits)
    return intervals.symmetric(
        float(scores.mean()),
        float(scores.std(correction=1)) / NUM_SPLITS**0.5,
        NUM_SPLITS - 1,
        method=f"Student's t over {NUM_SPLITS} disjoint splits of the generated set",
        estimand=f"expected score of N // {NUM_SPLITS} samples, N = {pair.fake.num_samples}",
        num_samples=pair.fake.num_samples,
        replicates=scores.tolist(),
        support=(1.0, float(pair.fake.logits.shape[1])),
    )


inception_score = Metric(
    name="inception_score",
    evidence=FeaturePair,
    compute=_compute,
    higher_is_better=True,
    description="How sure the extractor's classifier is of each sample, and how evenly it uses its classes.",
)

"""Class balance: total variation between the predicted classes of real and generated samples; 0 is even, 1 disjoint."""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Metric
from aigc_bench.errors import NotAvailableError
from aigc_bench.stats import intervals


def total_variation(p: Tensor, q: Tensor) -> float:
    """½ Σ |p - q| of two histograms (K,), each scaled to sum 1."""
    return 0.5 * float((p / p.sum() - q / q.sum()).abs().sum())


def _compute(pair: FeaturePair) -> Estimate:
    if pair.fake.logits is None or pair.real.logits is None:
        raise NotAvailableError(f"extractor {pair.extractor!r} has no classifier")
    num_classes = pair.fake.logits.shape[1]
    real = torch.bincount(pair.real.logits.argmax(1), minlength=num_classes).double()
    classes = pair.fake.logits.argmax(1)
    counts = [torch.bincount(classes[b], minlength=num_classes).double() for b in intervals.blocks(len(classes))]
    total = torch.stack(counts).sum(0)
    return intervals.of_jackknife(
        total_variation(real, total),
        [total_variation(real, total - part) for part in counts],
        estimand=f"expected score at N = {len(classes)}, reference fixed",
        num_samples=len(classes),
        support=(0.0, 1.0),
    )


class_balance = Metric(
    name="class_balance",
    evidence=FeaturePair,
    compute=_compute,
    higher_is_better=False,
    description="Total variation distance between the predicted classes of generated and real samples.",
)

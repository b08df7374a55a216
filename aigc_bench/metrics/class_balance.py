"""Class balance: total variation between the predicted classes of real and generated samples; 0 is even, 1 disjoint.

Near 0 the distance has a kink, and leaving out blocks overstates its error. The number of samples in each class is
multinomial, so its error is that of drawing them again, from shares that are first drawn towards the reference's by as
much as their distance is noise (James and Stein 1961, positive part). Shares that are beyond doubt other than the
reference's stay: a class that is missing must not come back. The classes that no sample has get one sample in all,
since where the score hangs on a few samples, a set without any of them would else have no error.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Metric
from aigc_bench.core.errors import MeasurementError, NotAvailableError
from aigc_bench.stats import intervals

CLEAR = 3.0
"""standard errors from the reference's share, beyond which a class's share is not drawn towards it"""
NUM_DRAWS = 2000
DRAW_SEED = 0
FEW = 5
"""samples in classes that are clearly too rare, up to which other sets may have twice as many, or none"""


def total_variation(p: Tensor, q: Tensor) -> float:
    """½ Σ |p - q| of two histograms (K,), each scaled to sum 1."""
    return 0.5 * float((p / p.sum() - q / q.sum()).abs().sum())


def clearly_other(real: Tensor, fake: Tensor) -> Tensor:
    """Classes (K,) bool whose share of the generated samples is beyond doubt another than the reference's."""
    num = int(fake.sum())
    p, q = (histogram.double() / histogram.sum() for histogram in (real, fake))
    return (q - p).square() > CLEAR**2 * p * (1 - p) / num


def _caveat(real: Tensor, fake: Tensor) -> str:
    rare = clearly_other(real, fake) & (fake / fake.sum() < real / real.sum())
    strays = int(fake[rare].sum())
    if not rare.any() or strays > FEW:
        return ""
    return (
        f"{int(rare.sum())} classes have only {strays} samples in all, where {int(real[rare].sum())} of "
        f"{int(real.sum())} real ones are: so few do not show how much other sets differ"
    )


def standard_error(real: Tensor, fake: Tensor) -> float:
    """Of the total variation over generated sets, the real histogram (K,) fixed; `fake` (K,) has N counts."""
    num = int(fake.sum())
    p, q = (histogram.double() / histogram.sum() for histogram in (real, fake))
    noise = float((q * (1 - q)).sum()) / num
    distance = float((q - p).square().sum())
    kept = math.sqrt(max(1 - noise / distance, 0.0)) if distance > 0 else 0.0
    shares = torch.where(clearly_other(real, fake), q, p + kept * (q - p)).numpy()
    unseen = torch.where(fake == 0, p, 0.0).numpy()
    if unseen.any():
        shares = shares + unseen / unseen.sum() / num
    draws = np.random.default_rng(DRAW_SEED).multinomial(num, shares / shares.sum(), NUM_DRAWS) / num
    return float((np.abs(draws - p.numpy()).sum(1) / 2).std(ddof=1))


def _without_blocks(real: Tensor, fake: Tensor, classes: Tensor) -> list[float]:
    """The distance without each block of samples; none where there are too few samples for blocks."""
    if len(classes) < 2 * intervals.NUM_BLOCKS:
        return []
    blocks = intervals.blocks(len(classes))
    return [total_variation(real, fake - torch.bincount(classes[block], minlength=len(fake))) for block in blocks]


def _compute(pair: FeaturePair) -> Estimate:
    if pair.fake.logits is None or pair.real.logits is None:
        raise NotAvailableError(f"extractor {pair.extractor!r} has no classifier")
    num, num_classes = pair.fake.logits.shape
    if num < 2:
        raise MeasurementError(f"class balance needs at least 2 generated samples, got {num}")
    # Of the classes alone, a few kilobytes: numpy draws the histograms.
    classes = pair.fake.logits.argmax(1).cpu()
    real, fake = (torch.bincount(side, minlength=num_classes) for side in (pair.real.logits.argmax(1).cpu(), classes))
    found = intervals.symmetric(
        total_variation(real, fake),
        standard_error(real, fake),
        math.inf,
        method=f"{NUM_DRAWS} multinomial draws of the generated classes, shrunk towards the reference, which is fixed",
        estimand=f"expected score at N = {num}, reference fixed",
        num_samples=num,
        replicates=_without_blocks(real, fake, classes),
        replicates_of="block left out",
        support=(0.0, 1.0),
    )
    return replace(found, caveat=_caveat(real, fake))


class_balance = Metric(
    name="class_balance",
    evidence=FeaturePair,
    compute=_compute,
    higher_is_better=False,
    description="Total variation distance between the predicted classes of generated and real samples.",
)

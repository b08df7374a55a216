"""Inception Score: exp E KL(p(y|x) ‖ p(y)) per split, mean over the splits (Salimans et al., arXiv 1606.03498).

The published codes cut, order and bias differently, and each `Convention` is one of them. Without a shuffle the order
of the samples counts: sets that lie class by class score low. The classifier is the extractor's, so the largest
possible value is its number of classes.

Only Σ p and Σ p log p of each split are kept: memory does not grow with N.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Metric
from aigc_bench.core.errors import MeasurementError, NotAvailableError
from aigc_bench.stats import intervals

PIECE = 4096
"""rows of logits that are float64 at once"""
MANY_SPLITS = 10
"""from where on their spread is an error bar"""


@dataclass(frozen=True, slots=True)
class Convention:
    """How a published code takes the score."""

    name: str
    """of the metric"""
    whose: str
    splits: int | None = None
    """equal parts; None: parts of `split_size`"""
    split_size: int = 0
    """samples of every part but the last; all parts count alike"""
    shuffle_seed: int | None = None
    """of `numpy.random.RandomState(…).permutation`; None: the samples' own order"""
    bias: bool = False
    """whether the classifier's bias is added to the logits"""

    def split_of(self, num: int) -> Tensor:
        """Which split each of `num` samples is in, (num,) int64.

        Raises:
            MeasurementError: fewer samples than splits.
        """
        place = torch.arange(num)
        if self.splits is None:
            found = place // self.split_size
        elif num < self.splits:
            raise MeasurementError(
                f"the Inception Score of {self.whose} has {self.splits} splits and needs as many samples, got {num}"
            )
        else:
            # Split i is i·N // splits … (i + 1)·N // splits, the end left out.
            found = (self.splits * (place + 1) - 1) // num
        if self.shuffle_seed is not None:
            order = torch.from_numpy(np.random.RandomState(self.shuffle_seed).permutation(num))
            found[order] = found.clone()
        return found


CONVENTIONS = (
    Convention("inception_score", "torch-fidelity", splits=10, shuffle_seed=2020),
    Convention("inception_score_improved_gan", "improved-gan", splits=10),
    Convention("inception_score_adm", "ADM", split_size=5000),
    Convention("inception_score_studiogan", "StudioGAN", splits=1, bias=True),
    Convention("inception_score_bias", "improved-gan with the bias added", splits=10, bias=True),
)


@dataclass(frozen=True, slots=True)
class Sums:
    """What the score of a group of samples needs, for each of G groups; they merge."""

    num: Tensor
    """(G,) float64"""
    p: Tensor
    """(G, K) float64, Σ p(y|x)"""
    p_log_p: Tensor
    """(G,) float64, Σ_x Σ_y p log p"""

    @classmethod
    def of(cls, logits: Tensor, bias: Tensor | None, group_of: Tensor, num_groups: int) -> Sums:
        """(N, K) logits, (K,) or no bias, and (N,) int64 groups => sums."""
        num = torch.bincount(group_of, minlength=num_groups).double()
        p_sum = torch.zeros(num_groups, logits.shape[1], dtype=torch.float64, device=logits.device)
        p_log_p = torch.zeros(num_groups, dtype=torch.float64, device=logits.device)
        for piece, group in zip(logits.split(PIECE), group_of.split(PIECE), strict=True):
            log_p = piece.to(torch.float64)
            log_p = torch.log_softmax(log_p if bias is None else log_p + bias.to(torch.float64), 1)
            p = log_p.exp()
            p_sum.index_add_(0, group, p)
            p_log_p.index_add_(0, group, (p * log_p).sum(1))
        return cls(num, p_sum, p_log_p)

    def grouped(self, size: int) -> Sums:
        """Every `size` groups in a row joined."""
        return Sums(*(part.unflatten(0, (-1, size)).sum(1) for part in (self.num, self.p, self.p_log_p)))

    def scores(self) -> Tensor:
        """(G,) score of each group; 1, that of a single sample, where a group is empty."""
        num = self.num.clamp_min(1)
        marginal = self.p / num[:, None]
        # xlogy: a class that no sample of the split has contributes nothing.
        entropy: Tensor = torch.special.xlogy(marginal, marginal).sum(1)
        return (self.p_log_p / num - entropy).exp()

    def __sub__(self, other: Sums) -> Sums:
        return Sums(self.num - other.num, (self.p - other.p).clamp_min(0), self.p_log_p - other.p_log_p)


def estimate(logits: Tensor, bias: Tensor | None, convention: Convention) -> Estimate:
    """The score of (N, K) logits with its error bar: over the splits, or over random blocks of the whole set.

    Splits of equal size are independent draws of the same score. Where there are few, or one is of another size, the
    error is that of leaving out one block of samples at a time.

    Raises:
        MeasurementError: too few samples.
    """
    split_of = convention.split_of(len(logits)).to(logits.device)
    nums = torch.bincount(split_of)
    fewest, most = int(nums.min()), int(nums.max())
    sizes = f"{fewest}" if fewest == most else f"{fewest} … {most}"
    estimand = f"expected score of {sizes} samples, mean over {len(nums)} splits, N = {len(logits)}"
    equal = len(nums) >= MANY_SPLITS and most - fewest <= 1
    return (_over_splits if equal else _over_blocks)(logits, bias, split_of, len(nums), estimand)


def _over_splits(logits: Tensor, bias: Tensor | None, split_of: Tensor, num_splits: int, estimand: str) -> Estimate:
    scores = Sums.of(logits, bias, split_of, num_splits).scores()
    return intervals.symmetric(
        float(scores.mean()),
        float(scores.std(correction=1)) / math.sqrt(num_splits),
        num_splits - 1,
        method=f"Student's t over {num_splits} disjoint splits of the generated set",
        estimand=estimand,
        num_samples=len(logits),
        replicates=scores.tolist(),
        replicates_of="split",
        support=(1.0, float(logits.shape[1])),
    )


def _over_blocks(logits: Tensor, bias: Tensor | None, split_of: Tensor, num_splits: int, estimand: str) -> Estimate:
    num_blocks, block_of = intervals.NUM_BLOCKS, intervals.block_of(len(logits)).to(logits.device)
    cells = Sums.of(logits, bias, split_of * num_blocks + block_of, num_splits * num_blocks)
    whole = cells.grouped(num_blocks)
    parts = [Sums(*(part[b::num_blocks] for part in (cells.num, cells.p, cells.p_log_p))) for b in range(num_blocks)]
    return intervals.of_jackknife(
        float(whole.scores().mean()),
        [float((whole - part).scores().mean()) for part in parts],
        estimand=estimand,
        num_samples=len(logits),
        support=(1.0, float(logits.shape[1])),
    )


def _metric(convention: Convention) -> Metric[FeaturePair]:
    def compute(pair: FeaturePair) -> Estimate:
        if pair.fake.logits is None:
            raise NotAvailableError(f"extractor {pair.extractor!r} has no classifier")
        if convention.bias and pair.logit_bias is None:
            raise NotAvailableError(
                f"extractor {pair.extractor!r} does not tell the bias of its logits, and {convention.whose} adds it"
            )
        return estimate(pair.fake.logits, pair.logit_bias if convention.bias else None, convention)

    text = "How sure the extractor's classifier is of each sample, and how evenly it uses its classes; as by "
    return Metric(
        convention.name, FeaturePair, compute, higher_is_better=True, description=text + convention.whose + "."
    )


(
    inception_score,
    inception_score_improved_gan,
    inception_score_adm,
    inception_score_studiogan,
    inception_score_bias,
) = (_metric(convention) for convention in CONVENTIONS)

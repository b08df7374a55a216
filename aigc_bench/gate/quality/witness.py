"""How much each pair of samples adds to a distance: the values that the permutation test of the claim `weights` swaps.

A distance is linearised at base and head *pooled*: a function h of single samples, whose difference over a pair,
d = h(head) - h(base), is what the pair adds to the distance of head less that of base. Pooled, the two sides can be
swapped in any pair without a change of h, so that d changes its sign and nothing else: if the sides are exchangeable,
the permutation of signs is exact, however crude the linearisation.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_bench.core import Features
from aigc_bench.metrics.frechet import influences
from aigc_bench.metrics.kernel import real_sums_of_side
from aigc_bench.metrics.kernel_sums import KernelSums


def frechet_differences(real: Features, base: Tensor, head: Tensor) -> Tensor:
    """(N, D) features of both sides => (N,) float64, what each pair adds to the Fréchet distance of head less base.

    Raises:
        MeasurementError: all samples are alike.
    """
    return _differences(influences(real, torch.cat([base, head])), len(base))


def kernel_differences(real: Features, base: Tensor, head: Tensor) -> Tensor:
    """(N, D) features of both sides => (N,) float64, the same for the kernel distance.

    By the witness function of the maximum mean discrepancy (Gretton et al. 2012, § 2.3).
    """
    pooled = torch.cat([base, head])
    sums = KernelSums.of(real.pool, pooled, real_sums=real_sums_of_side(real))
    return _differences(2 * (sums.fake_rows / (len(pooled) - 1) - sums.cross_rows / sums.num_real), len(base))


def _differences(values: Tensor, num_base: int) -> Tensor:
    return values[num_base:] - values[:num_base]

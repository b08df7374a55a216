"""Balanced half-samples: how much a statistic varies, where leaving out single blocks would say too much.

The jackknife counts an interaction of k samples k times (Efron and Stein 1981, doi:10.1214/aos/1176345462), and what
depends on nearest neighbours is made of interactions: its error bars come out half as wide again. Two disjoint halves
are independent, so half their squared difference is unbiased for the variance at half the size, interactions and all.
The halves are balanced (McCarthy 1969, doi:10.2307/1402091): over the rows of a Hadamard matrix every block meets every
other as often on its own side as on the other.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

ORDER = 20
"""blocks that are divided; one more than a prime that leaves 3 modulo 4"""


@functools.cache
def balanced_halves() -> Tensor:
    """(19, 20) bool: which of 20 blocks are in the first half of each of 19 divisions into 10 and 10.

    Paley's construction from the quadratic residues modulo 19 (Paley 1933, doi:10.1002/sapm1933121311).
    """
    prime = ORDER - 1
    squares = {i * i % prime for i in range(1, prime)}
    residue = torch.tensor([0] + [1 if i in squares else -1 for i in range(1, prime)])
    indices = torch.arange(prime)
    matrix = torch.ones(ORDER, ORDER, dtype=torch.int64)
    matrix[1:, 0] = -1
    matrix[1:, 1:] = residue[(indices[None] - indices[:, None]) % prime] + torch.eye(prime, dtype=torch.int64)
    # The first row is all ones: the others are at right angles to it, ten of either sign.
    return matrix[1:] > 0

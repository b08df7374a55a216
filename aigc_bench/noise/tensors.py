"""Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011)."""

from __future__ import annotations

import torch
from torch import Tensor

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
MASK = 0xFFFFFFFF
ROUNDS = 10


def philox(counter: tuple[Tensor, ...], key: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
    """Philox4x32-10: four counter words and two key words, int64 tensors holding 32 bits => four words.

    Words broadcast against each other.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        # The 64-bit product wraps in int64 with the right bits; the mask takes them as unsigned.
        product0, product1 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (product1 >> 32 & MASK) ^ c1 ^ k0,
            product1 & MASK,
            (product0 >> 32 & MASK) ^ c3 ^ k1,
            product0 & MASK,
        )
        k0, k1 = (k0 + WEYL[0]) & MASK, (k1 + WEYL[1]) & MASK
    return c0, c1, c2, c3


def words(seeds: Tensor, num: int, stream: int) -> Tensor:
    """(N,) int64 seeds => (N, num) int64 words, by tensor operations, on any device."""
    key = (seeds[:, None] & MASK, (seeds[:, None] >> 32) & MASK)
    block = torch.arange(-(-num // 4), device=seeds.device)[None, :]
    zero = torch.zeros_like(block)
    out = philox((block, torch.full_like(block, stream), zero, zero), key)
    return torch.stack(out, dim=-1).flatten(1)[:, :num]

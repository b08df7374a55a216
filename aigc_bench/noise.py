"""Counter-based random numbers: a seed names a sample, whatever the batch, the threads or the device.

Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), in
vectorised torch integer arithmetic. The key is the sample's seed, the counter is (block, stream): one call
gives the numbers of a whole batch. Integers and uniforms have the same bits on every device; normals
go through log and cos and repeat per device type only.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_MASK = 0xFFFFFFFF
_ROUNDS = 10


def philox(counter: tuple[Tensor, ...], key: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
    """Philox4x32-10: four counter words and two key words, int64 tensors holding 32 bits => four words.

    Words broadcast against each other.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        # The 64-bit product wraps in int64 with the right bits; the mask takes them as unsigned.
        product0, product1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (product1 >> 32 & _MASK) ^ c1 ^ k0,
            product1 & _MASK,
            (product0 >> 32 & _MASK) ^ c3 ^ k1,
            product0 & _MASK,
        )
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return c0, c1, c2, c3


def words(seeds: Tensor, num: int, stream: int = 0) -> Tensor:
    """(N,) int64 seeds => (N, num) int64 words of 32 random bits; unlike streams are independent."""
    if seeds.dtype != torch.int64 or seeds.ndim != 1:
        raise TypeError(f"expected seeds (N,) of int64, got {tuple(seeds.shape)} of {seeds.dtype}")
    key = (seeds[:, None] & _MASK, (seeds[:, None] >> 32) & _MASK)
    block = torch.arange(-(-num // 4), device=seeds.device)[None, :]
    zero = torch.zeros_like(block)
    out = philox((block, torch.full_like(block, stream), zero, zero), key)
    return torch.stack(out, dim=-1).flatten(1)[:, :num]


def uniform(seeds: Tensor, num: int, stream: int = 0) -> Tensor:
    """(N,) int64 => (N, num) float32 in [0, 1), multiples of 2^-24."""
    return (words(seeds, num, stream) >> 8).to(torch.float32) * 2.0**-24


def integers(seeds: Tensor, num: int, high: int, stream: int = 0) -> Tensor:
    """(N,) int64 => (N, num) int64 in [0, high), high ≤ 2^31, by multiply and shift (bias < high / 2^32)."""
    return (words(seeds, num, stream) * high) >> 32


def normal(seeds: Tensor, num: int, stream: int = 0) -> Tensor:
    """(N,) int64 => (N, num) float32 standard normal, by Box and Muller (1958) in float64."""
    half = -(-num // 2)
    u = (words(seeds, 2 * half, stream).to(torch.float64) + 0.5) * 2.0**-32
    radius = torch.sqrt(-2.0 * torch.log(u[:, :half]))
    angle = 2.0 * math.pi * u[:, half:]
    both = torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)
    return both[:, :num].to(torch.float32)

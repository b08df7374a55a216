"""Counter-based random numbers: a seed names a sample, whatever the batch, the threads or the device.

Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), in
vectorised torch integer arithmetic. The key is the sample's seed, the counter is (block, stream): one call
gives the numbers of a whole batch. Integers and uniforms have the same bits on every device; normals
go through log and cos and repeat per device type only.

A few numbers cost the number of operations and not their size: on a CPU they are made by numpy, whose operations start
several times faster than torch's, and of which a round then needs five.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_MASK = 0xFFFFFFFF
_ROUNDS = 10
_FEW = 4096
"""blocks of four words, up to which numpy's operations are the faster ones on a CPU (tests/benchmarks/test_speed.py)"""

_Words = NDArray[np.uint64]
_WIDE_MULTIPLIERS = np.array(_MULTIPLIERS, np.uint64).reshape(2, 1, 1)
_WIDE_MASK, _HALF = np.uint64(_MASK), np.uint64(32)
_KEY_STEPS = (np.arange(_ROUNDS, dtype=np.uint64)[:, None] * np.array(_WEYL, np.uint64)).reshape(_ROUNDS, 2, 1, 1)


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
    num_blocks = -(-num // 4)
    # A tensor of another type, as in tracing, has no values that numpy could see.
    if type(seeds) is Tensor and seeds.device.type == "cpu" and 0 < len(seeds) * num_blocks <= _FEW:
        return torch.from_numpy(_few_words(seeds.numpy().view(np.uint64), num_blocks, stream))[:, :num]
    key = (seeds[:, None] & _MASK, (seeds[:, None] >> 32) & _MASK)
    block = torch.arange(num_blocks, device=seeds.device)[None, :]
    zero = torch.zeros_like(block)
    out = philox((block, torch.full_like(block, stream), zero, zero), key)
    return torch.stack(out, dim=-1).flatten(1)[:, :num]


def _few_words(seeds: _Words, num_blocks: int, stream: int) -> NDArray[np.int64]:
    """Philox4x32-10 of every seed (N,) and block => (N, 4 · num_blocks), in the order of `words`.

    The words c0 and c2, which are multiplied, lie in one array, c1 and c3 in another; a product's halves change sides,
    which is a view that runs backwards and costs nothing.
    """
    key = np.stack([seeds & _WIDE_MASK, seeds >> _HALF])[:, :, None]
    keys = (key + _KEY_STEPS) & _WIDE_MASK
    counter = np.zeros((2, 1, num_blocks), np.uint64)
    counter[0] = np.arange(num_blocks, dtype=np.uint64)
    # The first product is that of the counters, which all seeds share.
    product = counter * _WIDE_MULTIPLIERS
    low: _Words = (product & _WIDE_MASK)[::-1]
    high: _Words = np.empty((2, len(seeds), num_blocks), np.uint64)
    shared = (product >> _HALF)[::-1]
    shared[0] ^= np.uint64(stream)
    np.bitwise_xor(shared, keys[0], out=high)
    product, spare = np.empty_like(high), np.empty_like(high)
    for round_key in keys[1:]:
        np.multiply(high, _WIDE_MULTIPLIERS, out=product)
        np.right_shift(product, _HALF, out=high)
        high = high[::-1]
        np.bitwise_xor(high, low, out=high)
        np.bitwise_xor(high, round_key, out=high)
        np.bitwise_and(product, _WIDE_MASK, out=product)
        low = product[::-1]
        product, spare = spare, product
    out = np.empty((len(seeds), num_blocks, 2, 2), np.int64)
    out[..., 0], out[..., 1] = high.transpose(1, 2, 0), low.transpose(1, 2, 0)
    return out.reshape(len(seeds), -1)


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

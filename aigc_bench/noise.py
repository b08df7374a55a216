"""Counter-based random numbers: a seed names a sample, whatever the batch, the threads or the device.

Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), in
vectorised torch integer arithmetic. The key is the sample's seed, the counter is (block, stream): one call
gives the numbers of a whole batch. Integers and uniforms have the same bits on every device; normals
go through log and cos and repeat per device type only.

A few numbers cost the number of operations and not their size: on a CPU they are made by numpy, whose operations start
several times faster than torch's, and of which a round then needs three; those of one seed are made by Python's own
integers, whose operations start ten times faster still.
"""

from __future__ import annotations

import functools
import math
import sys

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_MASK = 0xFFFFFFFF
_ROUNDS = 10
_FEW = 2**14
"""blocks of four words, up to which numpy's operations are the faster ones on a CPU (tests/benchmarks/test_speed.py)"""

_FEW_OF_ONE = 256
"""blocks of one seed, up to which Python's integers are"""

_Words = NDArray[np.uint64]
_LOW, _HIGH = (0, 1) if sys.byteorder == "little" else (1, 0)
"""which half of a 64-bit number is which of its two 32-bit ones"""
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
    num_blocks = -(-num // 4)
    if _is_few(seeds, num_blocks):
        return torch.from_numpy(_few_words(seeds, num_blocks, stream))[:, :num]
    key = (seeds[:, None] & _MASK, (seeds[:, None] >> 32) & _MASK)
    block = torch.arange(num_blocks, device=seeds.device)[None, :]
    zero = torch.zeros_like(block)
    out = philox((block, torch.full_like(block, stream), zero, zero), key)
    return torch.stack(out, dim=-1).flatten(1)[:, :num]


def _is_few(seeds: Tensor, num_blocks: int) -> bool:
    """Whether numpy is faster; a tensor of another type, as in tracing, has no values that numpy could see."""
    if seeds.dtype != torch.int64 or seeds.ndim != 1:
        raise TypeError(f"expected seeds (N,) of int64, got {tuple(seeds.shape)} of {seeds.dtype}")
    return type(seeds) is Tensor and seeds.device.type == "cpu" and 0 < len(seeds) * num_blocks <= _FEW


def _few_words(seeds: Tensor, num_blocks: int, stream: int) -> NDArray[np.int64]:
    """Philox4x32-10 of every seed (N,) and block => (N, 4 · num_blocks), in the order of `words`."""
    if len(seeds) == 1 and num_blocks <= _FEW_OF_ONE:
        return _words_of_one(int(seeds), num_blocks, stream)
    return _words_of_some(seeds.numpy().view(np.uint64), num_blocks, stream)


@functools.lru_cache(maxsize=64)
def _lanes(num: int) -> tuple[int, int]:
    """1 and the lane's number in each of `num` lanes of 64 bits of one integer."""
    return sum(1 << 64 * lane for lane in range(num)), sum(lane << 64 * lane for lane in range(num))


def _words_of_one(seed: int, num_blocks: int, stream: int) -> NDArray[np.int64]:
    """The words of one seed: each of the four of all blocks is one integer with a lane of 64 bits per block.

    A product of 32 by 32 bits stays in its lane, so that one multiplication of long integers is that of all blocks.
    """
    ones, c0 = _lanes(num_blocks)
    mask = ones * _MASK
    c1, c2, c3 = (stream & _MASK) * ones, 0, 0
    k0, k1 = seed & _MASK, seed >> 32 & _MASK
    for _ in range(_ROUNDS):
        product0, product1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (product1 >> 32 & mask) ^ c1 ^ k0 * ones,
            product1 & mask,
            (product0 >> 32 & mask) ^ c3 ^ k1 * ones,
            product0 & mask,
        )
        k0, k1 = k0 + _WEYL[0] & _MASK, k1 + _WEYL[1] & _MASK
    out = np.empty((num_blocks, 4), np.int64)
    for place, word in enumerate((c0, c1, c2, c3)):
        out[:, place] = np.frombuffer(word.to_bytes(8 * num_blocks, "little"), "<i8")
    return out.reshape(1, -1)


def _words_of_some(bits: _Words, num_blocks: int, stream: int) -> NDArray[np.int64]:
    """The words of some seeds.

    The words c0 and c2, which are multiplied, lie in the lower halves of one array of 64-bit numbers, and a round's
    products in another: their halves are views of it, and that they change sides is a view that runs backwards.
    """
    key = np.stack([bits & _WIDE_MASK, bits >> _HALF])[:, :, None]
    keys = ((key + _KEY_STEPS) & _WIDE_MASK).astype(np.uint32)
    counter = np.zeros((2, 1, num_blocks), np.uint64)
    counter[0] = np.arange(num_blocks, dtype=np.uint64)
    # The first product is that of the counters, which all seeds share.
    low, high = _halves(counter * _WIDE_MULTIPLIERS)
    high[0] ^= np.uint32(stream)
    shape = (2, len(bits), num_blocks)
    multiplied = np.zeros(shape, np.uint64)
    words = multiplied.view(np.uint32).reshape(*shape, 2)[..., _LOW]
    np.bitwise_xor(high, keys[0], out=words)
    # Of two products in turn: the lower halves of one are wanted while the next is made.
    products = [np.empty(shape, np.uint64) for _ in range(2)]
    halves = [_halves(product) for product in products]
    for number, round_key in enumerate(keys[1:]):
        np.multiply(multiplied, _WIDE_MULTIPLIERS, out=products[number % 2])
        next_low, high = halves[number % 2]
        np.bitwise_xor(high, low, out=words)
        np.bitwise_xor(words, round_key, out=words)
        low = next_low
    out = np.empty((len(bits), num_blocks, 2, 2), np.int64)
    out[..., 0], out[..., 1] = words.transpose(1, 2, 0), low.transpose(1, 2, 0)
    return out.reshape(len(bits), -1)


def _halves(products: _Words) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """(2, N, B) => views of the lower and the upper 32 bits, the two products in the other order."""
    both = products.view(np.uint32).reshape(*products.shape, 2)[::-1]
    return both[..., _LOW], both[..., _HIGH]


def uniform(seeds: Tensor, num: int, stream: int = 0) -> Tensor:
    """(N,) int64 => (N, num) float32 in [0, 1), multiples of 2^-24."""
    return (words(seeds, num, stream) >> 8).to(torch.float32) * 2.0**-24


def integers(seeds: Tensor, num: int, high: int, stream: int = 0) -> Tensor:
    """(N,) int64 => (N, num) int64 in [0, high), high ≤ 2^31, by multiply and shift (bias < high / 2^32)."""
    return (words(seeds, num, stream) * high) >> 32


def normal(seeds: Tensor, num: int, stream: int = 0) -> Tensor:
    """(N,) int64 => (N, num) float32 standard normal, by Box and Muller (1958) in float64."""
    half = -(-num // 2)
    if _is_few(seeds, num_blocks := -(-half // 2)):
        drawn = _few_words(seeds, num_blocks, stream)
        return torch.from_numpy(_few_normal(drawn[:, : 2 * half], half))[:, :num]
    u = (words(seeds, 2 * half, stream).to(torch.float64) + 0.5) * 2.0**-32
    radius = torch.sqrt(-2.0 * torch.log(u[:, :half]))
    angle = 2.0 * math.pi * u[:, half:]
    both = torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)
    return both[:, :num].to(torch.float32)


def _few_normal(drawn: NDArray[np.int64], half: int) -> NDArray[np.float32]:
    """(N, 2 · half) words => as many normals: what IEEE 754 defines to the bit by numpy, the rest by torch."""
    u = (drawn + 0.5) * 2.0**-32
    radius = np.sqrt(-2.0 * torch.log(torch.from_numpy(u)[:, :half]).numpy())
    angle = torch.from_numpy(2.0 * math.pi * u[:, half:])
    found = np.empty(u.shape, np.float32)
    np.multiply(radius, torch.cos(angle).numpy(), out=found[:, :half], casting="same_kind")
    np.multiply(radius, torch.sin(angle).numpy(), out=found[:, half:], casting="same_kind")
    return found

"""A few numbers on a CPU, which cost the number of operations and not their size.

They are made by numpy, whose operations start several times faster than torch's, and of which a round of Philox needs
three; those of one seed are made by Python's own integers, whose operations start ten times faster still.
"""

from __future__ import annotations

import functools
import math
import sys

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_bench.noise.tensors import MASK, MULTIPLIERS, ROUNDS, WEYL

FEW = 2**14
"""blocks of four words, up to which numpy's operations are the faster ones (tests/benchmarks/test_speed.py)"""
FEW_OF_ONE = 256
"""blocks of one seed, up to which Python's integers are"""

_Words = NDArray[np.uint64]
_LOW, _HIGH = (0, 1) if sys.byteorder == "little" else (1, 0)
"""which half of a 64-bit number is which of its two 32-bit ones"""
_WIDE_MULTIPLIERS = np.array(MULTIPLIERS, np.uint64).reshape(2, 1, 1)
_WIDE_MASK, _HALF = np.uint64(MASK), np.uint64(32)
_KEY_STEPS = (np.arange(ROUNDS, dtype=np.uint64)[:, None] * np.array(WEYL, np.uint64)).reshape(ROUNDS, 2, 1, 1)


def are_few(seeds: Tensor, num_blocks: int) -> bool:
    """Whether they are made here; a tensor of another type, as in tracing, has no values that numpy could see."""
    return type(seeds) is Tensor and seeds.device.type == "cpu" and 0 < len(seeds) * num_blocks <= FEW


def words(seeds: Tensor, num_blocks: int, stream: int) -> NDArray[np.int64]:
    """Philox4x32-10 of every seed (N,) and block => (N, 4 · num_blocks), in the order of `words`."""
    if len(seeds) == 1 and num_blocks <= FEW_OF_ONE:
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
    mask = ones * MASK
    c1, c2, c3 = (stream & MASK) * ones, 0, 0
    k0, k1 = seed & MASK, seed >> 32 & MASK
    for _ in range(ROUNDS):
        product0, product1 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (product1 >> 32 & mask) ^ c1 ^ k0 * ones,
            product1 & mask,
            (product0 >> 32 & mask) ^ c3 ^ k1 * ones,
            product0 & mask,
        )
        k0, k1 = k0 + WEYL[0] & MASK, k1 + WEYL[1] & MASK
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


def normal(seeds: Tensor, num: int, stream: int) -> NDArray[np.float32]:
    """(N,) => (N, num): what IEEE 754 defines to the bit by numpy, the rest by torch."""
    half = -(-num // 2)
    u = (words(seeds, -(-half // 2), stream)[:, : 2 * half] + 0.5) * 2.0**-32
    radius = np.sqrt(-2.0 * torch.log(torch.from_numpy(u)[:, :half]).numpy())
    angle = torch.from_numpy(2.0 * math.pi * u[:, half:])
    found = np.empty(u.shape, np.float32)
    np.multiply(radius, torch.cos(angle).numpy(), out=found[:, :half], casting="same_kind")
    np.multiply(radius, torch.sin(angle).numpy(), out=found[:, half:], casting="same_kind")
    return found[:, :num]

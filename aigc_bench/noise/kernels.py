"""The numbers of CUDA, each kind in one launch, by Triton: it comes with torch's builds for CUDA and has Philox itself.

Every thread makes the block of its number anew: four times the arithmetic, of which a GPU has plenty, and numbers are
written side by side. Imported where there is CUDA, or in tests with TRITON_INTERPRET=1, on a CPU.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from aigc_bench.noise.tensors import MASK

BLOCK = 256
"""numbers that one program makes"""


@triton.jit
def _word(seed, place, stream):
    """The 32 random bits at a place of a seed's stream: key = seed, counter = (block, stream, 0, 0)."""
    block = place // 4
    zero = block * 0
    c0, c1, c2, c3 = tl.philox(seed, block, zero + stream, zero, zero)
    lane = place % 4
    return tl.where(lane == 0, c0, tl.where(lane == 1, c1, tl.where(lane == 2, c2, c3)))


@triton.jit
def _words(seeds, out, num, total, stream, SIZE: tl.constexpr):
    number = tl.program_id(0).to(tl.int64) * SIZE + tl.arange(0, SIZE)
    there = number < total
    seed = tl.load(seeds + number // num, mask=there, other=0)
    word = _word(seed, (number % num).to(tl.int32), stream)
    tl.store(out + number, word.to(tl.uint32).to(tl.int64), mask=there)


@triton.jit
def _normals(seeds, out, num, half, total, stream, TURN: tl.constexpr, SIZE: tl.constexpr):
    pair = tl.program_id(0).to(tl.int64) * SIZE + tl.arange(0, SIZE)
    there = pair < total
    row, column = pair // half, pair % half
    seed = tl.load(seeds + row, mask=there, other=0)
    place = column.to(tl.int32)
    first = (_word(seed, place, stream).to(tl.uint32).to(tl.float64) + 0.5) * 2.0**-32
    second = (_word(seed, place + half.to(tl.int32), stream).to(tl.uint32).to(tl.float64) + 0.5) * 2.0**-32
    radius = tl.sqrt(-2.0 * tl.log(first))
    angle = second * TURN
    tl.store(out + row * num + column, (radius * tl.cos(angle)).to(tl.float32), mask=there)
    behind = column + half
    tl.store(out + row * num + behind, (radius * tl.sin(angle)).to(tl.float32), mask=there & (behind < num))


def words(seeds: Tensor, num: int, stream: int) -> Tensor:
    """(N,) int64 seeds => (N, num) int64 words."""
    out = torch.empty(len(seeds), num, dtype=torch.int64, device=seeds.device)
    _launch(_words, out.numel(), seeds.contiguous(), out, num, out.numel(), _signed(stream))
    return out


def normal(seeds: Tensor, num: int, stream: int) -> Tensor:
    """(N,) int64 seeds => (N, num) float32 standard normal."""
    half = -(-num // 2)
    out = torch.empty(len(seeds), num, dtype=torch.float32, device=seeds.device)
    total = len(seeds) * half
    _launch(_normals, total, seeds.contiguous(), out, num, half, total, _signed(stream), TURN=2.0 * math.pi)
    return out


def _signed(word: int) -> int:
    """The int32 of the same 32 bits: Triton makes wider numbers int64, and a counter has 32."""
    return (word & MASK) - (1 << 32) * (word >> 31 & 1)


def _launch(kernel: Any, total: int, *arguments: Any, **constants: Any) -> None:
    if total:
        kernel[(triton.cdiv(total, BLOCK),)](*arguments, **constants, SIZE=BLOCK)

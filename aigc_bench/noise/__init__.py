"""Counter-based random numbers: a seed names a sample, whatever the batch, the threads or the device.

Philox4x32-10 with the sample's seed as key and (block, stream) as counter: one call gives the numbers of a whole batch.
Integers and uniforms have the same bits on every device; normals go through log and cos and repeat per device type
only. Three programs make the same numbers, each where it is the fastest: Triton's kernels on CUDA, numpy and Python's
integers for a few numbers on a CPU, and tensor operations everywhere else.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import ParamSpec

import torch
from torch import Tensor

from aigc_bench.noise import few, tensors
from aigc_bench.noise.tensors import philox

__all__ = ["integers", "metered", "normal", "philox", "uniform", "words"]

P = ParamSpec("P")


@dataclass(slots=True)
class Meter:
    """What `metered` has seen."""

    wait: Callable[[], object]
    seconds: float = 0.0
    is_inside: bool = False
    """whether one of these functions is at work, which may call another"""


_meter: Meter | None = None


@contextmanager
def metered(wait: Callable[[], object]) -> Iterator[Meter]:
    """Add up the seconds of these functions; `wait` returns when the device has done what it was told to do."""
    global _meter
    _meter = meter = Meter(wait)
    try:
        yield meter
    finally:
        _meter = None


def _counted(draw: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """The function, whose time goes into the meter where there is one."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        meter = _meter
        if meter is None or meter.is_inside:
            return draw(*args, **kwargs)
        meter.wait()
        meter.is_inside, start = True, time.perf_counter()
        try:
            return draw(*args, **kwargs)
        finally:
            meter.wait()
            meter.is_inside = False
            meter.seconds += time.perf_counter() - start

    return drawn


@_counted
def words(seeds: Tensor, num: int, stream: int = 0) -> Tensor:
    """(N,) int64 seeds => (N, num) int64 words of 32 random bits; unlike streams are independent."""
    _check(seeds)
    if few.are_few(seeds, num_blocks := -(-num // 4)):
        return torch.from_numpy(few.words(seeds, num_blocks, stream))[:, :num]
    if (kernels := _kernels(seeds)) is not None:
        found: Tensor = kernels.words(seeds, num, stream)
        return found
    return tensors.words(seeds, num, stream)


@_counted
def uniform(seeds: Tensor, num: int, stream: int = 0) -> Tensor:
    """(N,) int64 => (N, num) float32 in [0, 1), multiples of 2^-24."""
    return (words(seeds, num, stream) >> 8).to(torch.float32) * 2.0**-24


@_counted
def integers(seeds: Tensor, num: int, high: int, stream: int = 0) -> Tensor:
    """(N,) int64 => (N, num) int64 in [0, high), high ≤ 2^31, by multiply and shift (bias < high / 2^32)."""
    return (words(seeds, num, stream) * high) >> 32


@_counted
def normal(seeds: Tensor, num: int, stream: int = 0) -> Tensor:
    """(N,) int64 => (N, num) float32 standard normal, by Box and Muller (1958) in float64."""
    _check(seeds)
    half = -(-num // 2)
    if few.are_few(seeds, -(-half // 2)):
        return torch.from_numpy(few.normal(seeds, num, stream))
    if (kernels := _kernels(seeds)) is not None:
        found: Tensor = kernels.normal(seeds, num, stream)
        return found
    u = (words(seeds, 2 * half, stream).to(torch.float64) + 0.5) * 2.0**-32
    radius = torch.sqrt(-2.0 * torch.log(u[:, :half]))
    angle = 2.0 * math.pi * u[:, half:]
    both = torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)
    return both[:, :num].to(torch.float32)


def _check(seeds: Tensor) -> None:
    if seeds.dtype != torch.int64 or seeds.ndim != 1:
        raise TypeError(f"expected seeds (N,) of int64, got {tuple(seeds.shape)} of {seeds.dtype}")


def _kernels(seeds: Tensor) -> ModuleType | None:
    """The module of kernels, for seeds on CUDA that have values; None for others, or without Triton."""
    return _loaded() if type(seeds) is Tensor and seeds.device.type == "cuda" else None


@functools.cache
def _loaded() -> ModuleType | None:
    # Triton takes a second to import, which only those wait for who have a use for it.
    there = importlib.util.find_spec("triton") is not None
    return importlib.import_module("aigc_bench.noise.kernels") if there else None

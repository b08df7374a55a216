"""How much of the machine a generator uses while it samples: arithmetic, its time in random numbers, energy."""

from __future__ import annotations

from functools import partial

import torch

from aigc_bench import noise
from aigc_bench.core import Efficiency, Generator
from aigc_bench.evidence.footprint import flops_per_sample
from aigc_bench.system import energy, timing

CPU_SIDE, GPU_SIDE = 1024, 8192
"""rows and columns of the matrices whose product is the device's rate: some milliseconds of either"""


def efficiency(generator: Generator, batch_size: int, num_blocks: int, device: torch.device) -> Efficiency:
    """Time blocks of calls with `batch_size` seeds, the share of random numbers in as many, and their energy."""
    seeds = torch.arange(batch_size, device=device)
    call = partial(generator.sample, seeds)
    seconds = timing.block_seconds(call, num_blocks, device)
    return Efficiency(
        batch_size,
        seconds,
        flops_per_sample(generator, device),
        products_per_s(device),
        tuple(_noise_share(generator, seeds, device) for _ in range(num_blocks)),
        *_energy(generator, seeds, num_blocks, device),
    )


def products_per_s(device: torch.device) -> float:
    """Floating-point operations per second of a product of float32 matrices, as torch is set to make them."""
    side = CPU_SIDE if device.type == "cpu" else GPU_SIDE
    x = torch.ones(side, side, device=device)
    return 2 * side**3 / min(timing.block_seconds(partial(torch.mm, x, x), 5, device))


def _noise_share(generator: Generator, seeds: torch.Tensor, device: torch.device) -> float:
    """Of one call, waited for before and after each use of `aigc_bench.noise`."""
    wait = partial(timing.wait_for, device)
    with noise.metered(wait) as meter:
        whole = timing.elapsed_s(partial(generator.sample, seeds), 1, device)
    return min(meter.seconds / whole, 1.0)


def _energy(
    generator: Generator, seeds: torch.Tensor, num_blocks: int, device: torch.device
) -> tuple[tuple[float, ...], str]:
    """Joules per sample of each block, and how they were measured; none where nothing counts them."""
    joules = energy.counter(device)
    if joules is None:
        return (), ""
    watts = energy.idle_watts(joules)

    def call() -> None:
        generator.sample(seeds)
        timing.wait_for(device)

    per_sample = tuple(energy.per_call(call, joules, watts) / len(seeds) for _ in range(num_blocks))
    return per_sample, f"NVML's counter of the board, {watts:.0f} W of idling subtracted"

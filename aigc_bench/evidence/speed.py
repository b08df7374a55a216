"""How long calls of `sample` take."""

from __future__ import annotations

from functools import partial

import torch

from aigc_bench.core import Generator, Latency, Throughput
from aigc_bench.core.suites import SpeedEntry
from aigc_bench.system import timing


def speed(generator: Generator, entry: SpeedEntry, device: torch.device) -> tuple[list[Throughput], Latency]:
    """Time `sample` at each batch size, and single calls of one sample."""
    throughputs = []
    for batch_size in entry.batch_sizes:
        seeds = torch.arange(batch_size, device=device)
        blocks = timing.block_seconds(partial(generator.sample, seeds), entry.blocks, device)
        throughputs.append(Throughput(batch_size, blocks))
    one = torch.zeros(1, dtype=torch.int64, device=device)
    calls = timing.call_seconds(lambda: generator.sample(one), entry.latency_calls, device)
    return throughputs, Latency(calls)

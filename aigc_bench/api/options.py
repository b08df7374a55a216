"""Where and how things are computed, for every function of the Python interface."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from aigc_bench.core import OnEvent
from aigc_bench.core.errors import ConfigurationError
from aigc_bench.evidence import extractors
from aigc_bench.runs.store import Store
from aigc_bench.system.machine import choose_device, spare_threads


@dataclass(frozen=True, slots=True)
class Options:
    """Where and how a suite runs; what is measured stands in the suite."""

    store: Path = Path("runs")
    device: str = "auto"
    threads: int | None = None
    """None: as many as torch takes, but no more than a container's CPU quota"""
    data_dir: Path | None = None
    """where data sets lie that are not embedded"""
    download: bool = False
    weights: Path | None = None
    """Inception's published weights; None: AIGC_BENCH_WEIGHTS, or the cache folder"""

    def __post_init__(self) -> None:
        """Paths may be given as texts."""
        for name in ("store", "data_dir", "weights"):
            path = getattr(self, name)
            if path is not None:
                object.__setattr__(self, name, Path(path))


def machine(options: Options) -> torch.device:
    """The device to compute on, with torch's threads set.

    Raises:
        ConfigurationError: no such device, or fewer than one thread.
    """
    if options.threads is not None:
        if options.threads < 1:
            raise ConfigurationError(f"expected --threads of at least 1, got {options.threads}")
        torch.set_num_threads(options.threads)
    elif (threads := spare_threads()) is not None:
        torch.set_num_threads(threads)
    return choose_device(options.device)


def place_of(options: Options, on_event: OnEvent) -> extractors.Place:
    """Where features are computed and kept."""
    return extractors.Place(
        Store(options.store).cache_heard_by(on_event), machine(options), on_event, options.weights, options.download
    )

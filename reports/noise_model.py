"""Machines that time identical code: what a log time is made of, from one process to the next.

log time = drift of the machine, an autoregressive process over process slots in time order
         + an effect of the process (layout of memory, frequency)
         + jitter of each block, one-sided, exponential
         + spikes: a share of blocks, hit by somebody else's work, log(1 + exponential).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BLOCKS = 7


@dataclass(frozen=True, slots=True)
class Machine:
    """The size of each part, as a share of the time."""

    name: str
    drift: float
    """standard deviation of the drift"""
    process: float
    """standard deviation between processes"""
    jitter: float
    """mean of a block's jitter"""
    spiked: float
    """share of blocks that are hit"""
    spike: float
    """mean size of a hit"""
    persistence: float = 0.9
    """correlation of the drift from one slot to the next"""

    def log_times(self, repetitions: int, num_slots: int, rng: np.random.Generator) -> np.ndarray:
        """(R, S, 7) log times of blocks, slots in time order."""
        drift = np.empty((repetitions, num_slots))
        drift[:, 0] = rng.standard_normal(repetitions)
        fresh = np.sqrt(1 - self.persistence**2)
        for slot in range(1, num_slots):
            drift[:, slot] = self.persistence * drift[:, slot - 1] + fresh * rng.standard_normal(repetitions)
        of_process = self.drift * drift + self.process * rng.standard_normal((repetitions, num_slots))
        blocks = rng.exponential(self.jitter, (repetitions, num_slots, BLOCKS))
        if self.spiked:
            hit = rng.random(blocks.shape) < self.spiked
            blocks[hit] += np.log1p(rng.exponential(self.spike, int(hit.sum())))
        return of_process[:, :, None] + blocks


QUIET = Machine("quiet", drift=0.01, process=0.004, jitter=0.003, spiked=0.0, spike=0.0)
SHARED = Machine("shared", drift=0.04, process=0.01, jitter=0.01, spiked=0.08, spike=0.2)
HOSTILE = Machine("hostile", drift=0.08, process=0.02, jitter=0.02, spiked=0.20, spike=0.4)
MACHINES = (QUIET, SHARED, HOSTILE)


def differences(
    log_times: np.ndarray, rng: np.random.Generator, *, alternating: bool = True, second: float = 0.0
) -> np.ndarray:
    """(R, 2 n, 7) slots => (R, n) log head - log base, the minimum of the blocks standing for a process.

    Pairs run as AB BA AB BA … from a random phase, or as AB AB AB AB …; `second` is what it costs to run second.
    """
    fastest = log_times.min(2).reshape(len(log_times), -1, 2)
    later = fastest[:, :, 1] + second - fastest[:, :, 0]
    if not alternating:
        return later
    phase = rng.integers(0, 2, (len(later), 1))
    return later * np.where((np.arange(later.shape[1]) + phase) % 2 == 0, 1.0, -1.0)

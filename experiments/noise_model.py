"""Machines that time identical code: what a log time is made of, from one process to the next.

log time = drift of the machine, an autoregressive process over process slots in time order
         + an effect of the process (layout of memory, frequency)
         + jitter of each block, one-sided, exponential
         + spikes: a share of blocks, hit by somebody else's work, log(1 + exponential)
         + a neighbour on the same core, there or not for some time: a chain of two states, from one block to the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BLOCKS = 7
"""of a process by itself, for others' rules"""
TURNS = 14
"""blocks of each of two processes that take turns"""


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
    slowed: float = 0.0
    """share of the time that a neighbour is there"""
    slowdown: float = 0.0
    """log of the factor by which it slows"""
    stay: float = 50.0
    """blocks that it stays, in the mean"""

    def log_times(self, repetitions: int, num_slots: int, rng: np.random.Generator) -> np.ndarray:
        """(R, S, 7) log times of blocks of processes one after the other, slots in time order."""
        drift = np.empty((repetitions, num_slots))
        drift[:, 0] = rng.standard_normal(repetitions)
        fresh = np.sqrt(1 - self.persistence**2)
        for slot in range(1, num_slots):
            drift[:, slot] = self.persistence * drift[:, slot - 1] + fresh * rng.standard_normal(repetitions)
        of_process = self.drift * drift + self.process * rng.standard_normal((repetitions, num_slots))
        return of_process[:, :, None] + self._blocks((repetitions, num_slots), BLOCKS, rng)

    def in_turns(self, repetitions: int, num_pairs: int, rng: np.random.Generator) -> np.ndarray:
        """(R, n, 14, 2) log times of neighbouring blocks of two processes, in time order; both see the same drift."""
        of_process = self.process * rng.standard_normal((repetitions, num_pairs, 1, 2))
        blocks = self._blocks((repetitions, num_pairs), 2 * TURNS, rng)
        return of_process + blocks.reshape(repetitions, num_pairs, TURNS, 2)

    def _blocks(self, shape: tuple[int, int], num: int, rng: np.random.Generator) -> np.ndarray:
        """What is of the block: jitter, spikes, and the neighbour, who may come and go between two of them."""
        blocks = rng.exponential(self.jitter, (*shape, num))
        if self.spiked:
            hit = rng.random(blocks.shape) < self.spiked
            blocks[hit] += np.log1p(rng.exponential(self.spike, int(hit.sum())))
        if self.slowed:
            there = rng.random(shape) < self.slowed
            for number in range(num):
                drawn_anew = rng.random(shape) < 1 / (self.stay * (1 - self.slowed))
                there = np.where(drawn_anew, rng.random(shape) < self.slowed, there)
                blocks[..., number] += self.slowdown * there
        return blocks


QUIET = Machine("quiet", drift=0.01, process=0.004, jitter=0.003, spiked=0.0, spike=0.0)
SHARED = Machine("shared", drift=0.04, process=0.01, jitter=0.01, spiked=0.08, spike=0.2)
HOSTILE = Machine("hostile", drift=0.08, process=0.02, jitter=0.02, spiked=0.20, spike=0.4)
NEIGHBOUR = Machine("neighbour", 0.04, 0.01, 0.01, spiked=0.08, spike=0.2, slowed=0.4, slowdown=0.4)
"""a virtual processor that shares its core with somebody's, as seen on a rented machine"""
MACHINES = (QUIET, SHARED, HOSTILE, NEIGHBOUR)


def differences(
    in_turns: np.ndarray, rng: np.random.Generator, *, alternating: bool = True, second: float = 0.0
) -> np.ndarray:
    """(R, n, K, 2) neighbouring blocks => (R, n) log head - log base, their median standing for a pair.

    Pairs begin as AB BA AB BA … from a random phase, or as AB AB AB AB …; `second` is what it costs to come second.
    """
    later = np.median(in_turns[..., 1] - in_turns[..., 0], axis=2) + second
    return _signed(later, rng) if alternating else later


def differences_apart(log_times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(R, 2 n, 7) slots => (R, n) of processes one after the other, the least of the blocks standing for a process."""
    fastest = log_times.min(2).reshape(len(log_times), -1, 2)
    return _signed(fastest[:, :, 1] - fastest[:, :, 0], rng)


def _signed(later: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    phase = rng.integers(0, 2, (len(later), 1))
    return later * np.where((np.arange(later.shape[1]) + phase) % 2 == 0, 1.0, -1.0)

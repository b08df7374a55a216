"""Samples in chunks of one size, and a digest of them that does not depend on the chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

PENDING = 4
"""chunks of half-filled sizes held back, before the fullest is given away short"""


class Chunk(NamedTuple):
    """Samples of one size, and where they stand in the set."""

    indices: Tensor
    """(n,) int64 positions among the samples that are not skipped, ascending"""
    samples: Tensor
    """(n, C, H, W) uint8, in whatever memory format the source has"""


def _channels_last(samples: list[Tensor]) -> Tensor:
    # Stacked as the pixels lie in an image and turned as a view: channels_last, which convolutions like best.
    return torch.stack(samples).permute(0, 3, 1, 2)


def grouped(
    samples: Iterable[Tensor], size: int, stacked: Callable[[list[Tensor]], Tensor] = _channels_last
) -> Iterator[Chunk]:
    """Yield samples as chunks of one size, see `SampleSet.chunks`; of images (H, W, C) unless `stacked` is another."""
    if size < 1:
        raise ValueError(f"expected chunks of at least one sample, got {size}")
    pending: dict[torch.Size, list[tuple[int, Tensor]]] = {}
    num_held = 0
    for index, sample in enumerate(samples):
        group = pending.setdefault(sample.shape, [])
        group.append((index, sample))
        num_held += 1
        if len(group) == size:
            ready = sample.shape
        elif num_held == PENDING * size:
            ready = max(pending, key=lambda shape: len(pending[shape]))
        else:
            continue
        chunk = _chunk_of(pending.pop(ready), stacked)
        num_held -= len(chunk.indices)
        yield chunk
    for group in pending.values():
        yield _chunk_of(group, stacked)


def _chunk_of(group: list[tuple[int, Tensor]], stacked: Callable[[list[Tensor]], Tensor]) -> Chunk:
    return Chunk(torch.tensor([index for index, _ in group]), stacked([sample for _, sample in group]))


class SampleDigest:
    """SHA-256 over (C, H, W) and the pixels of every sample, in order: independent of how they are batched."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def update(self, samples: Tensor) -> None:
        """Add samples (n, C, H, W) uint8."""
        mark = f"{tuple(samples.shape[1:])}".encode()
        for sample in samples.cpu().contiguous():
            self._sha.update(mark)
            self._sha.update(memoryview(sample.numpy()))

    def hexdigest(self) -> str:
        """Name what was added so far."""
        return self._sha.hexdigest()

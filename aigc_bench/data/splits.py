"""Disjoint splits of one pile of samples, and the digest that names them."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from aigc_bench.core import Batch


def split(samples: Tensor, labels: Tensor | None, sizes: tuple[int, ...], seed: int) -> list[Batch]:
    """Splits of the given sizes, from one seeded permutation. Shapes (N, …), (N,).

    Stratified: where there are labels, each split has its share of every class, to within two samples.
    """
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(seed))
    rows = order.split(list(sizes)) if labels is None else _stratified(order, labels, sizes)
    return [Batch(samples[row], None if labels is None else labels[row]) for row in rows]


def _stratified(order: Tensor, labels: Tensor, sizes: tuple[int, ...]) -> list[Tensor]:
    # Dealt like cards, class after class: every split takes its turns evenly spaced over the whole pile.
    turns = torch.cat([(torch.arange(size, dtype=torch.float64) + 0.5) / size for size in sizes])
    dealt = torch.repeat_interleave(torch.tensor(sizes))[turns.argsort(stable=True)]
    home = torch.empty_like(dealt)
    home[labels[order].argsort(stable=True)] = dealt
    # In the order of the permutation, so that a block of consecutive samples is a random one.
    return [order[home == number] for number in range(len(sizes))]


def digest_of(*batches: Batch) -> str:
    """SHA-256 over shapes, samples and labels, in order."""
    digest = hashlib.sha256()
    for batch in batches:
        for tensor in (batch.samples, batch.labels):
            if tensor is not None:
                digest.update(f"{tuple(tensor.shape)}{tensor.dtype}".encode())
                digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()

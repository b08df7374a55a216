"""Disjoint splits of one pile of samples, and the digest that names them."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from aigc_bench.core import Batch
from aigc_bench.core.errors import ConfigurationError


def split(samples: Tensor, labels: Tensor | None, sizes: tuple[int, ...], seed: int) -> list[Batch]:
    """Splits of the given sizes, from one seeded permutation. Shapes (N, …), (N,).

    Stratified: where there are labels, each split has its share of every class, to within two samples.
    """
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(seed))
    rows = order.split(list(sizes)) if labels is None else _stratified(order, labels, sizes)
    return [Batch(samples[row], None if labels is None else labels[row]) for row in rows]


def fit_and_halves(train: Batch, test: Batch, share: int, seed: int, limit: int | None) -> tuple[Batch, Batch, Batch]:
    """Fit, reference and holdout of data that were published in two parts; `limit` keeps the first so many of each.

    The last `1 / share` of the training samples is not fitted but pooled with the test samples, and the pile is
    halved: test samples alone would not do where they differ in kind from training samples.
    """
    cut = len(train.samples) - len(train.samples) // share
    rest = torch.cat([train.samples[cut:], test.samples])
    labels = None
    if train.labels is not None and test.labels is not None:
        labels = torch.cat([train.labels[cut:], test.labels])
    num = len(rest) // 2
    halves = split(rest, labels, (num, len(rest) - num), seed)
    fit = Batch(train.samples[:cut], None if train.labels is None else train.labels[:cut])
    fit, reference, holdout = (
        Batch(part.samples[:limit], None if part.labels is None else part.labels[:limit]) for part in (fit, *halves)
    )
    return fit, reference, holdout


def limit_notes(limit: int | None) -> tuple[str, ...]:
    """What a reader has to know of a limit."""
    return () if limit is None else (f"At most the first {limit:,} samples of each split are used.",)


def check_limit(name: str, limit: int | None) -> None:
    """Refuse a limit that keeps nothing.

    Raises:
        ConfigurationError: it is below 1.
    """
    if limit is not None and limit < 1:
        raise ConfigurationError(f"data set {name!r}: expected a limit of at least 1 sample, got {limit}")


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

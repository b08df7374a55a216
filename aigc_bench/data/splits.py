"""Three disjoint splits of one pile of samples, and the digest that names them."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from aigc_bench.core import Batch


def split(samples: Tensor, labels: Tensor | None, sizes: tuple[int, int, int], seed: int) -> list[Batch]:
    """fit, reference and holdout of the given sizes, after one seeded permutation. Shapes (N, …), (N,)."""
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(seed))
    parts = order[: sum(sizes)].split(list(sizes))
    return [Batch(samples[part], None if labels is None else labels[part]) for part in parts]


def digest_of(*batches: Batch) -> str:
    """SHA-256 over shapes, samples and labels, in order."""
    digest = hashlib.sha256()
    for batch in batches:
        for tensor in (batch.samples, batch.labels):
            if tensor is not None:
                digest.update(f"{tuple(tensor.shape)}{tensor.dtype}".encode())
                digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()

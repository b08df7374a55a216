"""Files in CIFAR-10's binary format as samples, memory-mapped; their labels are left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aigc_bench.modalities.image.arrays import AHEAD, ArraySamples
from aigc_bench.modalities.image.cifar10_records import SHAPE, records
from aigc_bench.samples.lookahead import overlapped

POLICY = "the file is read as records of CIFAR-10's binary format, without the labels"


def of_cifar10(path: Path) -> ArraySamples:
    """Open a .bin file: uint8 (N, 3, 32, 32).

    Raises:
        DataError: not that format, or truncated.
    """
    # An empty file cannot be mapped.
    content = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
    mapped = records(content, str(path))

    def blocks(size: int) -> Iterator[Tensor]:
        def block(start: int) -> Tensor:
            return torch.from_numpy(np.array(mapped[start : start + size, 1:]).reshape(-1, *SHAPE))

        return overlapped(block, range(0, len(mapped), size), num_workers=1, ahead=AHEAD)

    return ArraySamples(str(path), (len(mapped), *SHAPE), "(N, C, H, W)", blocks, policies=(POLICY,))

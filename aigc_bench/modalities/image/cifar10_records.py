"""The records of CIFAR-10's binary format: a label byte, then 32 × 32 red, green and blue bytes.

Krizhevsky 2009; https://www.cs.toronto.edu/~kriz/cifar.html describes the format. Its files have no header, so that
the size and the labels are all that tells them from others.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aigc_bench.core.errors import DataError

NUM_CLASSES = 10
SHAPE = (3, 32, 32)
"""(C, H, W) of an image"""
RECORD_BYTES = 1 + math.prod(SHAPE)


def records(content: NDArray[np.uint8], where: str) -> NDArray[np.uint8]:
    """The bytes of a file (any,) as records (N, 3073), label first; a view.

    Raises:
        DataError: empty, no whole number of records, or a first byte that is no label.
    """
    num, rest = divmod(len(content), RECORD_BYTES)
    if rest or not num:
        raise DataError(
            f"{where} is no file of CIFAR-10's binary format, or truncated: {len(content)} bytes are {num} records of "
            f"{RECORD_BYTES} bytes and {rest} more; expected one record at least, and whole ones"
        )
    found = content.reshape(num, RECORD_BYTES)
    wrong = (found[:, 0] >= NUM_CLASSES).nonzero()[0]
    if len(wrong):
        raise DataError(
            f"{where} is no file of CIFAR-10's binary format: record {wrong[0]} has label {found[wrong[0], 0]}, "
            f"expected 0…{NUM_CLASSES - 1} (CIFAR-100 has two labels a record and is not read)"
        )
    return found

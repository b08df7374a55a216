"""What arrays have to look like to be images: their type, and which axis is the channels."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch

from aigc_bench.core.errors import DataError
from aigc_bench.modalities.image.decoding import MAX_PIXELS

Layout = Literal["(N, H, W, C)", "(N, C, H, W)"]


def check_dtype(dtype: np.dtype[Any] | torch.dtype, where: str) -> None:
    """Refuse pixels that are not uint8.

    Raises:
        DataError: they are not.
    """
    if dtype in (np.dtype(np.uint8), torch.uint8):
        return
    if isinstance(dtype, np.dtype) and dtype.hasobject:
        raise DataError(f"{where} holds Python objects; expected uint8 pixels 0…255")
    text = str(dtype).removeprefix("torch.")
    if "int" in text:
        raise DataError(
            f"{where} is {text}, expected uint8 pixels 0…255; where all values lie in that range, convert them: "
            ".astype(np.uint8) of an array, .to(torch.uint8) of a tensor"
        )
    raise DataError(
        f"{where} is {str(dtype).removeprefix('torch.')}, expected uint8 pixels 0…255; quantise once, as saving an "
        "image does: (x * 255).round() from [0, 1], (x * 127.5 + 127.5).round() from [-1, 1], clipped, as uint8"
    )


def layout_of(shape: tuple[int, ...], preferred: Layout, where: str, *, single: bool = False) -> Layout:
    """Tell which axis of (N, …) is the channels, 1 or 3 long; `preferred` decides where either may be.

    `single` says that the first axis was put before one item, for messages.

    Raises:
        DataError: neither is, there is no sample, or one is too large.
    """
    fits: dict[Layout, bool] = {
        "(N, H, W, C)": len(shape) == 4 and shape[3] in (1, 3),
        "(N, C, H, W)": len(shape) == 4 and shape[1] in (1, 3),
    }
    if not any(fits.values()):
        expected = "(H, W, C) or (C, H, W)" if single else "(N, H, W, C) or (N, C, H, W)"
        raise DataError(
            f"{where} has shape {shape[1:] if single else shape}, expected {expected} with C = 1 or 3; give grey "
            "images an axis of length 1, and leave transparency out"
        )
    layout = preferred if fits[preferred] else next(name for name, fit in fits.items() if fit)
    height, width = shape[1:3] if layout == "(N, H, W, C)" else shape[2:]
    if not shape[0] or not height or not width:
        raise DataError(f"{where} has shape {shape} and holds no samples")
    if height * width > MAX_PIXELS:
        raise DataError(f"{where} holds samples of {width} × {height} pixels, more than {MAX_PIXELS}")
    return layout

"""Resizing as two matrix products, W_h · image · W_wᵀ: a separable filter is one matrix per axis.

The three kernels are those of the published Fréchet Inception Distances. Each matrix is computed once, in float64,
and kept; the products are float32. Parmar et al., arXiv 2104.11222, show how far apart the kernels' scores lie.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

Kernel = Literal["tf1-bilinear", "torch-bilinear", "pil-bicubic-float"]


def resize(images: Tensor, kernel: Kernel, height: int, width: int) -> Tensor:
    """(N, C, H, W) of any real type => (N, C, height, width) float32 in the same units, on the same device.

    Args:
        images: grey levels 0 … 255.
        kernel: "tf1-bilinear" is TensorFlow 1's `resize_bilinear` (no half-pixel centres, no antialiasing),
            "torch-bilinear" PyTorch's `interpolate` (half-pixel centres, no antialiasing), "pil-bicubic-float"
            Pillow's `BICUBIC` in mode "F" (antialiased), clipped to [0, 255] and not rounded to integers.
        height: of the result, pixels.
        width: of the result, pixels.
    """
    resized = images.to(torch.float32)
    # An axis that keeps its length has the identity for a matrix, in all three kernels.
    if resized.shape[2] != height:
        resized = matrix(kernel, resized.shape[2], height, images.device) @ resized
    if resized.shape[3] != width:
        resized = resized @ matrix(kernel, resized.shape[3], width, images.device).T
    return resized.clamp(0, 255) if kernel == "pil-bicubic-float" else resized


@lru_cache(maxsize=64)
def matrix(kernel: Kernel, inputs: int, outputs: int, device: torch.device) -> Tensor:
    """The (outputs, inputs) float32 matrix of one axis; shared, so it is not to be written to.

    It is kept where it is used: a copy from the CPU at every call would make a GPU wait, and break a graph of it.
    """
    # Made in inference mode it could never take part in a gradient, and the cache outlives the mode.
    with torch.inference_mode(False):
        return _KERNELS[kernel](inputs, outputs).to(torch.float32).to(device)


def _interpolation(source: Tensor, inputs: int) -> Tensor:
    """Linear interpolation at the positions `source`, the last pixel repeated: (outputs,) => (outputs, inputs)."""
    low = source.floor().to(torch.int64).clamp(max=inputs - 1)
    high = (low + 1).clamp(max=inputs - 1)
    share = (source - low)[:, None]
    one_hot = torch.eye(inputs, dtype=torch.float64)
    return (1 - share) * one_hot[low] + share * one_hot[high]


def _tf1_bilinear(inputs: int, outputs: int) -> Tensor:
    return _interpolation(torch.arange(outputs, dtype=torch.float64) * inputs / outputs, inputs)


def _torch_bilinear(inputs: int, outputs: int) -> Tensor:
    centres = (torch.arange(outputs, dtype=torch.float64) + 0.5) * inputs / outputs
    return _interpolation((centres - 0.5).clamp(min=0), inputs)


def _pil_bicubic(inputs: int, outputs: int) -> Tensor:
    centres = (torch.arange(outputs, dtype=torch.float64) + 0.5) * inputs / outputs
    pixels = torch.arange(inputs, dtype=torch.float64) + 0.5
    # The filter grows with the scale where the image shrinks: that is the antialiasing.
    weights = _keys((pixels[None] - centres[:, None]).abs() / max(inputs / outputs, 1.0))
    return weights / weights.sum(1, keepdim=True)


def _keys(x: Tensor) -> Tensor:
    """Cubic convolution with a = -½ at distances x ≥ 0 (Keys 1981, doi:10.1109/TASSP.1981.1163711, eq. 15)."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


_KERNELS: Mapping[Kernel, Callable[[int, int], Tensor]] = {
    "tf1-bilinear": _tf1_bilinear,
    "torch-bilinear": _torch_bilinear,
    "pil-bicubic-float": _pil_bicubic,
}

"""What the Inception-v3 of the FID consists of, as a table, and the keys of its published state dict.

Architecture: Szegedy et al., arXiv 1512.00567, as in TensorFlow's `inception-2015-12-05` graph, which the Fréchet
Inception Distance is defined on (Heusel et al., arXiv 1706.08500): 1008 classes, no auxiliary classifier, average
pools that do not count their padding, and a *max* pool in the last block. The keys are those of pytorch-fid and
torch-fidelity.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

NUM_FEATURES = 2048
NUM_CLASSES = 1008
SIZE_PX = 299


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution without bias, its batch-norm, and a ReLU."""

    name: str
    outputs: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padded: bool = True
    """keeps the image's size"""

    @property
    def padding(self) -> tuple[int, int]:
        """Zeros on each side of an axis."""
        return (self.kernel[0] // 2, self.kernel[1] // 2) if self.padded else (0, 0)


Branch = tuple[tuple[Layer, ...], ...]
"""Steps from a block's input to its output; the layers of one step read the same tensor and are concatenated."""


@dataclass(frozen=True, slots=True)
class Block:
    """Branches that read one tensor and are concatenated; the pool's branch comes last."""

    name: str
    branches: tuple[Branch, ...]
    pool: Literal["average", "max", "halving"]
    """what the last branch does beside its 1 × 1 convolution, which a halving pool does not have"""
    pool_outputs: int = 0


def _chain(*layers: Layer) -> Branch:
    return tuple((layer,) for layer in layers)


def _a(name: str, pool_outputs: int) -> Block:
    direct = _chain(Layer("branch1x1", 64))
    five = _chain(Layer("branch5x5_1", 48), Layer("branch5x5_2", 64, (5, 5)))
    double = _chain(*(Layer(f"branch3x3dbl_{i}", 96 if i > 1 else 64, (3, 3) if i > 1 else (1, 1)) for i in (1, 2, 3)))
    return Block(name, (direct, five, double), "average", pool_outputs)


def _b(name: str) -> Block:
    three = _chain(Layer("branch3x3", 384, (3, 3), 2, padded=False))
    double = _chain(
        Layer("branch3x3dbl_1", 64),
        Layer("branch3x3dbl_2", 96, (3, 3)),
        Layer("branch3x3dbl_3", 96, (3, 3), 2, padded=False),
    )
    return Block(name, (three, double), "halving")


def _c(name: str, width: int) -> Block:
    kernels = ((1, 1), (7, 1), (1, 7), (7, 1), (1, 7))
    widths = (width, width, width, width, 192)
    seven = _chain(Layer("branch7x7_1", width), Layer("branch7x7_2", width, (1, 7)), Layer("branch7x7_3", 192, (7, 1)))
    double = _chain(*(Layer(f"branch7x7dbl_{i + 1}", widths[i], kernels[i]) for i in range(5)))
    return Block(name, (_chain(Layer("branch1x1", 192)), seven, double), "average", 192)


def _d(name: str) -> Block:
    three = _chain(Layer("branch3x3_1", 192), Layer("branch3x3_2", 320, (3, 3), 2, padded=False))
    seven = _chain(
        Layer("branch7x7x3_1", 192),
        Layer("branch7x7x3_2", 192, (1, 7)),
        Layer("branch7x7x3_3", 192, (7, 1)),
        Layer("branch7x7x3_4", 192, (3, 3), 2, padded=False),
    )
    return Block(name, (three, seven), "halving")


def _e(name: str, pool: Literal["average", "max"]) -> Block:
    def fork(prefix: str) -> tuple[Layer, ...]:
        return Layer(f"{prefix}a", 384, (1, 3)), Layer(f"{prefix}b", 384, (3, 1))

    three = ((Layer("branch3x3_1", 384),), fork("branch3x3_2"))
    double = ((Layer("branch3x3dbl_1", 448),), (Layer("branch3x3dbl_2", 384, (3, 3)),), fork("branch3x3dbl_3"))
    return Block(name, (_chain(Layer("branch1x1", 320)), three, double), pool, 192)


STEM = (
    Layer("Conv2d_1a_3x3", 32, (3, 3), 2, padded=False),
    Layer("Conv2d_2a_3x3", 32, (3, 3), padded=False),
    Layer("Conv2d_2b_3x3", 64, (3, 3)),
    Layer("Conv2d_3b_1x1", 80),
    Layer("Conv2d_4a_3x3", 192, (3, 3), padded=False),
)
POOLED = ("Conv2d_2b_3x3", "Conv2d_4a_3x3")
"""layers of the stem that a halving max pool follows"""

BLOCKS = (
    *(_a(f"Mixed_5{letter}", outputs) for letter, outputs in zip("bcd", (32, 64, 64), strict=True)),
    _b("Mixed_6a"),
    *(_c(f"Mixed_6{letter}", width) for letter, width in zip("bcde", (128, 160, 160, 192), strict=True)),
    _d("Mixed_7a"),
    _e("Mixed_7b", "average"),
    _e("Mixed_7c", "max"),
)


def layout() -> dict[str, tuple[int, ...]]:
    """Key => shape of everything the published state dict holds, its batch counters apart."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, inputs, layer in layers():
        shapes[f"{name}.conv.weight"] = (layer.outputs, inputs, *layer.kernel)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.bn.{part}"] = (layer.outputs,)
    return shapes | {"fc.weight": (NUM_CLASSES, NUM_FEATURES), "fc.bias": (NUM_CLASSES,)}


def layers() -> Iterator[tuple[str, int, Layer]]:
    """Every convolution: its full name, its number of input channels, and what it is."""
    channels = 3
    for layer in STEM:
        yield layer.name, channels, layer
        channels = layer.outputs
    for block in BLOCKS:
        outputs = block.pool_outputs or channels
        for branch in block.branches:
            inputs = channels
            for step in branch:
                yield from ((f"{block.name}.{layer.name}", inputs, layer) for layer in step)
                inputs = sum(layer.outputs for layer in step)
            outputs += inputs
        if block.pool_outputs:
            yield f"{block.name}.branch_pool", channels, Layer("branch_pool", block.pool_outputs)
        channels = outputs


def variance_preserving_weights(seed: int) -> dict[str, Tensor]:
    """A random state dict in the published layout, float32, for tests without the published file.

    Images stay apart and activations keep their size through all layers. Every filter of a hidden layer sums to
    zero: the positive mean that a ReLU leaves would otherwise grow from layer to layer and drown what differs
    between images. Filters are scaled by Var relu(z) = ½ - 1/2π for a standard normal z (after He et al.,
    arXiv 1502.01852, eq. 10, where the mean is kept).
    """
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}
    for key, shape in layout().items():
        if key.endswith("conv.weight"):
            z = torch.randn(shape, generator=generator)
            if key != f"{STEM[0].name}.conv.weight":
                z -= z.mean((1, 2, 3), keepdim=True)
            state[key] = z / math.sqrt(math.prod(shape[1:]) * (0.5 - 0.5 / math.pi))
        elif key == "fc.weight":
            state[key] = 4 * torch.randn(shape, generator=generator) / math.sqrt(NUM_FEATURES)
        elif key.endswith(("bn.weight", "running_var")):
            state[key] = 0.8 + 0.4 * torch.rand(shape, generator=generator)
        else:
            state[key] = 0.1 * torch.randn(shape, generator=generator)
    return state

"""The Inception-v3 of the FID, rewritten to do less work: equal in real arithmetic to the published network.

* The batch-norms and the input's affine become part of the convolutions (the first one has no padding, so exactly).
* The 1 × 1 convolutions of a block that read the same tensor are one convolution.
* The 1 × 1 convolution of an average-pool branch comes before the pool: both are linear, and a mean that does not
  count padding keeps the bias, so the pool works on 32 … 192 channels instead of 192 … 2048.
* Activations and weights lie channels-last.
* On a CPU a few images at a time go through the first layers, whose activations are the largest: they stay in the
  cache, and below the 32 MiB from which the C library takes fresh pages for every tensor.

In float16 and bfloat16 (declared, never by default) the convolutions are rounded, what follows the last block is
float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_bench.modalities.image.extractors.inception_layout import BLOCKS, POOLED, STEM, Block, Layer

EPSILON = 1e-3
"""of the batch-norms"""

STEM_PIECE = 4
"""images that go through the stem at once on a CPU, 21 MiB a layer"""

SPATIAL_BLOCK, SPATIAL_CHANNELS = "Mixed_6d", 7
"""what ADM's sFID looks at: the first channels of TensorFlow's `mixed_6/conv`, which come first in this block"""

Folded = tuple[Tensor, Tensor]
"""weight (outputs, inputs, height, width) and bias (outputs,), float64"""


def fold(state: Mapping[str, Tensor], name: str) -> Folded:
    """The convolution `name` with its batch-norm folded in."""
    weight, bias, mean, variance = (
        state[f"{name}.bn.{part}"].to(torch.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = weight / (variance + EPSILON).sqrt()
    return state[f"{name}.conv.weight"].to(torch.float64) * scale[:, None, None, None], bias - mean * scale


class Convolution(nn.Module):
    """One or more folded convolutions of the same geometry that read the same tensor; no ReLU."""

    weight: Tensor
    bias: Tensor

    def __init__(self, parts: Sequence[Folded], layer: Layer) -> None:
        super().__init__()
        weight, bias = (torch.cat(column) for column in zip(*parts, strict=True))
        self.register_buffer("weight", weight.to(torch.float32).contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", bias.to(torch.float32))
        self._stride, self._padding = layer.stride, layer.padding

    def forward(self, x: Tensor) -> Tensor:  # (N, inputs, H, W) => (N, outputs, H', W')
        """The sums, before any activation."""
        return F.conv2d(x, self.weight, self.bias, self._stride, self._padding)


class Step(nn.Module):
    """Convolutions of one tensor, each with its ReLU, concatenated."""

    def __init__(self, convolutions: Sequence[Convolution]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(convolutions)

    def forward(self, x: Tensor) -> Tensor:  # (N, inputs, H, W) => (N, outputs, H', W')
        """(N, 3, 299, 299) => what the published graph computes, layer by layer in its order."""
        parts = [F.relu_(convolution(x)) for convolution in self.convolutions]
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


class FusedBlock(nn.Module):
    """A `Block` whose leading 1 × 1 convolutions are one."""

    def __init__(self, state: Mapping[str, Tensor], block: Block) -> None:
        super().__init__()
        self._pool = block.pool
        # A branch that begins with a 1 × 1 convolution takes its share of the fused one; another reads the input.
        self._headed = [branch[0][0].kernel == (1, 1) for branch in block.branches]
        heads = [branch[0][0].name for branch, headed in zip(block.branches, self._headed, strict=True) if headed]
        if block.pool == "average":
            heads.append("branch_pool")
        parts = [fold(state, f"{block.name}.{name}") for name in heads]
        self._widths = [len(bias) for _, bias in parts]
        self.heads = Convolution(parts, Layer("heads", sum(self._widths)))
        self.tails = nn.ModuleList(
            nn.Sequential(*(self._step(state, block, layers) for layers in branch[headed:]))
            for branch, headed in zip(block.branches, self._headed, strict=True)
        )
        if block.pool == "max":
            self.last = self._step(state, block, (Layer("branch_pool", block.pool_outputs),))

    @staticmethod
    def _step(state: Mapping[str, Tensor], block: Block, layers: Sequence[Layer]) -> Step:
        return Step([Convolution([fold(state, f"{block.name}.{layer.name}")], layer) for layer in layers])

    def forward(self, x: Tensor) -> Tensor:  # (N, inputs, H, W) => (N, outputs, H', W')
        """The branches, concatenated in the published order."""
        shares = list(self.heads(x).split(self._widths, dim=1))
        found = []
        for headed, tail in zip(self._headed, self.tails, strict=True):
            # Not in place: a copy of the share is dense, as the next convolution wants it.
            found.append(tail(F.relu(shares.pop(0)) if headed else x))
        if self._pool == "average":
            found.append(F.relu_(F.avg_pool2d(shares.pop(), 3, 1, 1, count_include_pad=False)))
        elif self._pool == "max":
            found.append(self.last(F.max_pool2d(x, 3, 1, 1)))
        else:
            found.append(F.max_pool2d(x, 3, 2))
        return torch.cat(found, 1)


class Network(nn.Module):
    """The whole network.

    Args:
        state: the published state dict.
        centre: grey level that the published network sees as 0.
        scale: grey levels from there to what it sees as 1.
        dtype: of the convolutions.
    """

    classifier: Tensor

    def __init__(
        self, state: Mapping[str, Tensor], centre: float, scale: float, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self._dtype, self._centre, self._scale = dtype, centre, scale
        folded = {layer.name: fold(state, layer.name) for layer in STEM}
        if dtype == torch.float32:
            weight, bias = folded[STEM[0].name]
            folded[STEM[0].name] = weight / scale, bias - weight.sum((1, 2, 3)) * centre / scale
        self.stem = nn.ModuleDict({layer.name: Convolution([folded[layer.name]], layer) for layer in STEM})
        self.blocks = nn.ModuleDict({block.name: FusedBlock(state, block) for block in BLOCKS})
        self.to(dtype)
        self.register_buffer("classifier", state["fc.weight"].to(torch.float32))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 3, 299, 299) grey levels => pool (N, 2048), logits (N, 1008), spatial (N, 2023).

        The pool is the last block's mean over the image, the logits are without bias, as the Inception Score takes
        them, and the spatial features are ADM's, flattened as (H, W, C).
        """
        if self._dtype != torch.float32:
            # Eight bits are enough for differences from the centre, but not for what it is subtracted from later.
            x = (x - self._centre).div_(self._scale)
        x = x.to(self._dtype, memory_format=torch.channels_last)
        x = torch.cat([self._stem(piece) for piece in x.split(STEM_PIECE if x.device.type == "cpu" else len(x))])
        for name, block in self.blocks.items():
            x = block(x)
            if name == SPATIAL_BLOCK:
                spatial = x[:, :SPATIAL_CHANNELS].permute(0, 2, 3, 1).flatten(1)
        pool = x.float().mean((2, 3))
        return pool, pool @ self.classifier.T, spatial.float()

    def _stem(self, x: Tensor) -> Tensor:  # (N, 3, 299, 299) => (N, 192, 35, 35)
        for name, convolution in self.stem.items():
            x = F.relu_(convolution(x))
            if name in POOLED:
                x = F.max_pool2d(x, 3, 2)
        return x

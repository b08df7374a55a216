"""The FID's Inception-v3 as it was published, unfolded and in float64: what the rewritten network has to equal.

Szegedy et al., arXiv 1512.00567, with the changes that `inception_layout` lists; written in the order of the paper's
figures and not from that table, so that a mistake in one does not hide in the other. It is for comparison, and slow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


class Plain:
    """Every convolution, batch-norm and branch apart, in the order of the paper's figures.

    Args:
        state: the published state dict.
        dtype: of weights and arithmetic.
    """

    def __init__(self, state: Mapping[str, Tensor], dtype: torch.dtype = torch.float64) -> None:
        self.state = {key: value.to(dtype) for key, value in state.items()}

    def conv(self, x: Tensor, name: str, stride: int = 1, padding: Any = 0) -> Tensor:
        """Convolution, batch-norm, ReLU."""
        s = self.state
        x = F.conv2d(x, s[f"{name}.conv.weight"], None, stride, padding)
        mean, variance, weight, bias = (
            s[f"{name}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.relu(F.batch_norm(x, mean, variance, weight, bias, training=False, eps=0.001))

    def chain(self, x: Tensor, block: str, branch: str, paddings: list[Any], last_stride: int = 1) -> Tensor:
        """Layers `branch`_1, _2 … in a row."""
        for number, padding in enumerate(paddings, 1):
            x = self.conv(x, f"{block}.{branch}_{number}", last_stride if number == len(paddings) else 1, padding)
        return x

    def pooled(self, x: Tensor, block: str) -> Tensor:
        """The pool comes first, as published."""
        max_pool = block == "Mixed_7c"
        x = F.max_pool2d(x, 3, 1, 1) if max_pool else F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return self.conv(x, f"{block}.branch_pool")

    def five(self, x: Tensor, block: str) -> Tensor:
        """The blocks on maps of 35 × 35."""
        parts = [self.conv(x, f"{block}.branch1x1"), self.chain(x, block, "branch5x5", [0, 2])]
        return torch.cat([*parts, self.chain(x, block, "branch3x3dbl", [0, 1, 1]), self.pooled(x, block)], 1)

    def six(self, x: Tensor, block: str) -> Tensor:
        """The blocks on maps of 17 × 17."""
        wide, high = (0, 3), (3, 0)
        parts = [self.conv(x, f"{block}.branch1x1"), self.chain(x, block, "branch7x7", [0, wide, high])]
        double = self.chain(x, block, "branch7x7dbl", [0, high, wide, high, wide])
        return torch.cat([*parts, double, self.pooled(x, block)], 1)

    def seven(self, x: Tensor, block: str) -> Tensor:
        """The blocks on maps of 8 × 8."""
        three = self.conv(x, f"{block}.branch3x3_1")
        double = self.chain(x, block, "branch3x3dbl", [0, 1])
        parts = [self.conv(x, f"{block}.branch1x1")]
        for name, tensor in (("branch3x3_2", three), ("branch3x3dbl_3", double)):
            parts.append(self.conv(tensor, f"{block}.{name}a", 1, (0, 1)))
            parts.append(self.conv(tensor, f"{block}.{name}b", 1, (1, 0)))
        return torch.cat([*parts, self.pooled(x, block)], 1)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 3, 299, 299) as the first layer wants them => features, logits without bias, the (H, W, C) of sFID."""
        x = self.conv(self.conv(x, "Conv2d_1a_3x3", 2), "Conv2d_2a_3x3")
        x = F.max_pool2d(self.conv(x, "Conv2d_2b_3x3", 1, 1), 3, 2)
        x = F.max_pool2d(self.conv(self.conv(x, "Conv2d_3b_1x1"), "Conv2d_4a_3x3"), 3, 2)
        for letter in "bcd":
            x = self.five(x, f"Mixed_5{letter}")
        parts = [self.conv(x, "Mixed_6a.branch3x3", 2), self.chain(x, "Mixed_6a", "branch3x3dbl", [0, 1, 0], 2)]
        x = torch.cat([*parts, F.max_pool2d(x, 3, 2)], 1)
        for letter in "bcde":
            if letter == "d":
                # TensorFlow's mixed_6/conv is this branch, after its ReLU; ADM takes 7 of its 192 channels.
                spatial = self.conv(x, "Mixed_6d.branch1x1")[:, :7].permute(0, 2, 3, 1).flatten(1)
            x = self.six(x, f"Mixed_6{letter}")
        parts = [self.chain(x, "Mixed_7a", "branch3x3", [0, 0], 2)]
        parts.append(self.chain(x, "Mixed_7a", "branch7x7x3", [0, (0, 3), (3, 0), 0], 2))
        x = torch.cat([*parts, F.max_pool2d(x, 3, 2)], 1)
        x = self.seven(self.seven(x, "Mixed_7b"), "Mixed_7c")
        pool = x.mean((2, 3))
        return pool, F.linear(pool, self.state["fc.weight"]), spatial

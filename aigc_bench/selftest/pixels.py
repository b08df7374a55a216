"""Rows of the self-test about pixels, random numbers and the network, against other programs and known answers."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from aigc_bench import noise
from aigc_bench.modalities.image.extractors.inception import AFFINES, InceptionFeatures
from aigc_bench.modalities.image.extractors.inception_layout import SIZE_PX, variance_preserving_weights
from aigc_bench.modalities.image.extractors.inception_plain import Plain
from aigc_bench.modalities.image.extractors.resize import Kernel, resize
from aigc_bench.selftest.rows import Check

PHILOX_ANSWERS = (
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
)
"""counter, key and output of Random123's known-answer tests"""


def checks(device: torch.device) -> list[Check]:
    """All of them; the network runs on `device`."""
    return [*_resize(), _philox(), _network(device)]


def _resize() -> list[Check]:
    others: dict[Kernel, tuple[str, Callable[[Tensor], Tensor]]] = {
        "pil-bicubic-float": ("Pillow's BICUBIC in mode F", _by_pillow),
        "torch-bilinear": ("torch's interpolate, in float64", _by_torch),
        "tf1-bilinear": ("torch's grid_sample at the pixels i · in / out, in float64", _by_grid),
    }
    return [
        Check(
            f"resize {kernel}, largest difference",
            0.0,
            2e-4,
            "grey levels: float32 rounding of sums of a few products near 255",
            f"{name}; from 32 × 32 and 320 × 300 to 299 × 299",
            functools.partial(_largest_difference, kernel, other),
        )
        for kernel, (name, other) in others.items()
    ]


def _largest_difference(kernel: Kernel, other: Callable[[Tensor], Tensor]) -> float:
    batches = [_images(2, height, width) for height, width in ((32, 32), (320, 300))]
    pairs = [(resize(batch, kernel, SIZE_PX, SIZE_PX).double(), other(batch).double()) for batch in batches]
    return float(torch.stack([(ours - theirs).abs().max() for ours, theirs in pairs]).max())


def _images(num: int, height: int, width: int) -> Tensor:
    """(num, 3, height, width) uint8: noise of one, two and four pixels' grain in turn."""
    generator = torch.Generator().manual_seed(height)
    grains = [2 ** (i % 3) for i in range(num)]
    coarse = [torch.rand(1, 3, height // grain, width // grain, generator=generator) for grain in grains]
    images = torch.cat([F.interpolate(z, (height, width)) for z in coarse])
    return images.mul(255).round().to(torch.uint8)


def _by_pillow(batch: Tensor) -> Tensor:
    def resized(channel: Tensor) -> Tensor:
        image = Image.fromarray(channel.numpy().astype(np.float32))
        return torch.from_numpy(np.array(image.resize((SIZE_PX, SIZE_PX), resample=Image.Resampling.BICUBIC)))

    channels = [resized(channel) for channel in batch.flatten(0, 1)]
    return torch.stack(channels).reshape(*batch.shape[:2], SIZE_PX, SIZE_PX).clamp(0, 255)


def _by_torch(batch: Tensor) -> Tensor:
    resized: Tensor = F.interpolate(batch.double(), (SIZE_PX, SIZE_PX), mode="bilinear", align_corners=False)
    return resized


def _by_grid(batch: Tensor) -> Tensor:
    """grid_sample counts from the first to the last pixel's centre as -1 … 1; beyond, the border repeats."""
    steps = torch.arange(SIZE_PX, dtype=torch.float64) / SIZE_PX
    y, x = (2 * steps * size / (size - 1) - 1 for size in batch.shape[2:])
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1).expand(len(batch), -1, -1, -1)
    return F.grid_sample(batch.double(), grid, mode="bilinear", padding_mode="border", align_corners=True)


def _philox() -> Check:
    return Check(
        "Philox4x32-10: words of the known answers that are right",
        12.0,
        0.0,
        "integers",
        "known-answer vectors of Random123 (Salmon et al., SC 2011)",
        _right_words,
    )


def _right_words() -> float:
    right = 0
    for counter, key, expected in PHILOX_ANSWERS:
        words = noise.philox(
            tuple(torch.tensor([c]) for c in counter), (torch.tensor([key[0]]), torch.tensor([key[1]]))
        )
        right += sum(int(word) == answer for word, answer in zip(words, expected, strict=True))
    return float(right)


def _network(device: torch.device) -> Check:
    return Check(
        "Inception on random weights: rewritten in float32 against plain in float64, largest difference",
        0.0,
        5e-5,
        "share of the largest feature, logit or spatial feature: float32 rounding over 48 layers",
        "Szegedy et al., arXiv 1512.00567, with the changes of the FID's",
        functools.partial(_against_plain, device),
    )


@torch.inference_mode()
def _against_plain(device: torch.device) -> float:
    state, batch = variance_preserving_weights(0), _images(2, 32, 32)
    found = InceptionFeatures(state, "random", "tf1-bilinear", device, spatial=True)(batch.to(device))
    centre, scale = AFFINES["tf1-bilinear"]
    expected = Plain(state)((resize(batch, "tf1-bilinear", SIZE_PX, SIZE_PX).double() - centre) / scale)
    assert found.logits is not None
    assert found.spatial is not None
    pairs = zip((found.pool, found.logits, found.spatial), expected, strict=True)
    shares = [(ours.cpu().double() - plain).abs().max() / plain.abs().max() for ours, plain in pairs]
    return float(torch.stack(shares).max())

"""Each kernel against the program it is named after, upwards, downwards and sideways."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from aigc_bench.modalities.image.extractors.resize import Kernel, matrix, resize

CPU = torch.device("cpu")
SIZES = [(32, 32, 299, 299), (40, 21, 13, 17), (300, 320, 299, 299), (9, 40, 30, 9), (1, 5, 4, 4)]
TOLERANCE = 2e-4
"""grey levels: float32 rounding of sums of a few products near 255"""


def images(height: int, width: int) -> Tensor:
    """Two colour images of noise, (2, 3, height, width) uint8."""
    generator = torch.Generator().manual_seed(height * 1000 + width)
    return torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8, generator=generator)


def tensorflow_1(channel: np.ndarray, height: int, width: int) -> np.ndarray:
    """`resize_bilinear`, align_corners = False, one pixel at a time."""
    found = np.empty((height, width))
    for i in range(height):
        y = i * channel.shape[0] / height
        top, bottom = int(y), min(int(y) + 1, channel.shape[0] - 1)
        for j in range(width):
            x = j * channel.shape[1] / width
            left, right = int(x), min(int(x) + 1, channel.shape[1] - 1)
            above = channel[top, left] + (channel[top, right] - channel[top, left]) * (x - left)
            below = channel[bottom, left] + (channel[bottom, right] - channel[bottom, left]) * (x - left)
            found[i, j] = above + (below - above) * (y - top)
    return found


def pillow(channel: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pillow's BICUBIC in mode "F", clipped."""
    image = Image.fromarray(channel.astype(np.float32))
    assert image.mode == "F"
    return np.asarray(image.resize((width, height), resample=Image.Resampling.BICUBIC)).clip(0, 255)


@pytest.mark.parametrize("sizes", [(32, 32, 60, 61), *SIZES[1:2], *SIZES[3:]])
def test_tf1_bilinear_is_tensorflow_s(sizes: tuple[int, int, int, int]) -> None:
    """Against a loop over pixels."""
    batch = images(*sizes[:2])
    expected = [[tensorflow_1(channel.double().numpy(), *sizes[2:]) for channel in image] for image in batch]
    found = resize(batch, "tf1-bilinear", *sizes[2:])
    torch.testing.assert_close(found.double(), torch.from_numpy(np.array(expected)), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("sizes", SIZES)
def test_torch_bilinear_is_torch_s(sizes: tuple[int, int, int, int]) -> None:
    """Against `interpolate` without antialiasing, in float64."""
    batch = images(*sizes[:2])
    expected = F.interpolate(batch.double(), sizes[2:], mode="bilinear", align_corners=False)
    found = resize(batch, "torch-bilinear", *sizes[2:])
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("sizes", SIZES)
def test_pil_bicubic_is_pillow_s(sizes: tuple[int, int, int, int]) -> None:
    """Against Pillow, channel by channel, with overshoot clipped."""
    batch = images(*sizes[:2])
    expected = [[pillow(channel.numpy(), *sizes[2:]) for channel in image] for image in batch]
    found = resize(batch, "pil-bicubic-float", *sizes[2:])
    torch.testing.assert_close(found, torch.from_numpy(np.array(expected)), rtol=0, atol=TOLERANCE)
    assert float(found.min()) >= 0
    assert float(found.max()) <= 255


@pytest.mark.parametrize("kernel", get_args(Kernel))
def test_a_constant_stays_and_an_equal_size_changes_nothing(kernel: Kernel) -> None:
    """Rows sum to one; the matrix of an unchanged axis, which is never multiplied with, is the identity."""
    torch.testing.assert_close(matrix(kernel, 31, 299, CPU).sum(1), torch.ones(299), rtol=0, atol=1e-6)
    torch.testing.assert_close(matrix(kernel, 31, 31, CPU), torch.eye(31), rtol=0, atol=1e-7)
    batch = images(31, 31)
    assert torch.equal(resize(batch, kernel, 31, 31), batch.float())


def test_a_matrix_made_in_inference_mode_still_takes_gradients() -> None:
    """The cache outlives the mode."""
    with torch.inference_mode():
        resize(images(11, 7), "tf1-bilinear", 5, 6)
    batch = images(11, 7).float().requires_grad_()
    resize(batch, "tf1-bilinear", 5, 6).sum().backward()
    assert batch.grad is not None
    assert float(batch.grad.mean()) == pytest.approx(5 * 6 / (11 * 7), rel=1e-5)

"""The kernels of CUDA on a CPU, by Triton's interpreter: `tox -e triton`, since Triton is a gigabyte."""

from __future__ import annotations

import importlib
import importlib.util
import os
from types import ModuleType

import pytest
import torch

from aigc_bench import noise

if importlib.util.find_spec("triton") is None or os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("needs Triton and TRITON_INTERPRET=1: tox -e triton", allow_module_level=True)

SEEDS = torch.tensor([0, 1, -1, 2**62, -(2**63), 0x12345678_9ABCDEF0])


@pytest.fixture(scope="module")
def kernels() -> ModuleType:
    """Imported as nobody without CUDA does."""
    return importlib.import_module("aigc_bench.noise.kernels")


@pytest.mark.parametrize("stream", [0, 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize("num", [1, 4, 7, 101, 300])
def test_words_have_the_same_bits(num: int, stream: int, kernels: ModuleType) -> None:
    """As those that are compared with the published known answers."""
    found = kernels.words(SEEDS, num, stream)
    assert found.dtype == torch.int64
    assert torch.equal(found, noise.words(SEEDS, num, stream))
    every_other = torch.stack([SEEDS, SEEDS + 1], 1)[:, 0]
    assert torch.equal(kernels.words(every_other, num, stream), found)


@pytest.mark.parametrize("num", [1, 2, 7, 100, 301])
def test_normals_are_those_of_a_cpu_but_for_rounding(num: int, kernels: ModuleType) -> None:
    """Even and odd, of one seed and of several."""
    found = kernels.normal(SEEDS, num, 5)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, noise.normal(SEEDS, num, 5), rtol=1e-6, atol=1e-7)


def test_of_nothing_there_is_nothing(kernels: ModuleType) -> None:
    """No seeds, or no numbers."""
    for num_seeds, num in ((0, 5), (3, 0)):
        for draw in (kernels.words, kernels.normal):
            assert draw(SEEDS[:num_seeds], num, 0).shape == (num_seeds, num)

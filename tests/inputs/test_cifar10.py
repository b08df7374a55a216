"""Files in CIFAR-10's binary format, opened as samples."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from aigc_bench.core.errors import DataError
from aigc_bench.modalities.image.opening import open_samples


@pytest.fixture
def content() -> np.ndarray:
    """Seven records."""
    rng = np.random.default_rng(0)
    return np.concatenate([rng.integers(0, 10, (7, 1)), rng.integers(0, 256, (7, 3072))], 1).astype(np.uint8)


def test_records_are_opened_plane_by_plane(content: np.ndarray, tmp_path: Path) -> None:
    """Red, green and blue planes, row by row, without the label; the digest is that of the same array."""
    path = tmp_path / "data_batch_1.bin"
    path.write_bytes(content.tobytes())
    with open_samples(path) as samples:
        assert (samples.num_samples, samples.num_listed, samples.shape) == (7, 7, (3, 32, 32))
        assert "CIFAR-10's binary format" in samples.policies[0]
        found = torch.cat(list(samples.batches(3)))
        assert int(found[4, 2, 5, 6]) == content[4, 1 + 2 * 1024 + 5 * 32 + 6]
        images = content[:, 1:].reshape(7, 3, 32, 32)
        assert torch.equal(found, torch.from_numpy(images))
        assert samples.digest == open_samples(images).digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:0], "0 records of 3073 bytes"),
        (lambda data: data[:-1], "6 records of 3073 bytes and 3072 more"),
        (lambda data: data[:3072], "0 records of 3073 bytes and 3072 more"),
        (lambda data: data[:3073] + b"\x0a" + data[3074:], "record 1 has label 10, expected 0…9"),
    ],
)
def test_other_files_are_refused(content: np.ndarray, change: object, message: str, tmp_path: Path) -> None:
    """Empty, truncated, or with a label that there is not: named, with exit code 2."""
    path = tmp_path / "a.bin"
    path.write_bytes(change(content.tobytes()))  # type: ignore[operator]
    with pytest.raises(DataError, match=message) as caught:
        open_samples(path)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 2


def test_real_batches_are_opened() -> None:
    """The first image is a frog, a photograph: neighbouring pixels are alike in every direction and channel."""
    folder = Path(os.environ.get("AIGC_BENCH_DATA", Path(__file__).parents[3] / "shared" / "data")) / "cifar10"
    paths = sorted(folder.glob("*_batch*.bin"))
    if not paths:
        pytest.skip("CIFAR-10 is not here: set AIGC_BENCH_DATA to a folder that holds cifar10/")
    for path in paths:
        with open_samples(path) as samples:
            assert samples.num_samples == path.stat().st_size // 3073
            first = next(samples.batches(100)).float()
        for axis in (2, 3):
            steps = first.diff(dim=axis).square().mean((0, 2, 3)) / first.var((0, 2, 3))
            assert float(steps.max()) < 0.2

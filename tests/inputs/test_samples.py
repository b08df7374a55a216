"""Grouping by size, and digests that do not depend on batches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from aigc_bench.core.errors import DataError
from aigc_bench.modalities.image.opening import open_samples
from aigc_bench.samples.chunks import PENDING, Chunk, SampleDigest, grouped
from aigc_bench.samples.sets import SampleSet


def mixed(num: int, num_sizes: int, drawn: list[int] | None = None) -> Iterator[Tensor]:
    """Samples (H, W, 3) whose pixels are their number and whose height is one of several."""
    for index in range(num):
        if drawn is not None:
            drawn.append(index)
        yield torch.full((1 + index % num_sizes, 2, 3), index, dtype=torch.uint8)


@pytest.mark.parametrize("num_sizes", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("size", [1, 4, 10])
def test_chunks_hold_each_sample_once_with_those_of_its_size(num_sizes: int, size: int) -> None:
    """And `indices` says which they are."""
    chunks = list(grouped(mixed(100, num_sizes), size))
    seen = torch.cat([chunk.indices for chunk in chunks])
    assert sorted(seen.tolist()) == list(range(100))
    for indices, samples in chunks:
        assert 1 <= len(indices) == len(samples) <= size
        assert indices.tolist() == sorted(indices.tolist())
        assert samples.shape[1:] == (3, 1 + int(indices[0]) % num_sizes, 2)
        assert torch.equal(samples[:, 0, 0, 0], indices.to(torch.uint8))
    if num_sizes == 1:
        assert seen.tolist() == list(range(100))
        assert all(len(chunk.indices) == size for chunk in chunks[:-1])
    if num_sizes == 2:
        assert all(len(chunk.indices) == size for chunk in chunks[:-2])


@pytest.mark.parametrize("num_sizes", [1, 3, 100])
def test_a_bounded_number_of_samples_waits(num_sizes: int) -> None:
    """Never more than PENDING chunks, however many sizes there are."""
    drawn: list[int] = []
    given = 0
    for chunk in grouped(mixed(100, num_sizes, drawn), 5):
        given += len(chunk.indices)
        assert len(drawn) - given < PENDING * 5


def test_chunks_lie_as_convolutions_like_them() -> None:
    """As the pixels of an image: channels last."""
    chunk = next(grouped(mixed(4, 1), 4))
    assert chunk.samples.is_contiguous(memory_format=torch.channels_last)


class Mixed(SampleSet):
    """Samples of two sizes."""

    num_listed = num_samples = 8
    shape = digest = None

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Yield in groups."""
        return grouped(mixed(8, 2), size)


def test_batches_need_one_size() -> None:
    """And say which they found, and the way out."""
    with pytest.raises(DataError, match=r"several sizes, \(3, 1, 2\) and \(3, 2, 2\).*chunks\(\)") as caught:
        list(Mixed("mixed", ()).batches(2))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("size", [1, 3, 10])
def test_the_digest_is_over_shape_and_pixels(size: int) -> None:
    """However they are batched, whatever memory format they have."""
    samples = torch.arange(240, dtype=torch.uint8).reshape(10, 3, 2, 4)
    expected = hashlib.sha256()
    for sample in samples:
        expected.update(b"(3, 2, 4)")
        expected.update(bytes(sample.flatten().tolist()))
    for layout in (torch.contiguous_format, torch.channels_last):
        digest = SampleDigest()
        for batch in samples.contiguous(memory_format=layout).split(size):
            digest.update(batch)
        assert digest.hexdigest() == expected.hexdigest()
    assert open_samples(samples).digest == expected.hexdigest()


def test_a_turned_image_is_another() -> None:
    """The same bytes in another shape have another digest."""
    flat = torch.zeros(1, 3, 2, 4, dtype=torch.uint8)
    assert open_samples(flat).digest != open_samples(flat.reshape(1, 3, 4, 2)).digest

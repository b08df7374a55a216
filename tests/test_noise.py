"""Philox against its published answers, and the laws that make a seed name a sample."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from aigc_bench import noise


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
        (
            (0xFFFFFFFF,) * 4,
            (0xFFFFFFFF,) * 2,
            (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        ),
    ],
)
def test_philox_gives_the_published_answers(
    counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]
) -> None:
    """The known-answer vectors of Random123."""
    words = noise.philox(tuple(torch.tensor([c]) for c in counter), (torch.tensor([key[0]]), torch.tensor([key[1]])))
    assert tuple(int(word) for word in words) == expected


@pytest.mark.parametrize("draw", [noise.words, noise.uniform, noise.normal])
def test_a_seed_names_its_numbers_whatever_the_batch_or_threads(draw: object) -> None:
    """The same bits alone, in a batch, in another order, and on one thread."""
    seeds = torch.tensor([5, -1, 2**62, 0, 7])
    together = draw(seeds, 101)  # type: ignore[operator]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for i in range(len(seeds)):
            assert torch.equal(draw(seeds[i : i + 1], 101)[0], together[i])  # type: ignore[operator]
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(draw(seeds.flip(0), 101), together.flip(0))  # type: ignore[operator]


def test_distributions_are_what_they_are_called() -> None:
    """Kolmogorov and Smirnov find nothing against 40,000 uniforms and normals; integers fill their range evenly."""
    seeds = torch.arange(400)
    assert stats.kstest(noise.uniform(seeds, 100).flatten().numpy(), "uniform").pvalue > 1e-3
    assert stats.kstest(noise.normal(seeds, 100).flatten().numpy(), "norm").pvalue > 1e-3
    counts = torch.bincount(noise.integers(seeds, 100, 7).flatten(), minlength=7)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3


def test_streams_and_seeds_are_independent() -> None:
    """Unlike streams of one seed, and neighbouring seeds of one stream, are uncorrelated."""
    seeds = torch.arange(2)
    x, y = noise.normal(seeds, 20_000), noise.normal(seeds, 20_000, stream=1)
    correlations = torch.corrcoef(torch.cat([x, y]))
    assert float((correlations - torch.eye(4)).abs().max()) < 0.03


def test_seeds_of_the_wrong_kind_are_refused() -> None:
    """The message says what came."""
    with pytest.raises(TypeError, match="float32"):
        noise.uniform(torch.zeros(3), 2)

"""Philox against its published answers, and the laws that make a seed name a sample."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from aigc_bench import noise
from aigc_bench.noise import few


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


@pytest.mark.parametrize("stream", [0, 1, 2**32 - 1])
@pytest.mark.parametrize("num", [1, 4, 7, 101])
def test_few_numbers_have_the_bits_of_many(num: int, stream: int) -> None:
    """They are made by other operations; both against the scalar algorithm in plain Python."""
    seeds = torch.tensor([0, 1, -1, 2**62, -(2**63), 0x12345678_9ABCDEF0])
    found = noise.words(seeds, num, stream)
    times = few.FEW // (len(seeds) * -(-num // 4)) + 1
    many = noise.words(seeds.repeat(times), num, stream)
    assert torch.equal(found.repeat(times, 1), many)
    expected = [
        [word for block in range(-(-num // 4)) for word in scalar_philox((block, stream, 0, 0), seed % 2**64)][:num]
        for seed in seeds.tolist()
    ]
    assert found.tolist() == expected
    assert found.dtype == torch.int64
    assert [noise.words(seed[None], num, stream)[0].tolist() for seed in seeds] == expected


def test_normals_of_one_are_those_of_few_and_of_many() -> None:
    """To the bit, whichever way they were made."""
    seeds = torch.arange(3) * 7919 - 5000
    for num in (1, 2, 7, 100, 784, 2048):
        times = 4 * few.FEW // (len(seeds) * num) + 1
        found, many = noise.normal(seeds, num, 9), noise.normal(seeds.repeat(times), num, 9)
        assert torch.equal(found.repeat(times, 1), many)
        assert torch.equal(torch.cat([noise.normal(seed[None], num, 9) for seed in seeds]), found)


def scalar_philox(counter: tuple[int, ...], key: int) -> tuple[int, ...]:
    """As the paper's figure 3 has it, one block at a time."""
    c0, c1, c2, c3 = counter
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c3 ^ k1, p0 & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


def test_nothing_is_drawn_of_nothing() -> None:
    """No seeds, or no numbers."""
    assert noise.words(torch.zeros(0, dtype=torch.int64), 5).shape == (0, 5)
    assert noise.uniform(torch.arange(3), 0).shape == (3, 0)


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

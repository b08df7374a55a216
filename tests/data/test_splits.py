"""The splits: disjoint, stratified, repeatable, and named by a digest; the digits are split so."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits

from aigc_bench.core import Batch
from aigc_bench.data import digits
from aigc_bench.data.splits import digest_of, split


def test_digits_split_is_disjoint_and_complete() -> None:
    """All 1,797 digits, each in one split; 17 grey levels."""
    data = digits.build()
    parts = [data.fit, data.reference, data.holdout]
    assert [len(part.samples) for part in parts] == [897, 450, 450]
    whole = torch.cat([part.samples for part in parts]).flatten(1)
    assert whole.unique().numel() == 17
    original = torch.from_numpy(load_digits().images).mul(255 / 16).round().to(torch.uint8).flatten(1)
    assert sorted(map(bytes, whole.numpy())) == sorted(map(bytes, original.numpy()))


def test_no_sample_is_in_two_splits_and_every_split_has_its_share_of_each_class() -> None:
    """Samples that are their own index: each comes once, with its label, and classes are even to within two."""
    labels = torch.from_numpy(load_digits().target).long()
    parts = split(torch.arange(len(labels)), labels, digits.SIZES, digits.SPLIT_SEED)
    assert sorted(torch.cat([part.samples for part in parts]).tolist()) == list(range(len(labels)))
    for part, size in zip(parts, digits.SIZES, strict=True):
        assert part.labels is not None
        assert torch.equal(part.labels, labels[part.samples])
        share = labels.bincount() * size / len(labels)
        assert float((part.labels.bincount() - share).abs().max()) <= 2


def test_a_split_repeats_and_depends_on_its_seed() -> None:
    """With and without labels; the order within a split is not sorted by class."""
    samples, labels = torch.arange(60), torch.arange(60) // 20
    for classes in (None, labels):
        first, again, other = (split(samples, classes, (40, 10, 10), seed) for seed in (0, 0, 1))
        assert [part.samples.tolist() for part in first] == [part.samples.tolist() for part in again]
        assert first[0].samples.tolist() != other[0].samples.tolist()
        assert first[0].samples.tolist() != sorted(first[0].samples.tolist())


def test_the_digest_changes_with_samples_labels_shapes_and_splits() -> None:
    """Equal data have equal digests, and nothing else has."""
    samples, labels = torch.arange(12, dtype=torch.uint8).reshape(6, 2), torch.arange(6)
    other_samples, other_labels = samples.clone(), labels.clone()
    other_samples[5, 1] += 1
    other_labels[0] += 1
    digests = [
        digest_of(Batch(samples[:4], labels[:4]), Batch(samples[4:], labels[4:])),
        digest_of(Batch(samples[:3], labels[:3]), Batch(samples[3:], labels[3:])),
        digest_of(Batch(other_samples[:4], labels[:4]), Batch(other_samples[4:], labels[4:])),
        digest_of(Batch(samples[:4], other_labels[:4]), Batch(samples[4:], other_labels[4:])),
        digest_of(Batch(samples[:4].reshape(2, 4), labels[:4]), Batch(samples[4:], labels[4:])),
        digest_of(Batch(samples[:4]), Batch(samples[4:])),
    ]
    assert len(set(digests)) == len(digests)
    assert digest_of(Batch(samples[:4].clone(), labels[:4]), Batch(samples[4:], labels[4:])) == digests[0]

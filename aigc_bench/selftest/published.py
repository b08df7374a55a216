"""Rows of the self-test that reproduce published scores of CIFAR-10: with the published weights, where all data are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from aigc_bench.core.errors import NotAvailableError
from aigc_bench.evidence.extractors import Place
from aigc_bench.selftest.cifar10_scores import Cifar10, Split, fid, inception_score_of, kid, kid_of_noise
from aigc_bench.selftest.rows import Check

Compute = Callable[[Cifar10], float]

FLOAT32 = "float32 rounding over 48 layers, 1e-4 of the value"
ABSOLUTE = "absolute, since it may be 0: float32 rounding of features, and of their kernels in the source"
ORDER = "the source does not say in which order, which moves the mean over ten splits of 1,000 by an estimated .03"
SMOKE, VERSIONS = "torch-fidelity, smoke_tests.py", "torch-fidelity, test_versions.py"
PRECISION = "torch-fidelity, test_metric_{}_fidelity.py"
ISSUE_39 = "openai/improved-gan, issue 39"


@dataclass(frozen=True, slots=True)
class Published:
    """A score that somebody printed."""

    name: str
    expected: float
    tolerance: float
    why: str
    """that tolerance"""
    source: str
    compute: Compute


def _score(num: int | None, split: Split, *, with_bias: bool = False) -> Compute:
    return partial(inception_score_of, split=split, num=num, with_bias=with_bias)


# fmt: off
PUBLISHED = (
    Published("Inception Score of 100 train", 4.51089784587268, 5e-4, FLOAT32, PRECISION.format("isc"),
              _score(100, "train")),
    Published("Inception Score of 256 train", 6.675409920681458, 1e-3, FLOAT32, SMOKE, _score(256, "train")),
    Published("Inception Score of 5,000 train", 10.75051, 1e-3, FLOAT32, VERSIONS, _score(5000, "train")),
    Published("Inception Score of train", 11.23678, 1e-3, FLOAT32, "torch-fidelity, README", _score(None, "train")),
    Published("Inception Score of test", 10.954855, 0.1, ORDER, ISSUE_39, _score(None, "test")),
    Published("Inception Score of test, with bias", 11.228305, 0.1, ORDER, ISSUE_39,
              _score(None, "test", with_bias=True)),
    Published("FID of 256 train, 256 test", 110.28082617202443, 2e-2, FLOAT32, SMOKE, partial(fid, num=256)),
    Published("FID of 5,000 train, 5,000 test", 10.3233274, 1e-3, FLOAT32, PRECISION.format("fid"),
              partial(fid, num=5000)),
    Published("FID of train, test", 3.15, 0.1, "3.15 is in common use without a source; a computed value is 3.1",
              "NVlabs/stylegan2-ada, issue 53", fid),
    Published("KID of 256 train, 256 test, 100 subsets of 64", -0.0006792521855187905, 1e-5, ABSOLUTE, SMOKE,
              partial(kid, num=256, subset_size=64)),
    Published("KID of 5,000 train, 5,000 test, 100 subsets of 1,000", -2.907863e-05, 1e-5, ABSOLUTE, VERSIONS,
              partial(kid, num=5000, subset_size=1000)),
    Published("KID of 5,000 train, 5,000 test with noise, 100 subsets of 1,000", 0.4718520, 1e-4, FLOAT32,
              PRECISION.format("kid"), partial(kid_of_noise, num=5000, subset_size=1000)),
)
# fmt: on


def checks(
    data_dir: Path | None,
    device: torch.device,
    place: Callable[[], Place],
    *,
    weights: Path | None = None,
    download: bool = False,
) -> list[Check]:
    """All of them; where weights or data are missing, each says what."""
    try:
        opened: Cifar10 | NotAvailableError = Cifar10.opened(
            data_dir, device, place, weights=weights, download=download
        )
    except NotAvailableError as error:
        opened = error
    return [
        Check(f"CIFAR-10, {row.name}", row.expected, row.tolerance, row.why, row.source,
              partial(_computed, opened, row.compute))
        for row in PUBLISHED
    ]  # fmt: skip


def _computed(opened: Cifar10 | NotAvailableError, compute: Compute) -> float:
    if isinstance(opened, NotAvailableError):
        raise opened
    return compute(opened)

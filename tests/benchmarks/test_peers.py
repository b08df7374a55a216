"""Against the peers, side by side in one run: what reports/peers.md shows.

AIGC_BENCH_PEERS=reports/peers.md pytest tests/benchmarks/test_peers.py -s

Medians of interleaved rounds (ours, theirs, theirs, ours, …) on the same data, threads and weights.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import scipy.linalg
import torch
from torch import Tensor

from aigc_bench.core import FeaturePair, Features, SampleSpec
from aigc_bench.features import inception
from aigc_bench.metrics import frechet, inception_score, kernel, manifold

OUTPUT = os.environ.get("AIGC_BENCH_PEERS")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(OUTPUT is None, reason="takes minutes: set AIGC_BENCH_PEERS to a file for the table"),
    pytest.mark.filterwarnings("ignore"),
]

DIM = 2048
NUM_IMAGES = 64
NUM_NEIGHBOURS = 4000
NUM_WHOLE = 192


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    """Rows of the report, written at the end."""
    rows: list[str] = []
    yield rows
    head = [
        "# Against the peers",
        "",
        "`AIGC_BENCH_PEERS=reports/peers.md pytest tests/benchmarks/test_peers.py -s`: medians of interleaved rounds",
        "(range in brackets) on the same data, threads and random weights; the ratio is the peer's time by ours.",
        "",
        f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, float32 convolutions.",
        "",
        "| what | ours, s | peer | peer's, s | ratio |",
        "|---|---|---|---|---|",
    ]
    assert OUTPUT is not None
    Path(OUTPUT).write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")


def compared(
    what: str, ours: Callable[[], Any], peer: str, theirs: Callable[[], Any], rounds: int, table: list[str]
) -> float:
    """The ratio of the medians; a row of the table."""
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    calls = {"ours": ours, "theirs": theirs}
    for number in range(rounds):
        for name in ("ours", "theirs") if number % 2 == 0 else ("theirs", "ours"):
            started = time.perf_counter()
            calls[name]()
            seconds[name].append(time.perf_counter() - started)
    mine, other = (statistics.median(seconds[name]) for name in ("ours", "theirs"))
    shown = {name: f"{statistics.median(s):.3g} ({min(s):.3g} … {max(s):.3g})" for name, s in seconds.items()}
    table.append(f"| {what} | {shown['ours']} | {peer} | {shown['theirs']} | {other / mine:.1f} |")
    print(table[-1])
    return other / mine


def features(seed: int, num: int) -> Tensor:
    """(num, DIM) correlated, non-negative features as a pooling layer gives."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(DIM, DIM, generator=torch.Generator().manual_seed(99)) / DIM**0.5
    return (torch.randn(num, DIM, generator=generator) @ mix + 0.05 * seed).relu()


def images(num: int) -> Tensor:
    """(num, 3, 32, 32) uint8."""
    return torch.randint(0, 256, (num, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(num))


def test_the_frechet_statistic(table: list[str]) -> None:
    """From covariances at D = 2048: scipy's general square root, and torchmetrics' eigenvalues."""
    from torchmetrics.image.fid import _compute_fid

    a, b = frechet.Moments.of(features(0, 3000)), frechet.Moments.of(features(1, 3000))

    def scipys() -> None:
        scipy.linalg.sqrtm((a.cov @ b.cov).numpy())

    ratio = compared("Fréchet statistic, D = 2048", lambda: frechet.frechet_distance(a, b), "scipy", scipys, 3, table)
    assert ratio > 2
    ratio = compared(
        "Fréchet statistic, D = 2048",
        lambda: frechet.frechet_distance(a, b),
        "torchmetrics",
        lambda: _compute_fid(a.mean, a.cov, b.mean, b.cov),
        3,
        table,
    )
    assert ratio > 1


def test_precision_and_recall(torch_fidelity: Any, table: list[str]) -> None:
    """Ours gives density, coverage and error bars in the same time."""
    x, y = features(0, NUM_NEIGHBOURS), features(1, NUM_NEIGHBOURS)

    def ours() -> None:
        pair = FeaturePair(Features(x), Features(y), "made", "0")
        for metric in (manifold.precision, manifold.recall, manifold.density, manifold.coverage):
            metric.compute(pair)

    prc = torch_fidelity.metric_prc
    for mode in ("full", "part"):
        theirs = getattr(prc, f"calculate_precision_recall_{mode}")
        what = f"precision and recall (ours: density and coverage too, with intervals), N = {NUM_NEIGHBOURS}, D = 2048"
        assert compared(what, ours, f"torch-fidelity, {mode}", lambda run=theirs: run(x, y), 3, table) > 0.3


def test_kernel_distance(torch_fidelity: Any, table: list[str]) -> None:
    """Exact over all pairs, against 100 subsets of 1000."""
    x, y = features(0, NUM_NEIGHBOURS), features(1, NUM_NEIGHBOURS)
    pair = FeaturePair(Features(x), Features(y), "made", "0")
    compared(
        f"KID, N = {NUM_NEIGHBOURS}, D = 2048 (ours exact in float64, with its standard error)",
        lambda: kernel.kd.compute(pair),
        "torch-fidelity, 100 subsets of 1000",
        lambda: torch_fidelity.metric_kid.kid_features_to_metric(x, y, verbose=False),
        3,
        table,
    )


def test_inception_features(torch_fidelity: Any, random_weights: Path, table: list[str]) -> None:
    """Resize and network, from uint8 images of 32 × 32 in memory."""
    spec = SampleSpec("image", (3, 32, 32))
    ours = inception.build(spec, device=torch.device("cpu"), weights=str(random_weights))
    theirs = torch_fidelity.feature_extractor_inceptionv3.FeatureExtractorInceptionV3(
        "inception", ["2048", "logits_unbiased"], str(random_weights)
    )
    batch = images(NUM_IMAGES)

    @torch.inference_mode()
    def peer() -> None:
        theirs(batch)

    ours(batch[:16])
    ratio = compared(
        f"Inception features of {NUM_IMAGES} images", lambda: ours(batch), "torch-fidelity", peer, 5, table
    )
    assert ratio > 1


def test_everything_end_to_end(torch_fidelity: Any, random_weights: Path, table: list[str]) -> None:
    """FID, KID, Inception Score, precision and recall of two sets of images in memory."""
    spec = SampleSpec("image", (3, 32, 32))
    sides = [images(NUM_WHOLE), images(NUM_WHOLE + 1)[:NUM_WHOLE]]
    extractor = inception.build(spec, device=torch.device("cpu"), weights=str(random_weights))
    network = torch_fidelity.feature_extractor_inceptionv3.FeatureExtractorInceptionV3(
        "inception", ["2048", "logits_unbiased"], str(random_weights)
    )

    def ours() -> None:
        pair = FeaturePair(extractor(sides[0]), extractor(sides[1]), "made", "0")
        for metric in (
            frechet.fd, kernel.kd, inception_score.inception_score, manifold.precision, manifold.recall
        ):  # fmt: skip
            metric.compute(pair)

    @torch.inference_mode()
    def theirs() -> None:
        real, fake = (
            [torch.cat(parts) for parts in zip(*(network(part) for part in side.split(64)), strict=True)]
            for side in sides
        )
        fid = torch_fidelity.metric_fid
        fid.fid_statistics_to_metric(*(fid.fid_features_to_statistics(x[0]) for x in (real, fake)), verbose=False)
        torch_fidelity.metric_kid.kid_features_to_metric(
            real[0], fake[0], kid_subset_size=NUM_WHOLE // 2, verbose=False
        )
        torch_fidelity.metric_prc.prc_features_to_metric(fake[0], real[0], verbose=False)
        torch_fidelity.metric_isc.isc_features_to_metric(fake[1])

    what = f"FID + KID + IS + precision + recall, {NUM_WHOLE} images a side of 32 × 32"
    assert compared(what, ours, "torch-fidelity", theirs, 2, table) > 1

"""Against the peers, side by side in one run: what reports/peers.md shows.

AIGC_BENCH_PEERS=reports/peers.md pytest tests/benchmarks/test_peers.py -s

Medians of interleaved rounds (ours, theirs, theirs, ours, …) on the same data, threads and weights.
"""

from __future__ import annotations

import gc
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import scipy.linalg
import torch
from torch import Tensor

from aigc_bench.core import FeaturePair, Features, SampleSpec
from aigc_bench.metrics import frechet, inception_score, kernel, manifold
from aigc_bench.metrics.moments import Moments
from aigc_bench.modalities.image.extractors import inception
from aigc_bench.modalities.image.opening import open_samples
from aigc_bench.system import timing

OUTPUT = os.environ.get("AIGC_BENCH_PEERS")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(OUTPUT is None, reason="takes minutes: set AIGC_BENCH_PEERS to a file for the table"),
    pytest.mark.filterwarnings("ignore"),
]

DIM = 2048
NUM_IMAGES = 64
NUM_KERNEL = 4000
NUM_NEIGHBOURS = 12_000
"""more than one tile of torch-fidelity's mode "part", which are 10,000 wide"""
NUM_WHOLE = int(os.environ.get("AIGC_BENCH_PEERS_IMAGES", "5000"))
SLICE = 250
"""images that are extracted in turn"""


class Table:
    """Rows of the report, written as they come; a row that is there is replaced, the others stay.

    So one comparison can be made anew without the hour that all of them take. Each row says of which commit it is; rows
    of another machine do not stay.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._revision = revision()  # before a row is written: the table lies among the sources
        self._head = [
            "# Against the peers",
            "",
            "`tox -e peers`, on an idle machine: medians of interleaved rounds (range in brackets) on the same data,",
            "threads and random weights; the ratio is theirs by ours. `tox -e peers -- -k NAME` makes some anew.",
            "",
            f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}, float32 convolutions.",
            "",
            "| what | ours, s | peer | peer's, s | ratio | commit |",
            "|---|---|---|---|---|---|",
        ]
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        same = lines[: len(self._head)] == self._head
        self._rows = {_key(line): line for line in lines[len(self._head) :]} if same else {}

    def add(self, row: str) -> None:
        """Write it below the others, or where it was."""
        row += f" {self._revision} |"
        print(row)
        self._rows[_key(row)] = row
        self._path.write_text("\n".join([*self._head, *self._rows.values()]) + "\n", encoding="utf-8")


def _key(row: str) -> tuple[str, str]:
    """What was measured, beside whom."""
    cells = row.split(" | ")
    return cells[0], cells[2]


def revision() -> str:
    """Of the sources that are measured."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "not known"


def processor() -> str:
    """What the system calls it, with what decides on the speed of matrix products."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    names = [line.partition(": ")[2] for line in info.splitlines() if line.startswith("model name")]
    return f"{(names or [platform.machine()])[0]} ({torch.backends.cpu.get_cpu_capability()})"


@pytest.fixture(scope="module")
def table() -> Table:
    """The report."""
    assert OUTPUT is not None
    return Table(Path(OUTPUT))


def compared(
    what: str, ours: Callable[[], Any], peer: str, theirs: Callable[[], Any], rounds: int, table: Table
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
    table.add(f"| {what} | {shown['ours']} | {peer} | {shown['theirs']} | {other / mine:.1f} |")
    return other / mine


def features(seed: int, num: int) -> Tensor:
    """(num, DIM) correlated, non-negative features as a pooling layer gives."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(DIM, DIM, generator=torch.Generator().manual_seed(99)) / DIM**0.5
    return (torch.randn(num, DIM, generator=generator) @ mix + 0.05 * seed).relu()


def images(num: int) -> Tensor:
    """(num, 3, 32, 32) uint8."""
    return torch.randint(0, 256, (num, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(num))


def test_the_frechet_statistic(table: Table) -> None:
    """From covariances at D = 2048: scipy's general square root, and torchmetrics' eigenvalues."""
    from torchmetrics.image.fid import _compute_fid

    a, b = Moments.of(features(0, 3000)), Moments.of(features(1, 3000))

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


def test_precision_and_recall(torch_fidelity: Any, table: Table) -> None:
    """Ours gives density, coverage and error bars in the same time, and never holds a matrix of all distances.

    Distances are N² of 2 D operations for every one, and a matrix of them N² numbers: what is measured here is carried
    to 50,000 samples by the square. Ours is measured there by experiments/growth.py.
    """
    x, y = features(0, NUM_NEIGHBOURS), features(1, NUM_NEIGHBOURS)

    def ours() -> None:
        pair = FeaturePair(Features(x), Features(y), "made", "0")
        for metric in (manifold.precision, manifold.recall, manifold.density, manifold.coverage):
            metric.compute(pair)

    prc = torch_fidelity.metric_prc
    what = f"precision and recall (ours: density and coverage too, with intervals), N = {NUM_NEIGHBOURS}, D = 2048"
    calls = {
        "ours": ours,
        "full": lambda: prc.calculate_precision_recall_full(x, y),
        "part": lambda: prc.calculate_precision_recall_part(x, y),
    }
    ratios = {mode: compared(what, ours, f"torch-fidelity, {mode}", calls[mode], 2, table) for mode in ("full", "part")}
    peaks = {name: held(call) for name, call in calls.items()}
    square = (50_000 / NUM_NEIGHBOURS) ** 2
    table.add(
        f"| the same, GiB beside the features | {peaks['ours']:.2f} | torch-fidelity, full | {peaks['full']:.2f}; "
        f"{peaks['full'] * square:.0f} at N = 50,000 | {peaks['full'] / peaks['ours']:.1f} |"
    )
    table.add(
        f"| the same, GiB beside the features | {peaks['ours']:.2f} | torch-fidelity, part | {peaks['part']:.2f} "
        f"| {peaks['part'] / peaks['ours']:.1f} |"
    )
    assert peaks["full"] > 4 * peaks["ours"]
    assert ratios["part"] > 1


def held(call: Callable[[], Any]) -> float:
    """GiB that a call holds at its peak, beyond what was held before."""
    device = torch.device("cpu")
    gc.collect()
    timing.reset_peak(device)
    before, _ = timing.peak_bytes(device)
    call()
    return (timing.peak_bytes(device)[0] - before) / 2**30


def test_kernel_distance(torch_fidelity: Any, table: Table) -> None:
    """Exact over all pairs, against 100 subsets of 1000."""
    x, y = features(0, NUM_KERNEL), features(1, NUM_KERNEL)
    ratio = compared(
        f"KID, N = {NUM_KERNEL}, D = 2048 (ours exact in float64, with its standard error)",
        lambda: kernel.kd.compute(FeaturePair(Features(x), Features(y), "made", "0")),  # anew: a pair keeps its sums
        "torch-fidelity, 100 subsets of 1000",
        lambda: torch_fidelity.metric_kid.kid_features_to_metric(x, y, verbose=False),
        3,
        table,
    )
    assert ratio > 1


def test_inception_features(torch_fidelity: Any, random_weights: Path, table: Table) -> None:
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


def cifar10(folder: Path | None, num: int) -> tuple[Tensor, Tensor]:
    """Two sets of `num` training images (num, 3, 32, 32) uint8; noise where CIFAR-10 is not here."""
    path = folder and folder / "cifar10" / "data_batch_1.bin"
    if path is None or not path.is_file():
        return images(num), images(num + 1)[:num]
    with open_samples(path) as samples:
        both = next(samples.batches(2 * num))
    return both[:num].contiguous(), both[num:].contiguous()


def test_everything_end_to_end(torch_fidelity: Any, random_weights: Path, table: Table) -> None:
    """FID, KID, Inception Score, precision and recall of two sets of images in memory.

    Extraction is interleaved slice by slice, so that a machine whose speed drifts is as fast for both.
    """
    data_dir = os.environ.get("AIGC_BENCH_DATA")
    sides = cifar10(Path(data_dir) if data_dir else None, NUM_WHOLE)
    spec = SampleSpec("image", (3, 32, 32))
    extractor = inception.build(spec, device=torch.device("cpu"), weights=str(random_weights))
    network = torch_fidelity.feature_extractor_inceptionv3.FeatureExtractorInceptionV3(
        "inception", ["2048", "logits_unbiased"], str(random_weights)
    )

    @torch.inference_mode()
    def peer(batch: Tensor) -> list[Tensor]:
        return [torch.cat(parts) for parts in zip(*(network(part) for part in batch.split(64)), strict=True)]

    def mine(batch: Tensor) -> list[Tensor]:
        found = extractor(batch)
        assert found.logits is not None
        return [found.pool, found.logits]

    calls: dict[str, Callable[[Tensor], list[Tensor]]] = {"ours": mine, "theirs": peer}
    found: dict[str, list[list[Tensor]]] = {"ours": [], "theirs": []}
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number, batch in enumerate([part for side in sides for part in side.split(SLICE)]):
        for name in ("ours", "theirs") if number % 2 == 0 else ("theirs", "ours"):
            started = time.perf_counter()
            found[name].append(calls[name](batch))
            seconds[name].append(time.perf_counter() - started)

    def gathered(name: str) -> tuple[list[Tensor], list[Tensor]]:
        parts = found[name]
        half = len(parts) // 2
        real, fake = (
            [torch.cat(column) for column in zip(*side, strict=True)] for side in (parts[:half], parts[half:])
        )
        return real, fake

    def statistics_of_ours() -> list[float]:
        real, fake = gathered("ours")
        pair = FeaturePair(Features(*real), Features(*fake), "made", "0")
        metrics = (frechet.fd, kernel.kd, inception_score.inception_score, manifold.precision, manifold.recall)
        return [metric.compute(pair).value for metric in metrics]

    def statistics_of_theirs() -> list[float]:
        real, fake = gathered("theirs")
        fid, kid = torch_fidelity.metric_fid, torch_fidelity.metric_kid
        moments = (fid.fid_features_to_statistics(side[0]) for side in (real, fake))
        scores = {
            **fid.fid_statistics_to_metric(*moments, verbose=False),
            **kid.kid_features_to_metric(real[0], fake[0], kid_subset_size=min(1000, NUM_WHOLE // 2), verbose=False),
            **torch_fidelity.metric_isc.isc_features_to_metric(fake[1]),
            **torch_fidelity.metric_prc.prc_features_to_metric(fake[0], real[0], verbose=False),
        }
        names = (
            "frechet_inception_distance",
            "kernel_inception_distance_mean",
            "inception_score_mean",
            "precision",
            "recall",
        )
        return [float(scores[name]) for name in names]

    values = {}
    for name, compute in (("ours", statistics_of_ours), ("theirs", statistics_of_theirs)):
        started = time.perf_counter()
        values[name] = compute()
        seconds[f"{name}, statistics"] = [time.perf_counter() - started]
    assert values["ours"][0] == pytest.approx(values["theirs"][0], rel=1e-3)
    assert values["ours"][2] == pytest.approx(values["theirs"][2], rel=1e-3)
    totals = {name: sum(seconds[name]) + seconds[f"{name}, statistics"][0] for name in ("ours", "theirs")}
    ratios = [other / own for own, other in zip(seconds["ours"], seconds["theirs"], strict=True)]
    shown = {name: f"{totals[name]:.4g} (of it statistics {seconds[f'{name}, statistics'][0]:.3g})" for name in totals}
    what = f"FID + KID + IS + precision + recall of {NUM_WHOLE} against {NUM_WHOLE} images of 32 × 32, end to end"
    spread = f"{statistics.median(ratios):.2f}, {min(ratios):.2f} … {max(ratios):.2f} over {len(ratios)} slices"
    table.add(
        f"| {what}; ours with error bars, density and coverage | {shown['ours']} | torch-fidelity, batch 64 "
        f"| {shown['theirs']} | {totals['theirs'] / totals['ours']:.2f} (features {spread}) |"
    )
    assert totals["theirs"] > totals["ours"]

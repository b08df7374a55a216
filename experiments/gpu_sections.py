"""What experiments/gpu.py measures, a section each: lines of Markdown."""

from __future__ import annotations

import importlib
import importlib.util
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from aigc_bench import noise
from aigc_bench.core import Batch, FeaturePair, Features, SampleSpec, plugins
from aigc_bench.generators import training
from aigc_bench.metrics import frechet, kernel, manifold
from aigc_bench.modalities.image.extractors import inception
from aigc_bench.system import timing

ROOT = Path(__file__).parents[1]
DIM = 2048
SPEC = SampleSpec("image", (1, 28, 28))


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done."""

    calls: int
    steps: int
    images: int
    samples: tuple[int, ...]
    scored: int
    suites: tuple[str, ...]


FULL = Size(50, 300, 1024, (5_000, 20_000, 50_000), 5_000, ("digits", "mnist"))
QUICK = Size(3, 5, 16, (500,), 60, ("smoke",))


@dataclass(frozen=True, slots=True)
class Bench:
    """Where it is done, and with what."""

    device: torch.device
    size: Size
    weights: Path
    folder: Path

    def median_s(self, call: Callable[[], Any], calls: int | None = None) -> float:
        """Of single calls, each waited for, after two others."""
        found = []
        for _ in range(2 + (calls or self.size.calls)):
            timing.wait_for(self.device)
            start = time.perf_counter()
            call()
            timing.wait_for(self.device)
            found.append(time.perf_counter() - start)
        return statistics.median(found[2:])


# ---- sections ---------------------------------------------------------------------------------------


def tests(bench: Bench) -> Iterator[str]:
    """The tests that need a GPU."""
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "tests/gpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    yield f"`pytest tests/gpu`: exit code {done.returncode}; {(done.stdout.strip().splitlines() or ['nothing'])[-1]}"
    if done.returncode:
        yield f"\n```\n{done.stdout[-6000:]}\n```"


def numbers(bench: Bench) -> Iterator[str]:
    """Random numbers, beside torch's own."""
    yield "| 100 numbers for each of | words, µs | normals, µs | torch.randn, µs |"
    yield "|---:|---:|---:|---:|"
    for num in (1, 64, 4096):
        seeds = torch.arange(num, device=bench.device)
        calls = (
            partial(noise.words, seeds, 100),
            partial(noise.normal, seeds, 100),
            partial(torch.randn, num, 100, device=bench.device),
        )
        yield f"| {num} | " + " | ".join(f"{1e6 * bench.median_s(call):.0f}" for call in calls) + " |"


def generators(bench: Bench) -> Iterator[str]:
    """Latency and throughput of sampling, how much of it is noise, and steps of training."""
    yield "| generator | one sample, ms | of which noise | samples / s at 256 | steps / s at batch 256 |"
    yield "|---|---:|---:|---:|---:|"
    data = Batch(torch.randint(0, 256, (2048, *SPEC.shape), dtype=torch.uint8, device=bench.device))
    one, many = torch.zeros(1, dtype=torch.int64, device=bench.device), torch.arange(256, device=bench.device)
    for name in ("gan", "dcgan", "vae"):
        with training.seeded(0):
            generator: Any = plugins.load("generator", name)(SPEC, device=bench.device)
            steps = generator.fit(training.batches(data, 256, seed=0), seed=0)
            rate = bench.size.steps / bench.median_s(partial(_taken, steps, bench.size.steps), 1)
        single = bench.median_s(partial(generator.sample, one))
        drawn = bench.median_s(partial(noise.normal, one, 100 if name == "gan" else 32))
        throughput = 256 / bench.median_s(partial(generator.sample, many))
        yield f"| {name} | {1e3 * single:.2f} | {drawn / single:.0%} | {throughput:,.0f} | {rate:,.0f} |"


def _taken(steps: Iterator[Any], num: int) -> None:
    for _ in range(num):
        next(steps)


def features(bench: Bench) -> Iterator[str]:
    """Images per second by precision, and how far features are from a CPU's."""
    spec = SampleSpec("image", (3, 32, 32))
    batch = torch.randint(0, 256, (bench.size.images, 3, 32, 32), dtype=torch.uint8)
    there, few = batch.to(bench.device), batch[: min(64, len(batch))]
    build = partial(inception.build, spec, weights=str(bench.weights))
    expected = build(device=torch.device("cpu"))(few).pool
    yield "| Inception features, 32 × 32 images in memory | images / s | error, standard deviations: largest, rms |"
    yield "|---|---:|---:|"
    for precision in get_args(inception.Precision):
        if precision == "tf32" and bench.device.type == "cpu":
            continue
        extractor = build(device=bench.device, precision=precision)
        rate = len(there) / bench.median_s(partial(extractor, there), 3)
        error = _error(extractor(few.to(bench.device)).pool, expected)
        yield f"| ours, {precision}, {extractor.batch_size} at once | {rate:,.0f} | {error} |"
    peer = _peer(bench)
    if peer is None:
        yield "\ntorch-fidelity is not here: AIGC_BENCH_PEERS_PATH names the folder of `tox -e peers`."
        return
    for tf32 in (False, True) if bench.device.type == "cuda" else (False,):
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=tf32), torch.inference_mode():
            for size in (64, 256):
                rate = len(there) / bench.median_s(partial(_all_of, peer, there, size), 3)
                error = _error(peer(few.to(bench.device))[0], expected)
                how = f"TF32 {'on, as it comes' if tf32 else 'off'}, {size} at once"
                yield f"| torch-fidelity, {how} | {rate:,.0f} | {error} |"


def _all_of(network: Any, images: Tensor, size: int) -> None:
    for part in images.split(size):
        network(part)


def _error(found: Tensor, expected: Tensor) -> str:
    spread = expected.std(0)
    varies = spread > 1e-3 * spread.mean()  # a feature that is the same for all images has no scale
    apart = ((found.cpu() - expected) / spread)[:, varies]
    return f"{float(apart.abs().max()):.2g}, {float(apart.square().mean().sqrt()):.2g}"


def _peer(bench: Bench) -> Any:
    sys.path += [folder for folder in [os.environ.get("AIGC_BENCH_PEERS_PATH")] if folder]
    if importlib.util.find_spec("torch_fidelity") is None:
        return None
    module = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    network = module.FeatureExtractorInceptionV3("inception", ["2048"], str(bench.weights))
    return network.to(bench.device).eval()


def scores(bench: Bench) -> Iterator[str]:
    """Statistics with their error bars, beside what their matrix products alone would take."""
    rate = _gemm_rate(bench, torch.float64), _gemm_rate(bench, torch.float32)
    yield f"Measured rate of matrix products: {rate[0] / 1e12:.2f} TFLOP/s in float64, {rate[1] / 1e12:.2f} in float32."
    yield ""
    yield "| N a side, D = 2048 | fd, s | kd, s | its products | neighbour metrics, s | their products |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for num in bench.size.samples:
        generator = torch.Generator(bench.device).manual_seed(0)
        sides = [torch.randn(num, DIM, generator=generator, device=bench.device).relu() for _ in range(2)]

        def seconds(metrics: list[Any], sides: list[Tensor] = sides) -> float:
            pair = FeaturePair(Features(sides[0]), Features(sides[1]), "made", "0")
            timing.wait_for(bench.device)
            start = time.perf_counter()
            for metric in metrics:
                metric.compute(pair)
            timing.wait_for(bench.device)
            return time.perf_counter() - start

        fd, kd = seconds([frechet.fd]), seconds([kernel.kd])
        near = seconds([manifold.precision, manifold.recall, manifold.density, manifold.coverage])
        # Of real × real and generated × generated half the tiles suffice.
        flops = 2 * 2 * num**2 * DIM
        yield f"| {num:,} | {fd:.2f} | {kd:.2f} | {flops / rate[0]:.2f} | {near:.2f} | {flops / rate[1]:.2f} |"


def _gemm_rate(bench: Bench, dtype: torch.dtype) -> float:
    side = 4096 if bench.device.type == "cuda" else 512
    x = torch.randn(side, side, device=bench.device, dtype=dtype)
    return 2 * side**3 / bench.median_s(lambda: x @ x, 5)


def commands(bench: Bench) -> Iterator[str]:
    """Whole processes: suites, and samples against samples."""
    yield "| command | exit code | seconds |"
    yield "|---|---:|---:|"
    random = np.random.default_rng(0)
    for name in ("real", "fake"):
        np.save(bench.folder / f"{name}.npy", random.integers(0, 256, (bench.size.scored, 32, 32, 3), dtype=np.uint8))
    fake, real = (str(bench.folder / f"{name}.npy") for name in ("fake", "real"))
    asked = [["run", suite] for suite in bench.size.suites]
    asked += [
        ["score", fake, "--real", real, "--weights", str(bench.weights), "--precision", precision]
        for precision in (("fp32", "tf32", "fp16") if bench.device.type == "cuda" else ("fp32",))
    ]
    for number, words in enumerate(asked):
        command = [sys.executable, "-m", "aigc_bench", *words, "--device", str(bench.device)]
        start = time.perf_counter()
        done = subprocess.run(
            [*command, "--store", str(bench.folder / str(number))], capture_output=True, text=True, check=False
        )
        shown = " ".join(words).replace(f"{bench.folder}/", "")
        yield f"| `{shown}` | {done.returncode} | {time.perf_counter() - start:.1f} |"
        if done.returncode:
            yield f"| {' '.join(done.stderr.split())[-300:]} | | |"


SECTIONS: dict[str, Callable[[Bench], Iterator[str]]] = {
    "Tests": tests,
    "Random numbers": numbers,
    "Generators": generators,
    "Features": features,
    "Statistics": scores,
    "Commands": commands,
}

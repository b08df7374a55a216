"""How far the extractor `inception` is from what the machine can do: prints a Markdown table.

python experiments/inception_floor.py --threads 2

Two floors, of time per image. *Arithmetic*: the floating-point operations of all convolutions, at the rate of a large
float32 matrix product. *Convolutions*: the sum over all convolutions of the time that each takes alone, over and over
on the same input, in the fastest way that torch offers it (weights and images channels-last, plain, or as oneDNN lays
them out); what stands between them, pools, ReLUs, concatenations and resizing, is counted as nothing. All are
interleaved round by round in one process; medians, and the range of the ratios over the rounds.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils import mkldnn

from aigc_bench.modalities.image.extractors.inception import AFFINES, MICRO_BATCH
from aigc_bench.modalities.image.extractors.inception_layout import (
    BLOCKS,
    NUM_CLASSES,
    NUM_FEATURES,
    POOLED,
    SIZE_PX,
    STEM,
    Layer,
    layers,
    variance_preserving_weights,
)
from aigc_bench.modalities.image.extractors.inception_network import Convolution, Network
from aigc_bench.modalities.image.extractors.resize import resize

GEMM = 2048
"""rows and columns of the matrix product that measures the peak"""


def flops_per_image() -> float:
    """Of the published network's convolutions and its classifier, two per multiply-add."""
    sizes = dict(_sizes())
    total = 2.0 * NUM_FEATURES * NUM_CLASSES
    for name, inputs, layer in layers():
        height, width = sizes[name]
        total += 2.0 * inputs * layer.outputs * layer.kernel[0] * layer.kernel[1] * height * width
    return total


def _sizes() -> Iterator[tuple[str, tuple[int, int]]]:
    """Height and width of every convolution's output."""
    size = (SIZE_PX, SIZE_PX)
    for layer in STEM:
        size = _after(size, layer)
        yield layer.name, size
        size = _halved(size) if layer.name in POOLED else size
    for block in BLOCKS:
        yield f"{block.name}.branch_pool", size
        for branch in block.branches:
            inner = size
            for step in branch:
                inner = _after(inner, step[0])
                yield from ((f"{block.name}.{layer.name}", inner) for layer in step)
        size = _halved(size) if block.pool == "halving" else size


def _after(size: tuple[int, int], layer: Layer) -> tuple[int, int]:
    height, width = (
        (length + 2 * padding - kernel) // layer.stride + 1
        for length, padding, kernel in zip(size, layer.padding, layer.kernel, strict=True)
    )
    return height, width


def _halved(size: tuple[int, int]) -> tuple[int, int]:
    return (size[0] - 3) // 2 + 1, (size[1] - 3) // 2 + 1


@dataclass
class Timed:
    """Something that is timed once a round."""

    call: Callable[[], Any]
    repeats: int = 1
    clock: ClassVar[Callable[[], float]] = staticmethod(time.perf_counter)

    def seconds(self) -> float:
        """Of one call."""
        started = Timed.clock()
        for _ in range(self.repeats):
            self.call()
        return (Timed.clock() - started) / self.repeats


def formats(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: tuple[int, int]) -> Iterator[Timed]:
    """One convolution in every way that torch offers."""
    for layout in (torch.channels_last, torch.contiguous_format):
        a, w = x.contiguous(memory_format=layout), weight.contiguous(memory_format=layout)
        yield Timed(lambda a=a, w=w: F.conv2d(a, w, bias, stride, padding))  # type: ignore[misc]
    if torch.backends.mkldnn.is_available():
        module = torch.nn.Conv2d(x.shape[1], len(weight), weight.shape[2:], stride, padding)  # type: ignore[arg-type]
        module.weight.data, module.bias.data = weight, bias  # type: ignore[union-attr]
        packed = mkldnn.to_mkldnn(module.eval())
        own = x.contiguous().to_mkldnn()
        yield Timed(lambda: packed(own))


def convolutions(network: Network, x: Tensor) -> Iterator[Timed]:
    """Every convolution of the network on an input like its own, in the fastest way."""
    shapes: list[tuple[Convolution, torch.Size]] = []

    def seen(module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(module, Convolution)
        shapes.append((module, inputs[0].shape))

    hooks = [m.register_forward_pre_hook(seen) for m in network.modules() if isinstance(m, Convolution)]
    network(x)
    for hook in hooks:
        hook.remove()
    for module, shape in shapes:
        yield min(formats(torch.rand(shape), module.weight, module.bias, module._stride, module._padding), key=_quick)


def _quick(one: Timed) -> float:
    one.seconds()
    return min(one.seconds() for _ in range(3))


def measured(batch_size: int, rounds: int) -> dict[str, list[float]]:
    """Seconds per FLOP of a matrix product, and per image of the rest, of each round."""
    centre, scale = AFFINES["tf1-bilinear"]
    network = Network(variance_preserving_weights(0), centre, scale).eval()
    images = torch.randint(0, 256, (batch_size, 3, 32, 32), dtype=torch.uint8)
    resized = resize(images, "tf1-bilinear", SIZE_PX, SIZE_PX)
    square = torch.rand(GEMM, GEMM)
    alone = list(convolutions(network, resized))
    found: dict[str, list[float]] = {"product": [], "alone": [], "network": [], "extractor": []}
    for _ in range(rounds):
        found["product"].append(Timed(lambda: square @ square, 4).seconds() / (2.0 * GEMM**3))
        found["network"].append(Timed(lambda: network(resized)).seconds() / batch_size)
        found["alone"].append(sum(one.seconds() for one in alone) / batch_size)
        whole = Timed(lambda: network(resize(images, "tf1-bilinear", SIZE_PX, SIZE_PX)))
        found["extractor"].append(whole.seconds() / batch_size)
    return found


def rows(found: dict[str, list[float]], batch_size: int) -> Iterator[str]:
    """The table's lines."""
    flops = flops_per_image()
    arithmetic = [flops * seconds for seconds in found["product"]]
    peak = 1 / statistics.median(found["product"]) / 1e9
    for name, seconds in (
        (f"arithmetic: {flops / 1e9:.2f} GFLOP at {peak:.0f} GFLOP/s", arithmetic),
        ("convolutions, each alone", found["alone"]),
        ("our network", found["network"]),
        ("our extractor: resizing from 32 × 32, too", found["extractor"]),
    ):
        ratios = [one / floor for one, floor in zip(seconds, found["alone"], strict=True)]
        middle = statistics.median(seconds)
        yield (
            f"| {batch_size} | {name} | {1000 * middle:.1f} | {1 / middle:.1f} | {flops / middle / 1e9:.0f} | "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} … {max(ratios):.2f}) |"
        )


@torch.inference_mode()
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[MICRO_BATCH], help="images per call")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cpu-time", action="store_true", help="for one thread on a machine that is not idle")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.cpu_time:
        Timed.clock = staticmethod(time.process_time)
    print(
        f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}, float32, random weights"
        f"{', processor time' if options.cpu_time else ''}.\n"
    )
    print("| images per call | what | ms per image | images/s | GFLOP/s | time by that of the convolutions alone |")
    print("|---|---|---|---|---|---|")
    for batch_size in options.batch_sizes:
        for row in rows(measured(batch_size, options.rounds), batch_size):
            print(row)


if __name__ == "__main__":
    main()

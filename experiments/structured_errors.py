"""Stated errors against repeated draws where a generator is broken in a known way, on features of real images.

python experiments/structured_errors.py --data-dir DATA
python experiments/structured_errors.py --data-dir DATA --dataset cifar10 --features pixels

A reference of 1,000 images is fixed, and 1,000 others are drawn again and again, as a generator would make them that
is right, misses three classes, makes one, blurs, sends 2 % far away, or collapses 20 % onto one image.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Features, plugins
from aigc_bench.metrics import class_balance, kernel, manifold, memorisation

NUM = 1000
METRICS = (manifold.recall, manifold.coverage, memorisation.duplicates, class_balance.class_balance, kernel.kd)
Draw = Callable[[torch.Generator], Features]


def taken(pool: Tensor, logits: Tensor | None, rows: Tensor) -> Features:
    """Features whose logits are these rows of all."""
    return Features(pool, None if logits is None else logits[rows])


def cases(images: Tensor, labels: Tensor, features: Callable[[Tensor], Features]) -> dict[str, Draw]:
    """Case => how a set of 1,000 is drawn."""
    sharp = features(images)
    logits = sharp.logits
    blurred = features(F.avg_pool2d(F.pad(images.float(), (1, 1, 1, 1)), 3, 1).round().to(torch.uint8))

    def of(pool: Tensor) -> Draw:
        def draw(generator: torch.Generator) -> Features:
            rows = pool[torch.randint(len(pool), (NUM,), generator=generator)]
            return taken(sharp.pool[rows], logits, rows)

        return draw

    def blur(generator: torch.Generator) -> Features:
        rows = torch.randint(len(images), (NUM,), generator=generator)
        return taken(blurred.pool[rows], blurred.logits, rows)

    def outliers(generator: torch.Generator) -> Features:
        rows = torch.randint(len(images), (NUM,), generator=generator)
        pool, far = sharp.pool[rows].clone(), torch.rand(NUM, generator=generator) < 0.02
        pool[far] += 20 * torch.randn(int(far.sum()), pool.shape[1], generator=generator)
        return taken(pool, logits, rows)

    def collapse(generator: torch.Generator) -> Features:
        rows = torch.randint(len(images), (NUM,), generator=generator)
        rows[torch.rand(NUM, generator=generator) < 0.2] = 0
        return taken(sharp.pool[rows], logits, rows)

    everything = torch.arange(len(images))
    return {
        "right": of(everything),
        "three classes missing": of(everything[labels > 2]),
        "one class": of(everything[labels == 3]),
        "blurred": blur,
        "2 % far away": outliers,
        "20 % one image": collapse,
    }


def table(extractor: str, real: Features, drawn: dict[str, Draw], repeats: int) -> Iterator[str]:
    """The lines of the table."""
    yield "| metric | case | mean | observed spread | stated ÷ observed | 95 % interval covers | with a caveat |"
    yield "|---|---|---|---|---|---|---|"
    for case, draw in drawn.items():
        found_by_metric: dict[str, list[Estimate]] = {}
        for seed in range(repeats):
            pair = FeaturePair(real, draw(torch.Generator().manual_seed(seed)), extractor, "0")
            for metric in METRICS:
                if metric is not class_balance.class_balance or real.logits is not None:
                    found_by_metric.setdefault(metric.name, []).append(metric.compute(pair))
        for name, found in found_by_metric.items():
            values = np.array([estimate.value for estimate in found])
            stated = np.sqrt(np.mean([(estimate.standard_error or 0.0) ** 2 for estimate in found]))
            covers = np.mean([(e.low or 0.0) <= values.mean() <= (e.high or 0.0) for e in found])
            noted = np.mean([bool(estimate.caveat) for estimate in found])
            spread = values.std(ddof=1)
            short, ratio = name.partition("_{")[0], stated / spread
            yield (
                f"| {short} | {case} | {values.mean():.4g} | {spread:.2g} | {ratio:.2f} | {covers:.1%} | {noted:.0%} |"
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="a folder that holds mnist/, or cifar10/")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--features", default="mnist-cnn")
    parser.add_argument("--repeats", type=int, default=150)
    options = parser.parse_args()
    data = plugins.load("dataset", options.dataset)(data_dir=options.data_dir)
    extractor = plugins.load("features", options.features)(data.spec, device=torch.device("cpu"))

    def features(images: Tensor) -> Features:
        parts = [extractor(part) for part in images.split(500)]
        logits = [part.logits for part in parts if part.logits is not None]
        return Features(torch.cat([part.pool for part in parts]), torch.cat(logits) if logits else None)

    reference, fit = data.reference.loaded(), data.fit.loaded()
    real = features(reference.samples[:NUM])
    for line in table(
        options.features, real, cases(fit.samples[:30_000], fit.labels[:30_000], features), options.repeats
    ):
        print(line)


if __name__ == "__main__":
    main()

"""How true the error bars are: stated standard errors and intervals against repeated draws.

python reports/standard_errors.py --repeats 200 > docs/standard-errors.md

Features are heavy-tailed (normal times a random scale), 32-dimensional; the classifier's logits are a linear map of
them. The reference is fixed and the generated set drawn anew, as the intervals say. "null": the generator is the
reference's own distribution; "shifted": it is not.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Features, LogProbs, Metric
from aigc_bench.errors import NotAvailableError
from aigc_bench.metrics import (
    class_balance,
    extrapolation,
    frechet,
    inception_score,
    kernel,
    likelihood,
    manifold,
    reconstruction,
)

NUM_FEATURES = 32
METRICS: tuple[Metric[FeaturePair], ...] = (
    frechet.fd,
    extrapolation.fd_infinity,
    kernel.kd,
    kernel.kd_subsets,
    inception_score.inception_score,
    inception_score.inception_score_adm,
    manifold.precision,
    manifold.recall,
    manifold.density,
    manifold.coverage,
    class_balance.class_balance,
)


def features(num: int, shift: float, generator: torch.Generator, head: Tensor) -> Features:
    """A draw of heavy-tailed features and their logits."""
    z = torch.randn(num, NUM_FEATURES, generator=generator)
    pool = z * (0.5 + torch.rand(num, 1, generator=generator)) + shift
    return Features(pool, pool @ head)


def feature_draws(num: int, shift: float, repeats: int) -> dict[str, list[Estimate]]:
    """Every feature metric's estimates over repeated generated sets."""
    generator = torch.Generator().manual_seed(0)
    head = torch.randn(NUM_FEATURES, 10, generator=generator)
    real = features(num, 0.0, generator, head)
    found: dict[str, list[Estimate]] = {metric.name: [] for metric in METRICS}
    for repeat in range(repeats):
        pair = FeaturePair(real, features(num, shift, generator, head), "made", "0")
        for metric in METRICS:
            with contextlib.suppress(NotAvailableError):  # KID's subsets need 1,000 samples
                found[metric.name].append(metric.compute(pair))
        if sys.stderr.isatty():
            print(f"\r{repeat + 1}/{repeats}", end="", file=sys.stderr)
    return found


def other_draws(num: int, repeats: int) -> dict[str, list[Estimate]]:
    """Metrics of held-out samples, which are means or functions of means."""
    generator = torch.Generator().manual_seed(1)
    found: dict[str, list[Estimate]] = {"bits_per_dim": [], "mse": [], "psnr": [], "ssim": []}
    for _ in range(repeats):
        nats = -60 - 9 * torch.randn(num, generator=generator).exp().double()
        found["bits_per_dim"].append(likelihood.bits_per_dim.compute(LogProbs(nats, 64, "made")))
        original = torch.randint(0, 256, (num, 1, 12, 12), generator=generator, dtype=torch.uint8)
        spread = 20 * torch.rand(num, 1, 1, 1, generator=generator)
        noisy = original + spread * torch.randn(original.shape, generator=generator)
        errors = reconstruction.errors_of(original, noisy.clamp(0, 255).to(torch.uint8))
        for metric in (reconstruction.mse, reconstruction.psnr, reconstruction.ssim):
            found[metric.name].append(metric.compute(errors))
    return found


def rows(title: str, found: dict[str, list[Estimate]]) -> Iterator[str]:
    """A line per metric: what was seen, what was stated, their ratio, how often the interval held the mean."""
    for name, estimates in found.items():
        if not estimates:
            continue
        values = np.array([estimate.value for estimate in estimates])
        stated = np.sqrt(np.mean([(estimate.standard_error or 0) ** 2 for estimate in estimates]))
        target = values.mean()  # the estimand: the expected score at this N
        held = [e.low is not None and e.high is not None and e.low <= target <= e.high for e in estimates]
        observed = values.std(ddof=1)
        yield (
            f"| {name.replace('_{extractor}', '')} | {title} | {target:.4g} | {observed:.2g} | {stated:.2g} "
            f"| {stated / observed:.2f} | {np.mean(held):.1%} |"
        )


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--num-samples", type=int, nargs="+", default=[400, 1000])
    options = parser.parse_args()
    print("# How true the error bars are\n")
    print(__doc__.split("\n\n")[-1].strip() + "\n" if __doc__ else "")
    print(f"{options.repeats} draws a row; made by `python reports/standard_errors.py --repeats {options.repeats}`.\n")
    print("| metric | case | mean | observed spread | stated SE | stated ÷ observed | 95 % interval covers |")
    print("|---|---|---|---|---|---|---|")
    for num in options.num_samples:
        for case, shift in (("null", 0.0), ("shifted", 0.25)):
            for line in rows(f"{case}, N = {num}", feature_draws(num, shift, options.repeats)):
                print(line, flush=True)
    for line in rows("N = 400", other_draws(400, options.repeats)):
        print(line, flush=True)


if __name__ == "__main__":
    main()

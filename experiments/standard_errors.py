"""How true the error bars are: stated standard errors and intervals against repeated draws.

python experiments/standard_errors.py > docs/standard-errors.md

Features are heavy-tailed (normal times a random scale): 32 of them, alike, or 2048 whose standard deviations fall as
1 / √i. The classifier's logits are a linear map of them. The reference is fixed and the generated set drawn anew, as
the intervals say; the draws of a row are shared out among eight references, and spread and coverage are about each
one's own mean. "null": the generator is the reference's own distribution, where many statistics have a kink or no
first order; "shifted": it is not. With 2048 features the metrics are those that see them.
"""

from __future__ import annotations

import argparse
import contextlib
import math
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from aigc_bench.core import Estimate, FeaturePair, Features, LogProbs, Metric
from aigc_bench.core.errors import NotAvailableError
from aigc_bench.metrics import (
    class_balance,
    extrapolation,
    frechet,
    inception_score,
    kernel,
    likelihood,
    manifold,
    memorisation,
    reconstruction,
)

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
    manifold.realism,
    memorisation.auth_pct,
    class_balance.class_balance,
)
OF_POOL = (
    frechet.fd,
    kernel.kd,
    manifold.precision,
    manifold.recall,
    manifold.density,
    manifold.coverage,
    manifold.realism,
    memorisation.auth_pct,
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where features come from."""

    num_features: int
    decay: float
    """their standard deviations fall as i to the minus this"""
    metrics: tuple[Metric[FeaturePair], ...]
    shift: float
    """of the shifted case, in standard deviations of each feature"""

    def draw(self, num: int, shift: float, generator: torch.Generator) -> Features:
        """Heavy-tailed features and their logits."""
        spread = torch.arange(1.0, self.num_features + 1) ** -self.decay
        z = torch.randn(num, self.num_features, generator=generator)
        pool = (z * (0.5 + torch.rand(num, 1, generator=generator)) + shift) * spread
        head = torch.randn(self.num_features, 10, generator=torch.Generator().manual_seed(7))
        return Features(pool, pool @ head)


REFERENCES = 8
"""reference sets a row, so that none is what its figures depend on"""
Draws = dict[str, list[list[Estimate]]]
"""by metric, and there by reference"""

SOURCES = {"small": Source(32, 0.0, METRICS, 0.25), "wide": Source(2048, 0.5, OF_POOL, 0.1)}


def feature_draws(name: str, num: int, shifted: bool, repeats: int) -> Draws:
    """Every feature metric's estimates over repeated generated sets."""
    source = SOURCES[name]  # by name, since metrics do not travel between processes
    shift = source.shift if shifted else 0.0
    generator = torch.Generator().manual_seed(int(shifted))
    found: Draws = {metric.name: [] for metric in source.metrics}
    for _ in range(REFERENCES):
        real = source.draw(num, 0.0, generator)
        for estimates in found.values():
            estimates.append([])
        for _ in range(repeats // REFERENCES):
            pair = FeaturePair(real, source.draw(num, shift, generator), "made", "0")
            for metric in source.metrics:
                with contextlib.suppress(NotAvailableError):  # KID's subsets need 1,000 samples
                    found[metric.name][-1].append(metric.compute(pair))
    return found


def other_draws(num: int, repeats: int) -> Draws:
    """Metrics of held-out samples, which are means or functions of means."""
    generator = torch.Generator().manual_seed(2)
    found: Draws = {"bits_per_dim": [[]], "mse": [[]], "psnr": [[]], "ssim": [[]]}
    for _ in range(repeats):
        nats = -60 - 9 * torch.randn(num, generator=generator).exp().double()
        found["bits_per_dim"][0].append(likelihood.bits_per_dim.compute(LogProbs(nats, 64, "made")))
        original = torch.randint(0, 256, (num, 1, 12, 12), generator=generator, dtype=torch.uint8)
        spread = 20 * torch.rand(num, 1, 1, 1, generator=generator)
        noisy = original + spread * torch.randn(original.shape, generator=generator)
        errors = reconstruction.errors_of(original, noisy.clamp(0, 255).to(torch.uint8))
        for metric in (reconstruction.mse, reconstruction.psnr, reconstruction.ssim):
            found[metric.name][0].append(metric.compute(errors))
    return found


def rows(title: str, found: Draws) -> Iterator[str]:
    """A line per metric: what was seen, what was stated, their ratio, how often the interval held the mean."""
    for name, by_reference in found.items():
        if not by_reference[0]:
            continue
        held, errors, variances, means = [], [], [], []
        for estimates in by_reference:
            values = np.array([estimate.value for estimate in estimates])
            target = values.mean()  # the estimand: the expected score at this N, beside this reference
            held += [e.low is not None and e.high is not None and e.low <= target <= e.high for e in estimates]
            errors += [estimate.standard_error for estimate in estimates if estimate.standard_error is not None]
            means.append(target)
            variances.append(values.var(ddof=1))
        stated = np.sqrt(np.mean(np.square(errors))) if errors else math.nan  # an order statistic has an interval alone
        observed = np.sqrt(np.mean(variances))
        yield (
            f"| {name.replace('_{extractor}', '')} | {title} | {np.mean(means):.4g} | {observed:.2g} | {stated:.2g} "
            f"| {stated / observed:.2f} | {np.mean(held):.1%} |"
        ).replace("nan", "–")


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2000, help="draws with 32 features")
    parser.add_argument("--wide-repeats", type=int, default=200, help="draws with 2048 features")
    parser.add_argument("--processes", type=int, default=1, help="cases at once, a thread each")
    options = parser.parse_args()
    print("# How true the error bars are\n")
    print(__doc__.split("\n\n")[-1].strip() + "\n" if __doc__ else "")
    print(
        f"{options.repeats} draws a row, {options.wide_repeats} with 2048 features; made by `python "
        f"experiments/standard_errors.py --repeats {options.repeats} --wide-repeats {options.wide_repeats} "
        f"--processes {options.processes}`.\n"
    )
    print("| metric | case | mean | observed spread | stated SE | stated ÷ observed | 95 % interval covers |")
    print("|---|---|---|---|---|---|---|")
    plan = [("small", 400, options.repeats), ("small", 1000, options.repeats), ("wide", 1000, options.wide_repeats)]
    with ProcessPoolExecutor(options.processes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        found = []
        for name, num, repeats in plan:
            for case in ("null", "shifted"):
                title = f"{case}, N = {num}" + (", D = 2048" if name == "wide" else "")
                found.append((title, pool.submit(feature_draws, name, num, case == "shifted", repeats)))
        found.append(("N = 400", pool.submit(other_draws, 400, options.repeats)))
        for title, draws in found:
            for line in rows(title, draws.result()):
                print(line, flush=True)


if __name__ == "__main__":
    main()

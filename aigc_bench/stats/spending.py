"""Error spending: how an error probability is divided among interim analyses (looks) of a group-sequential test.

A Brownian path is observed at times t₁ < … < 1, the shares of the data that have been collected. Its distribution
between two boundaries follows by recursion from look to look (Armitage, McPherson and Rowe 1969, doi:10.2307/2343787),
here with Gauss-Legendre nodes on each interval between the boundaries, where the densities are smooth.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

NODES, WEIGHTS = np.polynomial.legendre.leggauss(96)
FAR = 9.0
"""standard deviations beyond which the density is taken as 0"""


@dataclass(frozen=True, slots=True)
class Path:
    """The distribution of a path that has crossed no boundary: nodes (m,), their probabilities (m,), and the time."""

    nodes: NDArray[np.float64]
    mass: NDArray[np.float64]
    time: float

    @classmethod
    def start(cls) -> Path:
        """The path at time 0, which is 0 with probability 1."""
        return cls(np.zeros(1), np.ones(1), 0.0)

    def beyond(self, boundary: float, time: float, drift: float = 0.0) -> float:
        """The probability of being above `boundary` at `time`, not having crossed before."""
        step = time - self.time
        return float(self.mass @ special.ndtr((self.nodes + drift * step - boundary) / math.sqrt(step)))

    def between(self, low: float, high: float, time: float, drift: float = 0.0) -> Path:
        """The distribution at `time` of the paths that are between the boundaries then."""
        step = time - self.time
        low, high = max(low, drift * time - FAR * math.sqrt(time)), min(high, drift * time + FAR * math.sqrt(time))
        half = max(high - low, 0.0) / 2
        nodes = low + half * (1 + NODES)
        distances = (nodes[:, None] - self.nodes - drift * step) / math.sqrt(step)
        density = np.exp(-0.5 * distances**2) @ self.mass / math.sqrt(2 * math.pi * step)
        return Path(nodes, half * WEIGHTS * density, time)


def pocock_type(alpha: float, share: float) -> float:
    """Error probability spent by the time that a share of the data is in; nearly the same amount at every look.

    α · ln(1 + (e - 1) t), Lan and DeMets 1983 (doi:10.1093/biomet/70.3.659), their α₂*.
    """
    return alpha * math.log1p((math.e - 1) * share)


def nominal_levels(alpha: float, shares: Sequence[float]) -> tuple[float, ...]:
    """The one-sided p below which each look stops, so that all together err with probability `alpha`.

    `shares` are the shares of the data at the looks, ascending to 1.

    Raises:
        ValueError: shares that do not ascend from above 0 to 1.
    """
    if not shares or shares[-1] != 1 or any(a >= b for a, b in itertools.pairwise((0.0, *shares))):
        raise ValueError(f"expected shares of the data that ascend to 1, got {tuple(shares)}")
    path, spent, levels = Path.start(), 0.0, []
    for share in shares:
        spend = pocock_type(alpha, share) - spent
        boundary = _boundary(path, share, spend)
        levels.append(float(special.ndtr(-boundary / math.sqrt(share))))
        path = path.between(-math.inf, boundary, share)
        spent += spend
    return tuple(levels)


def _boundary(path: Path, time: float, probability: float) -> float:
    far = FAR * math.sqrt(time)
    return float(optimize.brentq(lambda boundary: path.beyond(boundary, time) - probability, -far, far, xtol=1e-12))

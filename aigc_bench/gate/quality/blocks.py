"""The delete-a-block jackknife of both sides' Fréchet distances, recomputed from features with 50 blocks.

A run's record keeps 20 blocks; more blocks give more degrees of freedom, hence tighter bounds.
"""

from __future__ import annotations

import math

from aigc_bench.core import Estimate, Features
from aigc_bench.core.errors import StoreError
from aigc_bench.metrics import frechet
from aigc_bench.metrics.moments import gaussian_of_side
from aigc_bench.runs.comparison.changes import Change
from aigc_bench.stats import intervals, paired_jackknife

NUM_BLOCKS = 50
"""one-sided 99 % quantiles of Student's t: 2.40 with 49 degrees of freedom, 2.54 with the 19 of a run's 20 blocks"""
MAX_WIDTH = 512
"""of min(number of features, number of samples); beyond it 50 matrix decompositions for each side take minutes"""
AGREES = 1e-5
"""largest relative difference between a recomputed distance and the record; machines round differently"""


def frechet_change(
    real: Features, sides: tuple[Features, Features], scores: tuple[Estimate, Estimate]
) -> Change | None:
    """The change of the log distance over 50 blocks; None where there are too many features or too few samples for it.

    Raises:
        StoreError: the features do not have the scores' distances.
    """
    num, width = sides[0].pool.shape
    if min(num, width) > MAX_WIDTH or num < 4 * NUM_BLOCKS:
        return None
    gaussian = gaussian_of_side(real)
    blocks, logs = intervals.blocks(num, NUM_BLOCKS), []
    for name, side, score in zip(("base", "head"), sides, scores, strict=True):
        whole, left_out = frechet.distances_without(gaussian, side.pool, blocks)
        if not math.isclose(whole, score.value, rel_tol=AGREES):
            raise StoreError(
                f"the features of {name} have a Fréchet distance of {whole:.6g}, and its record says "
                f"{score.value:.6g}: they are not those that were scored; score again"
            )
        logs.append([math.log(value) for value in (whole, *left_out)])
    base, head = logs
    difference = paired_jackknife.difference(head[0] - base[0], base[1:], head[1:])
    return Change(
        "log ratio",
        difference.value,
        difference.standard_error,
        difference.degrees,
        f"paired delete-a-block jackknife, {NUM_BLOCKS} blocks; reference fixed",
        paired=True,
        differences=tuple(theirs - mine for mine, theirs in zip(base[1:], head[1:], strict=True)),
    )

"""Fréchet distances of both sides without one block at a time, anew from features: of more blocks than a run keeps."""

from __future__ import annotations

import math

from aigc_bench.core import Estimate, Features
from aigc_bench.core.errors import StoreError
from aigc_bench.metrics import frechet
from aigc_bench.runs.comparison.changes import Change
from aigc_bench.stats import intervals, paired_jackknife

NUM_BLOCKS = 50
"""whose Student's t has a 99 % bound 5 % nearer than that of 20"""
MAX_WIDTH = 512
"""features, or samples if they are fewer, beyond which fifty decompositions a side take minutes"""
AGREES = 1e-5
"""relative, between a distance computed anew and the one on record: another machine rounds otherwise"""


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
    moments, factor = frechet.summary_of_side(real)
    blocks, logs = intervals.blocks(num, NUM_BLOCKS), []
    for name, side, score in zip(("base", "head"), sides, scores, strict=True):
        whole, left_out = frechet.distances_without(moments, factor, side.pool, blocks)
        if not math.isclose(whole, score.value, rel_tol=AGREES):
            raise StoreError(
                f"the features of {name} have a Fréchet distance of {whole:.6g}, and its record says "
                f"{score.value:.6g}: they are not those that were scored; score again"
            )
        logs.append([math.log(value) for value in (whole, *left_out)])
    base, head = logs
    found = paired_jackknife.difference(head[0] - base[0], base[1:], head[1:])
    return Change(
        "log ratio",
        found.value,
        found.standard_error,
        found.degrees,
        f"paired delete-a-block jackknife, {NUM_BLOCKS} blocks; reference fixed",
        paired=True,
        differences=tuple(theirs - mine for mine, theirs in zip(base[1:], head[1:], strict=True)),
    )

"""The claim `checkpoint`: one set of trained weights is as good as another.

If sample i of both sides was drawn from the same seed, the change of a score is tested with the paired delete-a-block
jackknife, or with the other replicates that a score keeps. If the samples are independent, the standard errors of both
sides add up, and a REGRESSION of the kernel distance must also be significant in the relative similarity test
(`aigc_bench.stats.relative_mmd`), which takes the real samples as random as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from aigc_bench.core import Score
from aigc_bench.core.errors import FeaturesMissingError
from aigc_bench.gate.quality.blocks import frechet_change
from aigc_bench.gate.quality.claims import QualityPolicy, Worsening, incomparable
from aigc_bench.gate.quality.run_features import RunFeatures, family, worsening_of
from aigc_bench.gate.verdicts import Decision
from aigc_bench.runs.comparison.changes import Change, change_of, scale_of
from aigc_bench.runs.comparison.matching import Group
from aigc_bench.stats.noninferiority import Difference
from aigc_bench.stats.relative_mmd import Rows, Similarity, relative_similarity


def judged(group: Group, features: RunFeatures, policy: QualityPolicy) -> Iterator[Worsening | Decision]:
    """For each training seed that both sides have, the worsening of a score, or a decision that says why there is none.

    Raises:
        StoreError: features are damaged, or not those that were scored.
    """
    for seed in group.shared_seeds:
        yield _at(group, seed, features)


def _at(group: Group, seed: int | None, features: RunFeatures) -> Worsening | Decision:
    base, head = group.base[seed], group.head[seed]
    assert base.estimate is not None and head.estimate is not None  # noqa: PT018 (matched scores have one)
    scale = scale_of(group.metric, [base.estimate, head.estimate])
    change = change_of(base.estimate, head.estimate, scale, paired=group.paired)
    similarity = None
    if not change.identical and group.class_name is None:
        try:
            if family(base) == "fd" and group.seeded:
                change = _with_more_blocks(base, head, features) or change
            elif family(base) == "kd" and not group.seeded:
                similarity = _similarity(base, head, features)
        except FeaturesMissingError as error:
            features.missing.add(str(error))
    worsening = worsening_of(group, seed, change, features.yardstick(base, base.estimate.value))
    if worsening is None:
        return incomparable(group.name_at(seed), change.method)
    if similarity is None:
        return worsening
    # The larger of two standard errors: one takes the real samples as random, the other as fixed but is exact near 0.
    wider = max(similarity.difference.standard_error, worsening.difference.standard_error)
    difference = Difference(worsening.difference.value, wider, worsening.difference.degrees)
    test = f"relative similarity of kernel distances: p = {similarity.p_value:.2g}; independent samples"
    return replace(worsening, difference=difference, also=similarity.p_value, test=test)


def _with_more_blocks(base: Score, head: Score, features: RunFeatures) -> Change | None:
    assert base.extractor_digest is not None and base.estimate and head.estimate  # noqa: PT018 (a matched distance)
    real, sides = features.real(base.extractor_digest), features.fakes(base, head)
    return frechet_change(real, sides, (base.estimate, head.estimate))


def _similarity(base: Score, head: Score, features: RunFeatures) -> Similarity:
    assert base.extractor_digest is not None  # a kernel distance is of features
    real, sides = features.real(base.extractor_digest), features.fakes(base, head)
    return relative_similarity(real.pool.numpy(), sides[0].pool.numpy(), sides[1].pool.numpy(), _cubic)


def _cubic(x: Rows, y: Rows) -> Rows:
    """(n, d), (m, d) => (n, m) values of KID's polynomial kernel of degree 3."""
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)

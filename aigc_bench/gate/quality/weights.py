"""The claim `weights`: the same weights, computed in another way, give samples that are as good.

Sample i of both sides is drawn from the same seed, so the unit of the test is the pair of samples. For the Fréchet and
the kernel distance a REGRESSION needs two tests: a permutation test that swaps the sides of pairs, whose level is exact
if nothing changed, *and* a paired confidence bound beyond the tolerance (the worsening that counts as unchanged). The
permutation test alone would flag every significant change, however small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from aigc_bench.core import Features
from aigc_bench.gate.quality import witness
from aigc_bench.gate.quality.blocks import frechet_change
from aigc_bench.gate.quality.claims import QualityPolicy, Worsening, incomparable
from aigc_bench.gate.quality.run_features import RunFeatures, family, worsening_of
from aigc_bench.gate.verdicts import Decision
from aigc_bench.runs.comparison.changes import Change, change_of, scale_of
from aigc_bench.runs.comparison.matching import Group
from aigc_bench.stats import permutation

Witness = Callable[[Features, Tensor, Tensor], Tensor]
WITNESSES: dict[str, Witness] = {"fd": witness.frechet_differences, "kd": witness.kernel_differences}


def judged(group: Group, features: RunFeatures, policy: QualityPolicy) -> Iterator[Worsening | Decision]:
    """For each training seed that both sides have, the worsening of a score, or a decision that says why there is none.

    Raises:
        FeaturesMissingError: the features that a permutation needs are gone.
        StoreError: they are damaged, or not those that were scored.
    """
    for seed in group.shared_seeds:
        yield _at(group, seed, features, policy)


def _at(group: Group, seed: int | None, features: RunFeatures, policy: QualityPolicy) -> Worsening | Decision:
    base, head = group.base[seed], group.head[seed]
    assert base.estimate is not None and head.estimate is not None  # noqa: PT018 (matched scores have one)
    scale = scale_of(group.metric, [base.estimate, head.estimate])
    change = change_of(base.estimate, head.estimate, scale, paired=True)
    statistic = family(base)
    if change.identical or statistic not in WITNESSES or group.class_name is not None:
        return _worsening(group, seed, change, features) or incomparable(group.name_at(seed), change.method)
    assert base.extractor_digest is not None  # Fréchet and kernel distances are of features
    real, sides = features.real(base.extractor_digest), features.fakes(base, head)
    if torch.equal(sides[0].pool, sides[1].pool):
        change = replace(change, value=0.0, standard_error=0.0, identical=True)
    elif statistic == "fd":
        change = frechet_change(real, sides, (base.estimate, head.estimate)) or change
    worsening = _worsening(group, seed, change, features)
    assert worsening is not None  # both distances have replicates, or standard errors
    if change.identical:
        return worsening
    differences = WITNESSES[statistic](real, sides[0].pool, sides[1].pool)
    p_value = permutation.paired(differences.numpy(), num_draws=policy.num_draws)
    test = (
        f"permutation test (sides of pairs swapped, {policy.num_draws} draws): p = {p_value:.2g}; and {worsening.test}"
    )
    return replace(worsening, also=p_value, test=test)


def _worsening(group: Group, seed: int | None, change: Change, features: RunFeatures) -> Worsening | None:
    score = group.base[seed]
    assert score.estimate is not None  # matched scores have one
    return worsening_of(group, seed, change, features.yardstick(score, score.estimate.value))

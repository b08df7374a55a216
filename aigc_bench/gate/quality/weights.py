"""The claim `weights`: the same weights in another way. Sample i of both sides is of one seed, so pairs are the unit.

Fréchet and kernel distance: a REGRESSION needs a permutation of the sides of pairs, which is exact if nothing changed,
*and* the paired bound beyond the dead zone. The permutation alone would flag any credible change, however small.
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
    """A worsening for each training seed that both sides have; or a decision where there can be none.

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
    what = family(base)
    if change.identical or what not in WITNESSES or group.class_name is not None:
        return _told(group, seed, change, features) or incomparable(group.name_at(seed), change.method)
    assert base.extractor_digest is not None  # Fréchet and kernel distances are of features
    real, sides = features.real(base.extractor_digest), features.fakes(base, head)
    if torch.equal(sides[0].pool, sides[1].pool):
        change = replace(change, value=0.0, standard_error=0.0, identical=True)
    elif what == "fd":
        change = frechet_change(real, sides, (base.estimate, head.estimate)) or change
    found = _told(group, seed, change, features)
    assert found is not None  # both distances have replicates, or standard errors
    if change.identical:
        return found
    differences = WITNESSES[what](real, sides[0].pool, sides[1].pool)
    p_value = permutation.paired(differences.numpy(), num_draws=policy.num_draws)
    test = f"swaps of pairs, {policy.num_draws} draws: p = {p_value:.2g}; and {found.test}"
    return replace(found, also=p_value, test=test)


def _told(group: Group, seed: int | None, change: Change, features: RunFeatures) -> Worsening | None:
    score = group.base[seed]
    assert score.estimate is not None  # matched scores have one
    return worsening_of(group, seed, change, features.yardstick(score, score.estimate.value))

"""The gate on quality: what each claim's test says of like sides, of worse ones, and of what it cannot judge."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from quality_kit import DIGEST, Remembered, drawn, moved, recorded, score
from scipy import stats

from aigc_bench.core import FeaturePair, Features
from aigc_bench.core.errors import (
    ConfigurationError,
    FeaturesMissingError,
    NothingComparableError,
    StoreError,
    UnknownNameError,
)
from aigc_bench.gate.quality import witness
from aigc_bench.gate.quality.claims import Claim, QualityPolicy, Worsening, decisions
from aigc_bench.gate.quality.judge import judge
from aigc_bench.gate.verdicts import Decision, Judgement
from aigc_bench.metrics import frechet, kernel, manifold
from aigc_bench.runs.recorded import Recorded
from aigc_bench.stats.noninferiority import Difference
from aigc_bench.stats.relative_mmd import relative_similarity

REAL = drawn(300, 0)
GOOD = drawn(240, 1, shift=0.3)
GAN = ("gan", None)
FAST = 999
"""draws of the permutations, enough for p = .001"""


def judged(base: Recorded, head: Recorded, claim: Claim, **policy: Any) -> Judgement:
    """The judgement with few draws."""
    return judge(base, head, QualityPolicy(claim, **({"num_draws": FAST} | policy)), "aigc-bench gate quality")


def of(judgement: Judgement, metric: str) -> Decision:
    """The decision on a metric of the only generator."""
    (found,) = (one for one in judgement.decisions if one.subject.endswith(f": {metric}"))
    return found


def sides(base: Features, head: Features, **fields: Any) -> tuple[Remembered, Remembered]:
    """Two runs of one untrained generator."""
    return recorded("base", {GAN: base}, REAL, **fields), recorded("head", {GAN: head}, REAL, **fields)


@pytest.mark.parametrize("claim", ["weights", "checkpoint"])
def test_the_same_samples_pass_at_once(claim: Claim) -> None:
    """Equal to the bit, with nothing random in it."""
    found = judged(*sides(GOOD, Features(GOOD.pool.clone())), claim)
    assert found.verdict == "PASS"
    assert found.exit_code == 0
    assert {one.reason for one in found.decisions} == {"equal to the bit"}
    assert found.claim.startswith(claim)


@pytest.mark.parametrize("claim", ["weights", "checkpoint"])
@pytest.mark.parametrize("seeded", [True, False])
def test_a_real_degradation_is_caught(claim: Claim, seeded: bool) -> None:
    """By the Fréchet and the kernel distance, paired or not; the other way round it is flagged as an improvement."""
    base, head = sides(GOOD, moved(GOOD, 2, 0.3, 0.4), seeded=seeded)
    found = judged(base, head, claim)
    assert found.exit_code == 1
    for metric in ("fd_made", "kd_made"):
        decision = of(found, metric)
        assert decision.verdict == "REGRESSION"
        assert decision.low is not None
        assert decision.low > decision.tolerance
        back = of(judged(head, base, claim), metric)
        assert back.verdict == "PASS"
        assert back.improved
        assert back.worsening == pytest.approx(-decision.worsening)


def test_like_copies_are_no_regression() -> None:
    """Of 100 pairs of copies with a little noise each, hardly one is, at 1 %."""
    alarms = 0
    for number in range(100):
        original = drawn(100, 50 + number, width=4, shift=0.4)
        pair = (moved(original, 1000 + number, 0.05), moved(original, 2000 + number, 0.05))
        base, head = (recorded("", {GAN: side}, REAL_4, (frechet.fd,)) for side in pair)
        alarms += judged(base, head, "weights", num_draws=199).exit_code == 1
    assert alarms <= 4  # binomial(100, .01) is above 4 once in 300 times, and both tests must say it


REAL_4 = drawn(150, 9, width=4)


def test_there_are_draws_enough_for_many_scores() -> None:
    """With ten a p could not fall below .09, and with three scores nothing could ever be a regression."""
    found = judged(*sides(GOOD, moved(GOOD, 2, 0.3, 0.4)), "weights", num_draws=10)
    assert "600 draws" in of(found, "fd_made").test
    assert of(found, "fd_made").verdict == "REGRESSION"


def test_the_permutation_alone_does_not_fail() -> None:
    """A change that is certain and as small as the tolerance: p is small, and the verdict PASS."""
    base, head = sides(GOOD, moved(GOOD, 3, 0.0, 0.0004), metrics=(frechet.fd,))
    found = of(judged(base, head, "weights"), "fd_made")
    assert "p = 0.001" in found.test
    assert found.verdict == "PASS"
    assert found.worsening is not None
    assert 0 < found.worsening < found.tolerance


@pytest.mark.parametrize("differences", [witness.frechet_differences, witness.kernel_differences])
def test_a_swapped_pair_changes_the_sign_of_its_difference(differences: Any) -> None:
    """And nothing else: that makes the permutation exact."""
    head = moved(GOOD, 4, 0.2).pool
    plain = differences(REAL, GOOD.pool, head)
    swapped = torch.arange(len(head)) % 3 == 0
    mixed = torch.where(swapped[:, None], head, GOOD.pool), torch.where(swapped[:, None], GOOD.pool, head)
    torch.testing.assert_close(differences(REAL, *mixed), torch.where(swapped, -plain, plain))


@pytest.mark.parametrize(
    ("differences", "metric"), [(witness.frechet_differences, frechet.fd), (witness.kernel_differences, kernel.kd)]
)
def test_differences_of_pairs_add_up_to_the_change(differences: Any, metric: Any) -> None:
    """To first order: their mean is the change of the distance where that is small."""
    head = moved(GOOD, 4, 0.02, 0.01)
    values = [metric.compute(FeaturePair(REAL, side, "made", DIGEST)).value for side in (GOOD, head)]
    assert float(differences(REAL, GOOD.pool, head.pool).mean()) == pytest.approx(values[1] - values[0], rel=0.05)


def test_independent_samples_are_judged_by_relative_similarity() -> None:
    """The kernel distance of folders of samples has the p of the published test, and not less of an error than it."""
    head = drawn(240, 7, shift=0.35)
    found = of(judged(*sides(GOOD, head, seeded=False), "checkpoint"), "kd_made")
    anew = relative_similarity(
        REAL.pool.numpy(), GOOD.pool.numpy(), head.pool.numpy(), lambda x, y: (x @ y.T / x.shape[1] + 1) ** 3
    )
    assert f"p = {anew.p_value:.2g}" in found.test
    assert found.spread is not None
    assert found.spread / math.sqrt(240) >= anew.difference.standard_error
    assert found.worsening == pytest.approx(anew.difference.value)
    assert found.scale == "difference"


def test_seeds_of_one_side_alone_are_told() -> None:
    """Each training seed is a checkpoint; one without its other is new or removed, and none at all is refused."""
    base = recorded("base", {("gan", 0): GOOD, ("gan", 1): GOOD}, REAL, (frechet.fd,))
    head = recorded("head", {("gan", 1): GOOD, ("gan", 2): GOOD}, REAL, (frechet.fd,))
    found = judged(base, head, "checkpoint")
    assert [one.subject for one in found.decisions] == ["gan, seed 1: fd_made"]
    assert (found.new, found.removed) == (("gan, seed 2",), ("gan, seed 0",))
    apart = judged(base, recorded("head", {("gan", 3): GOOD}, REAL, (frechet.fd,)), "checkpoint")
    assert apart.exit_code == 4
    assert "base has 0, 1, head 3" in apart.decisions[0].reason


def test_a_recipe_needs_five_seeds() -> None:
    """Four are refused with what to do; an untrained generator has no recipe."""
    rows = {("gan", seed): drawn(80, 20 + seed, shift=0.3) for seed in range(5)}
    five = recorded("base", rows, REAL)
    four = recorded("head", {key: rows[key] for key in list(rows)[:4]}, REAL)
    found = judged(five, four, "recipe")
    assert found.exit_code == 4
    (decision,) = found.decisions
    assert decision.subject == "gan: 3 scores"
    assert "got 5 in base and 4 in head" in decision.reason
    assert "--seeds 5" in decision.reason
    with pytest.raises(NothingComparableError, match="gan was not trained"):
        judged(*sides(GOOD, GOOD), "recipe")


def test_a_recipe_is_judged_over_its_seeds() -> None:
    """Welch's t on logs: a small spread decides, a wide one says how many seeds would."""
    near = {("gan", seed): moved(GOOD, 30 + seed, 0.02) for seed in range(5)}
    worse = {("gan", seed): moved(GOOD, 40 + seed, 0.02, 0.3) for seed in range(5, 10)}
    wide = {("gan", seed): moved(GOOD, 50 + seed, 0.02, 0.05 * seed) for seed in range(10)}
    base = recorded("base", near, REAL, (frechet.fd,))
    assert of(judged(base, recorded("head", worse, REAL, (frechet.fd,)), "recipe"), "fd_made").verdict == "REGRESSION"
    same = of(judged(base, base, "recipe"), "fd_made")
    assert (same.verdict, same.reason) == ("PASS", "equal to the bit")
    halves = [{key: wide[key] for key in wide if key[1] % 2 == odd} for odd in (0, 1)]
    found = of(judged(*(recorded("", half, REAL, (frechet.fd,)) for half in halves), "recipe"), "fd_made")
    assert found.verdict == "INCONCLUSIVE"
    assert found.needed_units is not None
    assert found.needed_units > found.num_units == 5


def test_seeds_that_mean_the_same_are_paired_where_it_is_claimed() -> None:
    """Scores that move together decide by pairs what they leave open alone; four shared seeds are too few."""
    base_rows = {("gan", seed): moved(GOOD, 50 + seed, 0.02, 0.05 * seed) for seed in range(5)}
    head_rows = {key: moved(side, 60, 0.02, 0.05) for key, side in base_rows.items()}
    base, head = (recorded("", rows, REAL, (frechet.fd,)) for rows in (base_rows, head_rows))
    assert of(judged(base, head, "recipe"), "fd_made").verdict == "INCONCLUSIVE"
    found = of(judged(base, head, "recipe", paired_seeds=True), "fd_made")
    assert found.verdict == "REGRESSION"
    anew = stats.ttest_1samp(found.differences, found.tolerance, alternative="greater")
    assert found.p_value == pytest.approx(anew.pvalue)
    shifted = {("gan", seed + 1): side for (_, seed), side in base_rows.items() if seed is not None}
    (refused,) = judged(base, recorded("", shifted, REAL, (frechet.fd,)), "recipe", paired_seeds=True).decisions
    assert "training seeds that both sides have for --paired-seeds, got 4" in refused.reason
    with pytest.raises(ConfigurationError, match="of the claim `recipe`"):
        QualityPolicy("weights", paired_seeds=True)


def test_a_claim_is_asked_for_with_what_each_means() -> None:
    """There is no default: the three tests answer three questions."""
    with pytest.raises(ConfigurationError, match=r"(?s)--claim weights: .*--claim checkpoint: .*--claim recipe: "):
        QualityPolicy("")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="below the worsening to be detected"):
        QualityPolicy("weights", detect=0.001)


def test_metrics_are_chosen_by_either_name() -> None:
    """The score's, or the statistic's; a miss names what there is, and what fails of others does not matter."""
    base, head = sides(GOOD, GOOD)
    broken = head.run.model_copy(
        update={"scores": (*head.run.scores, score("gan", None, None, "recall", True, status="failed", reason="NaN"))}
    )
    broken_head = replace(head, run=broken)
    assert judged(base, broken_head, "weights").exit_code == 5
    for names in (("fd",), ("fd_made", "kd")):
        found = judged(base, broken_head, "weights", metrics=names)
        assert len(found.decisions) == len(names)
        assert found.exit_code == 0
    with pytest.raises(UnknownNameError, match="fd_made"):
        judged(base, head, "weights", metrics=("fid",))


def test_a_side_that_failed_has_no_verdict() -> None:
    """A row that could not be scored, or a score that is undefined: exit code 5, unless something regressed."""
    base, head = sides(GOOD, GOOD)
    case = head.run.cases[0].model_copy(update={"status": "failed", "reason": "gave NaN"})
    found = judged(base, replace(head, run=head.run.model_copy(update={"cases": (case,), "scores": ()})), "weights")
    assert [(one.subject, one.verdict, one.reason) for one in found.decisions] == [
        ("gan", None, "head failed: gave NaN")
    ]
    assert found.exit_code == 5


def test_unlike_runs_are_refused_by_name() -> None:
    """Exit code 4, with the reason in each decision; nothing in common is an error."""
    base = recorded("base", {GAN: GOOD}, REAL)
    other = recorded("head", {GAN: Features(GOOD.pool[:200])}, REAL)
    found = judged(base, other, "checkpoint")
    assert found.exit_code == 4
    assert "unlike N: 240 and 200" in found.decisions[0].reason
    two = recorded("head", {("vae", None): GOOD, ("flow", None): GOOD}, REAL)
    with pytest.raises(NothingComparableError):
        judged(base, two, "checkpoint")


def test_weights_need_features_and_checkpoints_do_without(tmp_path: Path) -> None:
    """Pruned: the claim of pairs is an error with the way out, the other goes by what run.json holds, and says so."""
    base, head = (Recorded(one.name, one.run, tmp_path / one.name) for one in sides(GOOD, moved(GOOD, 2, 0.1)))
    with pytest.raises(FeaturesMissingError, match="make them again: aigc-bench run made"):
        judged(base, head, "weights")
    found = judged(base, head, "checkpoint")
    assert any("Judged from run.json alone, because features are missing" in text for text in found.statements)
    assert "20 blocks" in of(found, "fd_made").test


def test_features_of_another_run_are_found_out() -> None:
    """Their distance is not the one on record."""
    base, head = sides(GOOD, moved(GOOD, 2, 0.1))
    stranger = replace(head, rows={**head.rows, "gan/-": moved(GOOD, 3, 0.3)})
    with pytest.raises(StoreError, match="its record says"):
        judged(base, stranger, "weights")


def test_many_scores_share_one_percent() -> None:
    """Holm: a p of .004 is a regression alone, and one of twenty is not; its bound is then no PASS either."""
    one = Worsening(
        subject="gan: fd",
        score=score("gan", None, None, "fd", False),
        base=1.0,
        head=1.1,
        scale="log ratio",
        difference=Difference(math.log(1.02) + 2.66 * 0.03, 0.03, math.inf),
        test="",
        num_units=100,
    )
    nothing = replace(one, difference=Difference(0.0, 0.001, math.inf))
    assert decisions([one], QualityPolicy("checkpoint"))[0].verdict == "REGRESSION"
    among = decisions([one, *[nothing] * 19], QualityPolicy("checkpoint"))
    assert among[0].verdict == "INCONCLUSIVE"
    assert among[0].p_value == pytest.approx(20 * 0.0039, rel=0.02)
    assert {other.verdict for other in among[1:]} == {"PASS"}
    assert among[0].needed_units is not None
    assert among[0].needed_units > 100


def test_what_must_be_detected_of_a_difference_is_a_part_of_the_score_or_its_floor() -> None:
    """5 % of nearly nothing would be nothing: near the floor it is 5 % of the floor."""
    floor = drawn(240, 77, shift=0.9)
    rows = {("floor", None): floor, GAN: drawn(240, 78, shift=0.02)}
    base = recorded("base", rows, REAL, (kernel.kd,))
    head = recorded("head", {**rows, GAN: drawn(240, 79, shift=0.02)}, REAL, (kernel.kd,))
    values = {one.generator: one.estimate.value for one in base.run.scores if one.estimate}
    assert values["floor"] > 10 * abs(values["gan"])
    found = of(judged(base, head, "checkpoint"), "kd_made")
    assert found.detect == pytest.approx(0.05 * values["floor"])


def test_undecided_says_how_many_samples_would_decide() -> None:
    """The number is right: with as many samples of the same spread, the same worsening is decided."""
    one = Worsening(
        "s", score("gan", None, None, "fd", False), 1.0, 1.0, "log ratio", Difference(0.0, 0.04, 50), "", 400
    )
    (found,) = decisions([one], QualityPolicy("checkpoint"))
    assert found.verdict == "INCONCLUSIVE"
    assert found.needed_units is not None
    error = 0.04 * math.sqrt(400 / found.needed_units)
    draws = np.random.default_rng(0).normal(0.0, error, 2000)
    passed = np.mean(draws + 1.645 * error < math.log(1.05))
    assert passed == pytest.approx(0.80, abs=0.03)


def test_other_metrics_are_judged_by_their_bound() -> None:
    """Precision has no permutation; a halved one is a regression, by pairs of blocks."""
    base, head = sides(GOOD, moved(GOOD, 2, 2.0), metrics=(manifold.precision,))
    found = of(judged(base, head, "weights"), "precision")
    assert found.verdict == "REGRESSION"
    assert found.test == "paired delete-a-block jackknife, 20 blocks; reference fixed"

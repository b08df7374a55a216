"""Sequential looks: their levels, their verdicts, and by simulation how often they err and what they see."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from aigc_bench.core.errors import MeasurementError
from aigc_bench.stats import sequential
from aigc_bench.stats.looks import detectable
from aigc_bench.stats.sequential import Looks, crossed, judged, outcome, walked

LOOKS = Looks.spending()
REPETITIONS = 20_000


def noise(seed: int = 0, repetitions: int = REPETITIONS) -> np.ndarray:
    """(R, 68) differences of spread 1."""
    return np.random.default_rng(seed).standard_normal((repetitions, LOOKS.pairs[-1]))


def test_levels_of_the_looks() -> None:
    """By the recursion; the first ones are α and β times ln(1 + (e - 1) / 5)."""
    looks = Looks.spending(pairs=(8, 12, 18, 26, 40))
    assert looks.fail == pytest.approx([0.00295, 0.00198, 0.00241, 0.00286, 0.00380], abs=6e-6)
    assert looks.passing == pytest.approx([0.01477, 0.01137, 0.01411, 0.01713, 0.02291], abs=6e-6)


def test_identical_code_is_seldom_called_slower() -> None:
    """On the tolerance's edge α = 1 %, with t in the place of a normal path; at no change far less."""
    tolerance = 3 * math.sqrt(0.01 / REPETITIONS)  # three standard errors of a share of 1 %
    at_edge, _ = walked(0.08 * noise() + LOOKS.tolerance, LOOKS)
    assert (at_edge == "REGRESSION").mean() <= 0.01 + tolerance
    same, _ = walked(0.05 * noise(1), LOOKS)
    assert (same == "REGRESSION").mean() < 0.005
    assert (same == "PASS").mean() > 0.98


@pytest.mark.parametrize(("spread", "floor"), [(0.02, 0.99), (0.05, 0.95), (0.08, 0.55)])
def test_the_effect_is_caught_as_planned(spread: float, floor: float) -> None:
    """And the effect passes in 5 % of all runs at most."""
    found, used = walked(spread * noise(2) + LOOKS.detect, LOOKS)
    caught = (found == "REGRESSION").mean()
    assert caught > floor
    # What is stated is kept, and it is not much below what is true; three standard errors are 0.009 at most.
    assert -0.009 < caught - sequential.power(LOOKS.detect, spread, LOOKS) < 0.035
    assert (found == "PASS").mean() <= 0.05 + 3 * math.sqrt(0.05 / REPETITIONS)
    assert used.mean() < 58


@pytest.mark.parametrize(("spread", "num"), [(0.05, 8), (0.05, 12), (0.05, 18), (0.04, 40), (0.07, 68)])
def test_the_detectable_effect_is_detected(spread: float, num: int) -> None:
    """Simulated power at the stated effect is 95 %, whatever part of the looks there is time for."""
    effect, looks = sequential.detectable(spread, num, LOOKS), LOOKS.up_to(num)
    assert effect is not None
    assert looks is not None
    found, _ = walked(spread * noise(3)[:, :num] + effect, looks)
    # Three standard errors of the simulation are 0.0046.
    assert 0.945 < (found == "REGRESSION").mean() < 0.965


def test_the_detectable_effect_grows_with_spread_and_falls_with_pairs() -> None:
    """And pairs between looks are worth nothing."""
    grown = [sequential.detectable(spread, 40, LOOKS) or 0 for spread in (0.0, 0.01, 0.02, 0.05, 0.1)]
    assert grown == sorted(grown)
    assert grown[0] == LOOKS.tolerance
    fewer = [sequential.detectable(0.05, pairs, LOOKS) or 0 for pairs in (8, 11, 12, 26, 40)]
    assert fewer[0] == fewer[1]
    assert fewer[1:] == sorted(fewer[1:], reverse=True)
    assert sequential.detectable(0.05, 7, LOOKS) is None


def test_pairs_needed_are_what_simulation_needs() -> None:
    """At the spread for which 68 pairs are needed, 68 pairs have 95 % power; and it grows with the spread's square."""
    spread = next(x for x in np.arange(0.04, 0.07, 0.0005) if sequential.pairs_needed(float(x), LOOKS) >= 68)
    found, _ = walked(spread * noise(4) + LOOKS.detect, LOOKS)
    assert (found == "REGRESSION").mean() == pytest.approx(0.95, abs=0.012)
    gap = LOOKS.detect - LOOKS.tolerance
    assert math.sqrt(sequential.pairs_needed(0.5, LOOKS)) * gap / 0.5 == pytest.approx(4.55, abs=0.01)
    assert sequential.pairs_needed(0.0, LOOKS) == 8


def test_a_single_look_needs_what_the_textbook_says() -> None:
    """z.01 + z.05 = 3.97, in normal theory."""
    single = Looks.spending(pairs=(40,))
    gap = single.detect - single.tolerance
    assert math.sqrt(sequential.pairs_needed(0.8, single)) * gap / 0.8 == pytest.approx(3.971, abs=0.01)


def test_one_look_is_the_t_test() -> None:
    """Its p and bounds against scipy, and the verdict agrees with the bounds."""
    for seed in range(40):
        differences = (0.03 + 0.04 * noise(seed, 1)[0, :12]).tolist()
        found = outcome(differences, Looks.spending(pairs=(12,)))
        test = stats.ttest_1samp(differences, LOOKS.tolerance, alternative="greater")
        assert found.p_value == pytest.approx(test.pvalue, rel=1e-9)
        low, _ = stats.ttest_1samp(differences, 0, alternative="greater").confidence_interval(0.99)
        _, high = stats.ttest_1samp(differences, 0, alternative="less").confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)
        if found.verdict == "REGRESSION":
            assert found.low > LOOKS.tolerance
        assert (found.verdict == "PASS") <= (found.high <= LOOKS.detect)


def test_a_few_pairs_that_were_hit_are_no_regression() -> None:
    """A quarter of the pairs is slower by far, the rest is faster: the t test is fooled, signed ranks are not."""
    hit = np.array([1.0, 1.1, 0.9, 1.0] * 2 + [1.0, 1.05] + [-0.001] * 30)
    differences = np.random.default_rng(0).permutation(hit + 1e-6 * np.arange(40))
    assert stats.ttest_1samp(differences, LOOKS.tolerance, alternative="greater").pvalue < LOOKS.fail[-1]
    assert stats.wilcoxon(differences - LOOKS.tolerance, alternative="greater", method="exact").pvalue > 0.05
    assert judged(differences.tolist(), LOOKS) is None


def test_many_sequences_are_walked_as_one_is() -> None:
    """Row by row the same verdict and number of pairs."""
    differences = 0.06 * noise(8, 60) + np.linspace(-0.02, 0.08, 60)[:, None]
    found, used = walked(differences, LOOKS)
    alone = [outcome(row.tolist(), LOOKS) for row in differences]
    assert found.tolist() == [item.verdict for item in alone]
    assert used.tolist() == [item.look for item in alone]
    assert len(set(found)) == 3


def test_only_looks_decide() -> None:
    """Between them nothing is said, however clear it is."""
    slow = [0.2 + 0.001 * i for i in range(40)]
    assert judged(slow[:7], LOOKS) is None
    assert judged(slow[:8], LOOKS) == "REGRESSION"
    assert judged(slow[:9], LOOKS) is None
    assert judged([-x for x in slow[:8]], LOOKS) == "PASS"


def test_what_is_slower_beyond_doubt_does_not_pass_for_being_less_than_the_effect() -> None:
    """By 2 %, with hardly any spread."""
    differences = [0.02 + 0.0001 * (i % 3) for i in range(8)]
    slower, passing = crossed(differences, LOOKS)
    assert slower
    assert passing
    assert judged(differences, LOOKS) == "REGRESSION"


@pytest.mark.parametrize(("value", "expected"), [(0.0, "PASS"), (LOOKS.tolerance, "PASS"), (0.02, "REGRESSION")])
def test_pairs_without_any_spread(value: float, expected: str) -> None:
    """A counter of instructions may repeat to the bit."""
    found = outcome([value] * 8, LOOKS)
    assert (found.verdict, found.spread, found.look) == (expected, 0.0, 8)


def test_the_walk_stops_at_the_look_that_decides() -> None:
    """Pairs after it change nothing."""
    differences = [0.3, *np.random.default_rng(0).normal(0.0, 0.01, 39)]
    found = outcome(differences, LOOKS)
    assert found.verdict == "PASS"
    assert found.look == found.num_pairs > 8
    assert found.mean == pytest.approx(np.mean(differences[: found.look]))
    assert found == outcome(differences[: found.look], LOOKS)


def test_more_pairs_are_asked_for_and_then_no_more() -> None:
    """A slowdown half-way between the tolerance and the effect, on a machine too noisy for all pairs."""
    last = LOOKS.pairs[-1]
    mirrored = np.tile([0.08, -0.08], last // 2) * np.linspace(0.5, 1.5, last) + 0.035
    early = outcome(mirrored[:10].tolist(), LOOKS)
    assert (early.verdict, early.look, early.num_pairs) == (None, None, 10)
    at_end = outcome(mirrored.tolist(), LOOKS)
    assert (at_end.verdict, at_end.look) == ("INCONCLUSIVE", last)
    assert at_end.needed_pairs is not None
    assert at_end.needed_pairs > last
    assert at_end.detectable is not None
    assert at_end.detectable > LOOKS.detect


@pytest.mark.parametrize("bad", [[0.1], [0.1, math.nan], [0.1] * 7 + [math.inf]])
def test_undefined_is_an_error(bad: list[float]) -> None:
    """Too few pairs, NaN, infinity."""
    with pytest.raises(MeasurementError):
        outcome(bad, LOOKS)


def test_looks_must_make_sense() -> None:
    """A `detect` beyond the tolerance, at least two pairs, ascending."""
    with pytest.raises(ValueError, match="detect beyond"):
        Looks.spending(detect=0.001)
    with pytest.raises(ValueError, match="2 pairs"):
        Looks.spending(pairs=(1, 8))
    with pytest.raises(ValueError, match="ascend"):
        Looks.spending(pairs=(8, 8))


# ---- a suite -----------------------------------------------------------------------------------------


def test_confirmation_shares_the_level_among_the_benchmarks() -> None:
    """The level is .01 / (M α₁), and 1 for a single benchmark."""
    assert sequential.confirmation(1) == 1.0
    assert sequential.confirmation(20) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="at least 1"):
        sequential.confirmation(0)


def test_fresh_pairs_confirm_what_is_slower_and_seldom_what_is_not() -> None:
    """By simulation: the level at the tolerance's edge, and nearly full power at the effect, with few pairs."""
    plan = sequential.confirmation_looks(20, LOOKS)
    assert plan is not None
    level = sequential.confirmation(20)
    at_edge, _ = walked(0.08 * noise(9) + LOOKS.tolerance, plan)
    assert (at_edge == "REGRESSION").mean() <= 1.15 * level  # t in the place of a normal path, with few pairs
    slower, used = walked(0.05 * noise(10) + LOOKS.detect, plan)
    assert (slower == "REGRESSION").mean() > 0.98
    assert used.mean() < 28


def test_few_benchmarks_need_little_confirmation() -> None:
    """One needs none; two are confirmed at 50 %, which is a plan as well."""
    assert sequential.confirmation_looks(1, LOOKS) is None
    plan = sequential.confirmation_looks(2, LOOKS)
    assert plan is not None
    assert plan.alpha == 0.5
    assert plan.fail[0] == pytest.approx(0.5 * math.log(1 + (math.e - 1) * plan.pairs[0] / plan.pairs[-1]))


def test_the_gate_s_page_states_the_plan_that_is_run() -> None:
    """How many pairs its interim analyses have, and up to which spread 5 % are caught."""
    page = " ".join((Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8").split())
    looks = Looks.spending()
    *first, last = looks.pairs
    assert f"After {', '.join(map(str, first))} and {last} pairs the gate may decide" in page
    assert "caught with 95 % power up to σ = 5 %" in page
    smallest = [detectable(spread, last, looks) for spread in (0.05, 0.055)]
    assert smallest[0] is not None
    assert smallest[1] is not None
    assert smallest[0] <= looks.detect < smallest[1]

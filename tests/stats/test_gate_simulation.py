"""What `reports/gate.md` claims by simulation, at a size of seconds; and the rules of others on known blocks."""

from __future__ import annotations

import math
from dataclasses import replace

import gate_simulation
import noise_model
import numpy as np
import peer_rules
import pytest
from scipy import stats


def rng() -> np.random.Generator:
    """The same for each test."""
    return np.random.default_rng(0)


# ---- the claims --------------------------------------------------------------------------------------


def test_suites_of_identical_benchmarks_seldom_raise_a_false_alarm() -> None:
    """300 suites of 20 on the hostile machine: more than 1 % of either is refused where chance is below 1 in 1000."""
    walks = gate_simulation.walked(gate_simulation.pairs_of(noise_model.HOSTILE, rng()), 6000, 0.0)
    assert walks.hits() <= stats.binom.isf(0.001, 6000, 0.01)
    cried = walks.confirmed.reshape(300, 20).any(1).sum()
    assert cried <= stats.binom.isf(0.001, 300, 0.01)
    assert walks.share("PASS") > 0.98
    assert walks.used.mean() < 14


def test_five_percent_are_caught_up_to_a_spread_of_five() -> None:
    """On the hostile machine's noise scaled to a spread of 5 %: 95 %, less three standard errors of 3000 benchmarks."""
    pairs = gate_simulation.pairs_of(noise_model.HOSTILE, rng())
    scale = 0.05 / pairs(4000).std()
    walks = gate_simulation.walked(lambda repetitions: scale * pairs(repetitions), 3000, 0.05)
    floor = 0.95 - 3 * math.sqrt(0.95 * 0.05 / 3000)
    assert walks.share("REGRESSION") > floor
    assert walks.confirmed.mean() > floor
    assert walks.fresh_pairs < 30


def test_alternating_pairs_forgive_the_second_place() -> None:
    """A constant cost of running second is taken for a slowdown in one order, and cancels in the other."""
    still = noise_model.Machine("still", 0, 0, 0, 0, 0)
    in_turns = still.in_turns(5, 8, rng())
    assert noise_model.differences(in_turns, rng(), alternating=False, second=0.02) == pytest.approx(0.02)
    assert noise_model.differences(in_turns, rng(), second=0.02).mean(1) == pytest.approx(0)


def test_the_spread_of_a_pair_is_what_the_model_says() -> None:
    """Without blocks' noise: 2 D² (1 - ρ) + 2 P² apart, 2 P² in turns; three standard errors of 40,000 differences."""
    machine = noise_model.Machine("plain", drift=0.04, process=0.01, jitter=0, spiked=0, spike=0)
    tolerance = 3 / math.sqrt(2 * 40_000)
    apart = noise_model.differences_apart(machine.log_times(1000, 80, rng()), rng())
    assert apart.std() == pytest.approx(math.sqrt(2 * 0.04**2 * 0.1 + 2 * 0.01**2), rel=tolerance)
    in_turns = noise_model.differences(machine.in_turns(1000, 40, rng()), rng())
    assert in_turns.std() == pytest.approx(math.sqrt(2 * 0.01**2), rel=tolerance)


def test_a_neighbour_comes_and_stays_as_it_is_said_to() -> None:
    """There for .4 of the time, by blocks; and it is seldom the other way between neighbouring blocks."""
    machine = noise_model.Machine("visited", 0, 0, 0, 0, 0, slowed=0.4, slowdown=0.5, stay=20.0)
    there = machine.in_turns(500, 40, rng()).reshape(20_000, -1) > 0.25
    assert there.mean() == pytest.approx(0.4, abs=0.015)
    gone = (there[:, :-1] & ~there[:, 1:]).sum() / there[:, :-1].sum()
    assert gone == pytest.approx(1 / 20, rel=0.1)


def test_turns_take_a_neighbour_off() -> None:
    """Who makes pairs of processes differ by a quarter, and what is left is what the machine does without one."""
    alone = replace(noise_model.NEIGHBOUR, slowed=0.0)
    apart = noise_model.differences_apart(noise_model.NEIGHBOUR.log_times(200, 80, rng()), rng())
    assert apart.std() > 0.2
    spreads = [
        noise_model.differences(one.in_turns(200, 40, rng()), rng()).std() for one in (noise_model.NEIGHBOUR, alone)
    ]
    assert spreads[0] < 1.1 * spreads[1] < 0.02


def test_the_page_is_printed() -> None:
    """Whole, at 20 repetitions: every table has its rows."""
    lines = list(gate_simulation.section(20, 1))
    for machine in ("quiet", "shared", "hostile", "neighbour"):
        assert sum(line.startswith(f"| {machine} |") for line in lines) == 1 + 2 + 4 + 1 + 5
    assert sum(line[:3] in {f"| {spread}" for spread in range(1, 9)} for line in lines) == 8
    assert not any("nan" in line for line in lines)


# ---- the rules of others -----------------------------------------------------------------------------


def blocks(num: int, size: int, scale: float = 1.0) -> np.ndarray:
    """(num, size) seconds about 1."""
    return scale * np.exp(0.02 * np.random.default_rng(num + size).standard_normal((num, size)))


def test_thresholds() -> None:
    """Just above 5 % and just below, of the minimum and of the mean."""
    base, head = np.array([[1.0, 2.0], [1.0, 2.0]]), np.array([[1.051, 2.0], [1.049, 2.2]])
    assert peer_rules.min_5(base, head).tolist() == [True, False]
    assert peer_rules.mean_5(base, head).tolist() == [False, True]


@pytest.mark.parametrize("size", [7, 14, 25])
def test_asv_needs_both_ranks_and_a_factor(size: int) -> None:
    """Row by row against scipy's test of one pair of samples."""
    base, head = blocks(40, size), blocks(41, size)[:40] * np.linspace(1.0, 1.2, 40)[:, None]
    method = "exact" if size <= 20 else "asymptotic"
    expected = [
        stats.mannwhitneyu(b, a, method=method, use_continuity=False).pvalue < 0.002
        and np.median(b) > 1.1 * np.median(a)
        for a, b in zip(base, head, strict=True)
    ]
    assert peer_rules.asv(base, head).tolist() == expected
    assert 0 < sum(expected) < 40


def test_mann_whitney_heeds_the_direction() -> None:
    """Apart altogether, one way and the other; and not apart."""
    base = blocks(1, 7)
    assert peer_rules.mann_whitney(base, 2 * base).tolist() == [True]
    assert peer_rules.mann_whitney(base, 0.5 * base).tolist() == [False]
    assert peer_rules.mann_whitney(base, base).tolist() == [False]


def test_criterion_needs_its_t_test_and_its_noise_threshold() -> None:
    """A change of 0.5 % is certain and within the threshold, one of 10 % is neither; faster is no regression."""
    base = 1 + 1e-4 * np.arange(7)[None] + np.zeros((3, 1))
    head = base * np.array([[1.005], [1.1], [0.9]])
    assert peer_rules.criterion(base, head).tolist() == [False, True, False]


def test_criterion_errs_as_a_t_test_does_on_independent_blocks() -> None:
    """Two-sided 5 %, half of it for the worse, and less by the threshold and by coarse resamples of 7 blocks."""
    share = peer_rules.criterion(blocks(600, 7), blocks(601, 7)[:600]).mean()
    assert share < 0.025 + 3 * math.sqrt(0.025 / 600)

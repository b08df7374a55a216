"""The loop over pairs: verdicts, order, early stop, confirmation, budget, and going on; no process is started."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from gate_kit import Fake, Seconds, fake_judgement, verdicts

from aigc_bench.core.errors import ConfigurationError
from aigc_bench.gate.sides.sides import Runnable
from aigc_bench.gate.speed.planning import SpeedPolicy, planned
from aigc_bench.gate.speed.readings import Pair, Reading, Readings
from aigc_bench.gate.speed.trials import Trial, run_pairs
from aigc_bench.stats.looks import PAIRS, Looks, confirmation_looks
from aigc_bench.stats.sequential import outcome
from aigc_bench.system import machine

WILD = 1.3
"""the factor by which a benchmark called "wild" is slower or faster, in turn"""


def noisy(slower: dict[str, float], spread: float, drift: float = 0.0) -> Seconds:
    """Seconds of a process: a slowdown of head, noise of its own, and a machine that gets slower all the time."""
    rng = np.random.default_rng(0)
    slot = iter(range(100_000))

    def seconds(side: str, name: str, seed: int) -> float:
        effect = slower.get(name, 0.0) if side == "head" else 0.0
        if name == "wild":
            return WILD ** ((-1) ** seed) if side == "head" else 1.0
        return math.exp(effect + drift * next(slot) + spread / math.sqrt(2) * rng.standard_normal())

    return seconds


def test_verdicts_of_a_suite(tmp_path: Path) -> None:
    """Slower by 20 % is confirmed on fresh pairs, the same passes, and what spreads too much is undecided."""
    found = fake_judgement(Fake(["slow", "same", "wild"], noisy({"slow": math.log(1.2)}, 0.02)), tmp_path)
    assert verdicts(found) == {"slow": "REGRESSION", "same": "PASS", "wild": "INCONCLUSIVE"}
    by_name = {one.subject: one for one in found.decisions}
    assert by_name["slow"].num_units == 16  # eight, and eight fresh ones
    assert by_name["slow"].worsening == pytest.approx(math.log(1.2), abs=0.03)
    assert by_name["wild"].num_units == PAIRS[-1]
    assert (by_name["wild"].needed_units or 0) > PAIRS[-1]
    assert (by_name["wild"].detectable or 0) > math.log(1.05)
    assert found.exit_code == 1
    assert found.verdict == "REGRESSION"


def test_a_single_benchmark_needs_no_confirmation(tmp_path: Path) -> None:
    """Its own level is the suite's."""
    found = fake_judgement(Fake(["slow"], noisy({"slow": math.log(1.2)}, 0.02)), tmp_path)
    assert verdicts(found) == {"slow": "REGRESSION"}
    assert found.decisions[0].num_units == 8


def test_what_fresh_pairs_do_not_bear_out_is_no_regression(tmp_path: Path) -> None:
    """Flagged by eight pairs that happened to be slow, and passed by the next."""

    def seconds(side: str, name: str, seed: int) -> float:
        slow = name == "unlucky" and side == "head" and seed < 8
        return (1.2 if slow else 1.0) * (1 + 0.002 * (seed % 7 if side == "head" else seed % 5))

    found = fake_judgement(Fake(["unlucky", "same"], seconds), tmp_path)
    assert verdicts(found) == {"unlucky": "PASS", "same": "PASS"}
    assert "not confirmed by fresh ones" in found.decisions[0].reason


def test_what_lies_within_the_tolerance_is_said_in_words(tmp_path: Path) -> None:
    """However surely it is slower; and all rows have one level, a confirmed regression too."""
    effects = {"slightly": math.log(1.011), "clearly": math.log(1.10), **{f"other {i}": 0.0 for i in range(4)}}
    found = fake_judgement(Fake(list(effects), noisy(effects, 0.002)), tmp_path)
    by_name = {one.subject: one for one in found.decisions}
    assert by_name["slightly"].verdict == "PASS"
    reason = by_name["slightly"].reason
    assert reason.startswith("credibly slower by ")
    assert reason.endswith("slower, within the tolerance of 2 %: passes")
    assert by_name["clearly"].verdict == "REGRESSION"
    assert "credibly" not in by_name["other 0"].reason
    assert {round(one.level or 0.0, 9) for one in found.decisions} == {0.94}


def test_the_order_is_abba_and_the_phase_follows_the_seed(tmp_path: Path) -> None:
    """So that a machine that gets slower all the time is no slower head."""
    for seed, first in ((4, "base"), (5, "head")):
        benchmarks = Fake(["one"], noisy({}, 0.001, drift=0.02))
        found = fake_judgement(benchmarks, tmp_path / str(seed), SpeedPolicy(seed=seed))
        sides = [side for side, _ in benchmarks.calls[2:]]
        second = "head" if first == "base" else "base"
        assert sides[:8] == [first, second, second, first] * 2
        assert found.decisions[0].worsening == pytest.approx(0.0, abs=0.003)


def test_decided_benchmarks_are_measured_no_more(tmp_path: Path) -> None:
    """Processes after the first look have what is undecided alone."""
    benchmarks = Fake(["same", "wild"], noisy({}, 0.01))
    fake_judgement(benchmarks, tmp_path)
    assert benchmarks.calls[2 : 2 + 16] == [(side, ("same", "wild")) for side, _ in benchmarks.calls[2 : 2 + 16]]
    assert {only for _, only in benchmarks.calls[18:]} == {("wild",)}
    assert len(benchmarks.calls) == 2 + 2 * PAIRS[-1]


def test_a_gate_that_was_interrupted_measures_no_finished_pair_again(tmp_path: Path) -> None:
    """The second one goes on at the fifth pair, and says what the first would have said."""

    class Interrupted(Exception):
        pass

    def seconds(side: str, name: str, seed: int) -> float:
        return 1 + 0.01 * np.random.default_rng([seed, side == "head"]).random()

    def interrupted(side: str, name: str, seed: int) -> float:
        if seed == 4 and side == "head":
            raise Interrupted
        return seconds(side, name, seed)

    whole = fake_judgement(Fake(["one"], seconds), tmp_path / "whole")
    with pytest.raises(Interrupted):
        fake_judgement(Fake(["one"], interrupted), tmp_path / "parts")
    second = Fake(["one"], seconds)
    found = fake_judgement(second, tmp_path / "parts")
    assert len(second.calls) == 2 * (8 - 4)
    assert found.decisions == whole.decisions
    assert any("4 of the pairs were measured by an earlier run" in text for text in found.statements)
    third = Fake(["one"], seconds)
    assert fake_judgement(third, tmp_path / "parts").decisions == whole.decisions
    assert third.calls == []
    fake_judgement(third, tmp_path / "parts", SpeedPolicy(seed=0, fresh=True))
    assert len(third.calls) == 18


def test_a_failure_in_a_pair_is_a_failed_benchmark_and_is_not_remembered(tmp_path: Path) -> None:
    """The others go on; exit code 5; a rerun measures it again."""

    def seconds(side: str, name: str, seed: int) -> float:
        return math.nan if name == "bad" and seed == 3 and side == "head" else 1.0 + 0.001 * (seed % 3)

    found = fake_judgement(Fake(["bad", "good"], seconds), tmp_path)
    assert verdicts(found) == {"bad": None, "good": "PASS"}
    assert found.decisions[0].reason == "head failed: expected seconds above 0, got nan"
    assert found.exit_code == 5
    again = Fake(["bad", "good"], lambda side, name, seed: 1.0 + 0.001 * (seed % 3))
    assert verdicts(fake_judgement(again, tmp_path)) == {"bad": "PASS", "good": "PASS"}


def test_a_process_that_was_killed_is_measured_again(tmp_path: Path) -> None:
    """In turns by a lack of memory, alone by somebody; not so if it is killed each time."""

    class Killed(Fake):
        times = 1

        def measured(self, side: Runnable, only: Sequence[str] | None, seed: int) -> Readings:
            if seed == 3 and side.name == "head" and self.times:
                self.times -= 1
                return Readings({}, 0.1, "pytest was killed by SIGKILL", killed=True)
            return super().measured(side, only, seed)

    def even(side: str, name: str, seed: int) -> float:
        return 1.0 + 0.001 * (seed % 3)

    for times in (1, 2):
        killed = Killed(["one"], even)
        killed.times = times
        found = fake_judgement(killed, tmp_path / str(times))
        assert verdicts(found) == {"one": "PASS"}
        assert any(
            "8 pairs of fresh processes: in 3 of them each 20 ms block of base alternates with one of head, in the "
            "others the processes run one after the other" in text
            for text in found.statements
        )
    killed.times = 3
    found = fake_judgement(killed, tmp_path / "each time")
    assert verdicts(found) == {"one": None}
    assert "killed by SIGKILL" in found.decisions[0].reason


def test_unlike_threads_of_measured_processes_are_not_compared(tmp_path: Path) -> None:
    """Whatever the interpreters said of themselves: a conftest may have set them."""
    environment = machine.environment(torch.device("cpu"))

    class Threaded(Fake):
        def measured(self, side: Runnable, only: Sequence[str] | None, seed: int) -> Readings:
            threads = 1 if side.name == "base" else 4
            return replace(super().measured(side, only, seed), process={"threads": threads, "device": "cpu"})

    benchmarks = Threaded(["one"], noisy({}, 0.01))
    found = fake_judgement(benchmarks, tmp_path, environment=environment)
    assert verdicts(found) == {"fake": "INCOMPARABLE"}
    assert "unlike threads: base has 1, head has 4" in found.decisions[0].reason
    assert len(benchmarks.calls) == 2
    assert found.head.environment is not None
    assert found.head.environment.threads == 4


# ---- planning ---------------------------------------------------------------------------------------


def test_a_plan_states_what_it_can_see_and_fits_into_its_budget() -> None:
    """Less time, fewer looks, larger effects; the last look is reached with time to spare."""
    whole = planned(SpeedPolicy(), 2.0, 1)
    assert whole.looks == Looks.spending()
    assert "slowdowns of" in whole.statement
    short = planned(SpeedPolicy(budget_s=60.0), 2.0, 1)
    assert short.looks is not None
    assert short.looks.pairs[0] == 8
    assert (short.looks.pairs[-1] + 1) * 2.0 <= 60.0
    assert sum(short.looks.fail) > sum(Looks.spending().fail[: len(short.looks.fail)])  # α is spent anew
    suite = planned(SpeedPolicy(budget_s=60.0), 2.0, 5)
    assert suite.looks is not None
    assert suite.looks.pairs[-1] == short.looks.pairs[-1] - 8  # kept for confirming


def test_a_budget_below_the_first_look_decides_nothing(tmp_path: Path) -> None:
    """Nothing is measured but the pilot, and it says how much would be enough."""

    class Slow(Fake):
        def measured(self, side: Runnable, only: Sequence[str] | None, seed: int) -> Readings:
            return replace(super().measured(side, only, seed), wall_s=10.0)

    benchmarks = Slow(["one"], noisy({}, 0.01))
    found = fake_judgement(benchmarks, tmp_path, SpeedPolicy(budget_s=60.0))
    assert verdicts(found) == {"one": "INCONCLUSIVE"}
    assert len(benchmarks.calls) == 2
    assert any("Give it 198 s" in text for text in found.statements)
    assert found.exit_code == 0
    assert found.model_copy(update={"fail_on_inconclusive": True}).exit_code == 3


def test_a_tolerance_beyond_what_must_be_detected_is_refused() -> None:
    """No number of pairs could decide."""
    with pytest.raises(ConfigurationError, match="below the slowdown"):
        SpeedPolicy(tolerance=0.06, detect=0.05)


# ---- error rates ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("slowdown", "wanted", "least"), [(0.0, "PASS", 0.9), (math.log(1.05), "REGRESSION", 0.9)])
def test_both_stages_keep_their_error_rates(slowdown: float, wanted: str, least: float) -> None:
    """Suites of five, σ = 3 %: hardly ever the wrong verdict, nearly always the right one."""
    rng = np.random.default_rng(1)
    looks = Looks.spending()
    confirming = confirmation_looks(5, looks)
    found: list[str | None] = []
    for _ in range(30):
        trials = [Trial.of(str(number), looks, confirming) for number in range(5)]

        def pair(number: int, names: object, trials: list[Trial] = trials) -> Pair:
            differences = slowdown + 0.03 * rng.standard_normal(5)
            base = {trial.name: Reading((1.0,)) for trial in trials}
            head = {trial.name: Reading((math.exp(d),)) for trial, d in zip(trials, differences, strict=True)}
            return Pair(base, head)

        run_pairs(trials, pair)
        found += [trial.decision("the end").verdict for trial in trials]
    share = sum(verdict == wanted for verdict in found) / len(found)
    wrong = "REGRESSION" if wanted == "PASS" else "PASS"
    assert share >= least
    assert sum(verdict == wrong for verdict in found) / len(found) <= (0.01 if wrong == "REGRESSION" else 0.08)


def test_a_decision_has_the_numbers_of_the_pairs_that_decided(tmp_path: Path) -> None:
    """The same as `outcome` says of the differences, which are in the order of time."""
    found = fake_judgement(Fake(["one"], noisy({}, 0.02)), tmp_path).decisions[0]
    said = outcome(found.differences, Looks.spending())
    assert found.verdict == said.verdict
    assert (found.worsening, found.low, found.high) == (said.mean, said.low, said.high)
    assert found.head is not None and found.base is not None  # noqa: PT018
    assert math.log(found.head / found.base) == pytest.approx(said.mean)

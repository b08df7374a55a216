"""The self-test: really more work, the gate's own loop, and intervals that know of rounds."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from aigc_bench.core.errors import NothingMeasuredError
from aigc_bench.gate.probe.self_work import SLOWER, WORK, rounds_of
from aigc_bench.gate.sides.sides import Runnable
from aigc_bench.gate.speed import error_rates as self_test
from aigc_bench.gate.speed.error_rates import Round, Workloads, rates
from aigc_bench.gate.speed.processes import BLOCKS
from aigc_bench.gate.speed.readings import Pair, Reading
from aigc_bench.gate.speed.trials import run_pairs


def test_the_slower_work_is_five_percent_more_of_the_same() -> None:
    """21 rounds in the place of 20, on head's side alone."""
    for name in WORK:
        assert rounds_of(name + SLOWER, "head") / rounds_of(name, "head") == pytest.approx(1.05)
        assert rounds_of(name + SLOWER, "base") == rounds_of(name, "base") == rounds_of(name, "head")


def test_a_process_times_what_it_is_asked(tmp_path: Path) -> None:
    """As many blocks on both sides, by the interpreter that is judged."""
    base, head = (Runnable(name, name, (sys.executable, "-S"), tmp_path) for name in ("base", "head"))
    names = ["hashing", "hashing" + SLOWER]
    for found in Workloads().measured_in_turns(base, head, names, 0):
        assert list(found.of) == names
        assert all(len(found.reading(name).blocks) == BLOCKS for name in names)
        # Not by how much: the machine may be busy. That it is 5 % is what the rounds say.
        assert all(0 < min(found.reading(name).blocks) < 1 for name in names)


def rounds(spread: float, slower: float) -> list[Round]:
    """Three rounds on a machine that is made up: differences alternate."""
    found = []
    for _ in range(3):
        one = Round.planned(("a", "b"))

        def pair(number: int, names: object, one: Round = one) -> Pair:
            trials = [*one.same, *one.slower]
            base = {trial.name: Reading((1.0,)) for trial in trials}
            noise = math.exp(spread * (-1) ** number)
            head = {trial.name: Reading((noise * (slower if trial in one.slower else 1.0),)) for trial in trials}
            return Pair(base, head)

        one.num_pairs = run_pairs([*one.same, *one.slower], pair)
        found.append(one)
    return found


def test_rates_count_decisions_and_rounds() -> None:
    """No false alarm and everything caught on a quiet machine; undecided on a wild one; exact bounds either way."""
    quiet = {rate.what.split(" (")[0]: rate for rate in rates(rounds(0.005, 1.08))}
    assert (quiet["false alarms"].hits, quiet["false alarms"].decisions, quiet["false alarms"].rounds) == (0, 6, 3)
    assert quiet["false alarms"].high == pytest.approx(1 - 0.025 ** (1 / 6))
    assert quiet["false alarms"].clustered_high == pytest.approx(1 - 0.025 ** (1 / 3))
    assert (quiet["power"].value, quiet["missed"].value) == (1.0, 0.0)
    assert quiet["suites of 2 with a false alarm"].decisions == 3
    wild = {rate.what.split(" (")[0]: rate for rate in rates(rounds(0.3, 1.05))}
    assert wild["undecided without a change"].value == 1.0
    assert wild["power"].value == 0.0


def test_a_budget_is_kept_and_one_that_is_too_small_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be said of fewer than two pairs; a round that is cut short counts, as undecided."""
    monkeypatch.setattr(self_test, "WORK", {"hashing": WORK["hashing"]})
    with pytest.raises(NothingMeasuredError, match="give it a minute"):
        self_test.self_test(1, budget_s=1e-9)
    found = self_test.self_test(100, budget_s=5.0)
    assert found.rounds == len(found.pairs) >= 1
    assert {rate.decisions for rate in found.rates} == {found.rounds}

"""The gate's own error rates: really more work, the gate's own loop, and intervals that know of rounds."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from aigc_bench.core.errors import NothingMeasuredError
from aigc_bench.gate.probe.self_work import SLOWER, WORK, rounds_of
from aigc_bench.gate.sides.sides import Runnable
from aigc_bench.gate.speed import error_rates
from aigc_bench.gate.speed.error_rates import Round, Workloads, rates
from aigc_bench.gate.speed.processes import BLOCKS
from aigc_bench.gate.speed.readings import Pair, Reading, Readings
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


class OnAClock(Workloads):
    """Pairs of processes that take ten seconds each on a clock that is made up."""

    __slots__ = ()
    now = 0.0

    def measured_in_turns(
        self, first: Runnable, second: Runnable, only: Sequence[str], seed: int
    ) -> tuple[Readings, Readings]:
        """Head's slower work is 5 % slower."""
        OnAClock.now += 10.0
        seconds = {name: 1.05 if SLOWER in name else 1.0 for name in only}
        base = Readings({name: Reading((1.0,)) for name in only}, wall_s=5.0)
        head = Readings({name: Reading((seconds[name],)) for name in only}, wall_s=5.0)
        return (base, head) if first.name == "base" else (head, base)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[OnAClock]:
    """In the place of the machine's clock and processes: a budget's test must not depend on how busy a machine is."""
    monkeypatch.setattr(error_rates, "time", SimpleNamespace(monotonic=lambda: OnAClock.now))
    monkeypatch.setattr(error_rates, "Workloads", OnAClock)
    return OnAClock


def test_a_budget_that_is_too_small_is_said(clock: type[OnAClock]) -> None:
    """Nothing can be said of fewer than two pairs."""
    for budget_s in (1e-9, 19.0):
        with pytest.raises(NothingMeasuredError, match="give it a minute"):
            error_rates.measured_error_rates(1, budget_s=budget_s)


@pytest.mark.parametrize("budget_s", [25.0, 200.0, 500.0])
def test_a_budget_is_kept(clock: type[OnAClock], budget_s: float) -> None:
    """A round that is cut short counts, as undecided; one that would be is not started; what that costs is said."""
    start = clock.now
    found = error_rates.measured_error_rates(100, budget_s=budget_s)
    assert clock.now - start <= budget_s
    assert 1 <= found.rounds == len(found.pairs) < 100
    assert {rate.decisions for rate in found.rates} <= {found.rounds, found.rounds * len(WORK)}
    assert "is enough for about" in found.statements[-1]
    power = next(rate for rate in found.rates if rate.what.startswith("power"))
    assert power.value == (0.0 if budget_s == 25.0 else 1.0)

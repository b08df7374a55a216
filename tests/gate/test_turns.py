"""Two processes that take turns: in order, together at every benchmark, and alone when one of them is gone."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from gate_kit import asked_of, commit, toy_repository

from aigc_bench.gate.plugin import aigc_bench_turns
from aigc_bench.gate.plugin.aigc_bench_turns import TURNS, Timer, Turns
from aigc_bench.gate.sides.sides import Runnable, opened
from aigc_bench.gate.speed.measure import Commands, PytestFiles
from aigc_bench.gate.speed.processes import PLUGIN
from aigc_bench.gate.speed.readings import Pair, Reading

Work = Callable[[Turns, list[str]], None]
"""a partner, and the diary that both write"""


@contextmanager
def partners() -> Iterator[tuple[Turns, Turns]]:
    """Who begins, and the other."""
    read_first, write_second = os.pipe()
    read_second, write_first = os.pipe()
    pair = Turns(read_first, write_first, begins=True), Turns(read_second, write_second, begins=False)
    try:
        yield pair
    finally:
        for one in pair:
            one.leave()


def diary(first: Work, second: Work) -> list[str]:
    """What both wrote, in the order of time; each in a thread of its own, and neither waits for ever."""
    written: list[str] = []
    with partners() as pair:
        threads = [
            threading.Thread(target=work, args=(one, written), daemon=True)
            for work, one in zip((first, second), pair, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)
    return written


def working(name: str, *counts: int) -> Work:
    """So many blocks of each benchmark, and then gone."""

    def work(turns: Turns, written: list[str]) -> None:
        for number, count in enumerate(counts):
            turns.meet()
            for _ in range(count):
                turns.next()
                written.append(f"{name}{number}")
        turns.leave()

    return work


def test_blocks_alternate() -> None:
    """From the one that begins, in every benchmark."""
    assert diary(working("a", 3, 2), working("b", 3, 2)) == ["a0", "b0"] * 3 + ["a1", "b1"] * 2


@pytest.mark.parametrize("counts", [((1, 4, 0, 2), (5, 1, 3, 2)), ((7, 7), (8, 6)), ((0,), (3,))])
def test_who_has_more_blocks_does_them_while_the_other_waits(counts: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """A benchmark ends on both sides before the next begins on either; as long as both have blocks, they alternate."""
    written = diary(working("a", *counts[0]), working("b", *counts[1]))
    expected = []
    for number, (of_a, of_b) in enumerate(zip(*counts, strict=True)):
        both = min(of_a, of_b)
        expected += [f"a{number}", f"b{number}"] * both
        expected += [f"a{number}"] * (of_a - both) + [f"b{number}"] * (of_b - both)
    assert written == expected


@pytest.mark.parametrize("number", [0, 1, 3])
def test_who_is_left_alone_goes_on(number: int) -> None:
    """The partner ends in the middle of a benchmark, or before there is one."""

    def gone(turns: Turns, written: list[str]) -> None:
        if number:
            turns.meet()
            turns.blocks(lambda: 0.0, number)
        turns.leave()

    assert diary(gone, working("b", 5, 2)) == ["b0"] * 5 + ["b1"] * 2


def test_nothing_is_done_while_the_partner_works() -> None:
    """Not even between blocks, where a benchmark sets up what it needs."""
    running: set[int] = set()
    seen: list[int] = []

    def work(turns: Turns, written: list[str]) -> None:
        for _ in range(30):
            for wait in (turns.meet, turns.next, turns.next, turns.next):
                running.discard(id(turns))
                wait()
                running.add(id(turns))
                seen.append(len(running))
        running.discard(id(turns))
        turns.leave()

    diary(work, work)
    assert seen == [1] * (2 * 30 * 4)


def test_without_a_partner_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the pilot, and in a process that nobody told of turns."""
    monkeypatch.delenv(TURNS, raising=False)
    alone = Turns.of_environment()
    alone.meet()
    assert alone.blocks(iter([1.0, 2.0]).__next__, 2) == [1.0, 2.0]
    alone.leave()


def test_ends_of_pipes_are_not_passed_on() -> None:
    """Neither they nor the variable, to programs or to forks: what a benchmark starts would keep a partner waiting."""
    code = f"""
import os, sys
sys.path.insert(0, {str(PLUGIN)!r})
from aigc_bench_turns import TURNS, Turns
read, write = os.pipe()
os.set_inheritable(read, True)
os.environ[TURNS] = f"{{read}} {{write}} 1"
found = Turns.of_environment()
assert TURNS not in os.environ
assert not os.get_inheritable(read)
child = os.fork()
if not child:
    os._exit(0 if found.is_alone else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert not found.is_alone
"""
    subprocess.run([sys.executable, "-S", "-c", code], check=True)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system pins no threads")
def test_who_follows_to_a_processor_may_leave_it() -> None:
    """What may be used is the same afterwards."""
    before = os.sched_getaffinity(0)
    seen: list[set[int]] = []

    def work(turns: Turns, written: list[str]) -> None:
        turns.meet()
        for _ in range(3):
            turns.next()
            seen.append(os.sched_getaffinity(0))
        turns.leave()

    diary(work, work)
    assert seen == [before] * 6


@pytest.mark.parametrize(("seen", "moves"), [([3, 3], 0), ([0, 0, 3], 2), ([0] * 9, 5)])
def test_who_was_sent_away_comes_back(seen: list[int], moves: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor on which the partner is about to stop looks busy; and nobody tries for ever."""
    places, moved = iter(seen), []
    monkeypatch.setattr(aigc_bench_turns, "_processor", lambda: next(places))
    monkeypatch.setattr(aigc_bench_turns, "_move_to", moved.append)
    with partners() as (turns, _):
        turns._where = 3
        turns._follow()
    assert moved == [3] * moves


def test_a_clock_waits_at_the_beginning_of_a_round_alone() -> None:
    """It is asked twice a round; elsewhere it only tells the time."""

    class Counting(Turns):
        times = 0

        def next(self) -> None:
            self.times += 1

    turns = Counting()
    timer = Timer(turns)
    for caller, expected in (("elsewhere", 0), ("runner", 1), ("runner", 1), ("elsewhere", 1), ("runner", 2)):
        timer.read(caller)
        assert turns.times == expected
    timer.forget()  # the round raised
    timer.read("runner")
    assert turns.times == 3


# ---- whole processes --------------------------------------------------------------------------------

NOTED = """import os
import time


def test_{name}(benchmark):
    def work():
        with open(os.environ["TOY_NOTES"], "a") as file:
            file.write("{name} " + os.environ["TOY_SIDE"] + "\\n")
        time.sleep(0.011)

    benchmark(work)
"""


def test_processes_of_pytest_take_turns(tmp_path: Path) -> None:
    """Rounds of both alternate in every file, and no benchmark of one runs beside another one of the other."""
    repository = toy_repository(tmp_path / "toy")
    commit(repository, {f"bench/test_{name}.py": NOTED.format(name=name) for name in ("first", "second")})
    notes = tmp_path / "notes"
    names = [f"bench/test_{name}.py::test_{name}" for name in ("first", "second")]
    with opened(asked_of(repository, "HEAD", "HEAD"), tmp_path / "store") as (base, head):
        noted = {"TOY_NOTES": str(notes)}
        sides = [
            replace(side, environment={**side.environment, **noted, "TOY_SIDE": which})
            for side, which in ((base, "base"), (head, "head"))
        ]
        found = PytestFiles(("bench",)).measured_in_turns(sides[0], sides[1], names, 0)
    assert [one.died for one in found] == [None, None]
    assert all(len(one.reading(name).blocks) >= 7 for one in found for name in names)
    lines = [tuple(line.split()) for line in notes.read_text().splitlines()]
    assert [name for name, _ in lines] == sorted(name for name, _ in lines)  # "first" before "second"
    for name in ("first", "second"):
        sides_seen = [side for which, side in lines if which == name]
        changes = sum(one != other for one, other in itertools.pairwise(sides_seen))
        assert changes >= 2 * 7  # seven rounds a side, at least, and those of the calibration


def test_a_process_that_dies_leaves_its_partner_to_end(histories: Path, tmp_path: Path) -> None:
    """Nobody waits for it, and its end is told."""
    names = ["bench/test_toy.py::test_add", "bench/test_toy.py::test_call"]
    with opened(asked_of(histories, "good", "dead"), tmp_path) as (base, head):
        good, dead = PytestFiles(("bench",), timeout_s=60.0).measured_in_turns(base, head, names, 0)
    assert good.died is None
    assert set(good.of) == set(names)
    assert "pytest ended with 7" in (dead.died or "")


def test_whole_commands_take_no_turns(tmp_path: Path) -> None:
    """They are one block each."""
    side = Runnable("this", "this", (sys.executable, "-c", ""), tmp_path)
    assert Commands().measured_in_turns(side, side, ["command"], 0) is None


# ---- what a pair says -------------------------------------------------------------------------------


def test_what_slows_both_neighbours_is_no_difference() -> None:
    """A machine that is half as fast from the third block on: nothing in turns, and apart what the least blocks say."""
    slow = [1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    base, head = Reading(tuple(slow)), Reading(tuple(1.05 * one for one in slow[2:]))
    pair = Pair({"a": base}, {"a": Reading(tuple(1.05 * one for one in slow))}, in_turns=True)
    assert pair.log_ratio("a") == pytest.approx(math.log(1.05))
    assert pair.seconds("a") == pytest.approx((2.0, 2.1))
    apart = Pair({"a": base}, {"a": head})
    assert apart.log_ratio("a") == pytest.approx(math.log(2.1))
    assert apart.seconds("a") == pytest.approx((1.0, 2.1))


def test_a_few_blocks_that_were_hit_alone_do_not_count() -> None:
    """Three of seven on one side."""
    base = Reading((1.0,) * 7)
    head = Reading((1.02, 9.0, 1.02, 8.0, 1.02, 7.0, 1.02))
    assert Pair({"a": base}, {"a": head}, in_turns=True).log_ratio("a") == pytest.approx(math.log(1.02))
    assert Pair({"a": head}, {"a": base}, in_turns=True).log_ratio("a") == pytest.approx(-math.log(1.02))

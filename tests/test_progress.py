"""What is shown of progress: rate and time left, on a terminal and without one."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from aigc_bench.cli import progress
from aigc_bench.cli.remaining import Remaining
from aigc_bench.core import Event


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Seconds that pass only when a test says so."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def images(done: int, total: int | None = 1000) -> Event:
    """So many images are through."""
    return {"event": "progress", "unit": "images", "done": done, "total": total}


CASE: Event = {"event": "case", "name": "tf: reference", "number": 0, "total": 1, "seed": None}


def shown(events: list[tuple[float, Event]], clock: list[float], *, quiet: bool = False) -> str:
    """What comes out where nobody watches."""
    out = io.StringIO()
    with progress.shown(Console(file=out, width=200), quiet=quiet) as on_event:
        for seconds, event in events:
            clock[0] = seconds
            on_event(event)
    return out.getvalue()


def test_without_a_terminal_there_is_a_line_every_half_minute(clock: list[float]) -> None:
    """With the rate since the last one; what an earlier attempt did is no speed of this one."""
    events = [(0.0, CASE), (1.0, images(400)), (11.0, images(500)), (41.0, images(600)), (51.0, images(700))]
    lines = shown([*events, (81.0, images(900))], clock).splitlines()
    assert lines == [
        "     0 s  [1/1] tf: reference",
        "    41 s  tf: reference: images 600 of 1000, 5/s; left: 0:01:20",
        "    81 s  tf: reference: images 900 of 1000, 7.5/s; left: 0:00:13",
    ]


def test_a_second_pass_has_its_own_rate(clock: list[float]) -> None:
    """Over the same images, within one case."""
    events = [(0.0, CASE), (5.0, images(64)), (10.0, images(128)), (20.0, images(64)), (36.0, images(128))]
    assert shown(events, clock).splitlines()[1] == "    36 s  tf: reference: images 128 of 1000, 4/s; left: 0:03:38"


def test_an_unknown_total_has_a_rate_alone(clock: list[float]) -> None:
    """And a stall has neither."""
    events = [(0.0, CASE), (1.0, images(64, None)), (32.0, images(374, None)), (64.0, images(374, None))]
    lines = shown(events, clock).splitlines()
    assert lines[1:] == ["    32 s  tf: reference: images 374 of ?, 10/s", "    64 s  tf: reference: images 374 of ?"]


def test_a_terminal_has_a_bar_with_rate_and_time_left() -> None:
    """As soon as two steps were seen."""
    out = io.StringIO()
    now = [100.0]
    console = Console(file=out, force_terminal=True, width=120, get_time=lambda: now[0])
    with progress.shown(console, quiet=False) as on_event:
        on_event(CASE)
        for done in (64, 128, 192):
            now[0] += 4.0
            on_event(images(done))
    assert "192/1000" in out.getvalue()
    assert "16 images/s" in out.getvalue()
    assert "0:00:51" in out.getvalue()


def test_remarks_are_printed_unless_quiet(clock: list[float]) -> None:
    """Failures always."""
    events: list[tuple[float, Event]] = [
        (0.0, {"event": "note", "text": "bf16 changes [features] by 1 %."}),
        (0.0, {"event": "failed", "name": "fake", "seed": None, "reason": "NaN"}),
    ]
    assert shown(events, clock) == "bf16 changes [features] by 1 %.\nfailed: fake: NaN\n"
    assert shown(events, clock, quiet=True) == "failed: fake: NaN\n"


class Simulated:
    """A run on a made-up clock: what each row really takes, second by second."""

    def __init__(self, rows: list[tuple[str, float, float, float]]) -> None:
        self.rows = rows
        """(name, planned training, actual training, everything else), in seconds"""
        self.heard: list[tuple[float, float | None]] = []
        """(elapsed, what was said to be left)"""
        self.now = 0.0
        self.remaining = Remaining()

    def run(self) -> float:
        """The duration of the whole."""
        planned = [{"name": name, "seed": None, "training_s": plan, "own_s": 0.0} for name, plan, _, _ in self.rows]
        self.hear({"event": "plan", "rows": planned})
        for number, (name, _, training, rest) in enumerate(self.rows):
            self.hear({"event": "case", "name": name, "seed": None, "number": number, "total": len(self.rows)})
            for step in range(1, 101 if training else 1):
                self.now += training / 100
                self.hear({"event": "progress", "unit": "steps", "done": step, "total": 100})
            self.now += rest
        return self.now

    def hear(self, event: Event) -> None:
        """An event now."""
        self.remaining.hear(event, self.now)
        self.heard.append((self.now, self.remaining.seconds(self.now)))


@pytest.mark.parametrize("slower", [0.7, 1.0, 1.9])
def test_the_end_of_the_run_is_foreseen_within_a_factor_of_two(slower: float) -> None:
    """From the first minute on: rows unlike by a factor of ten, trainings that take other than planned, cached ones."""
    models = [("gan", 60.0), ("gan", 60.0), ("dcgan", 200.0), ("vae", 20.0), ("cached", 0.0), ("flow", 600.0)]
    rows = [("floor", 0.0, 0.0, 15.0), ("noise", 0.0, 0.0, 12.0)]
    simulated = Simulated([*rows, *((name, plan, plan * slower, 20.0) for name, plan in models)])
    total = simulated.run()
    said = [(elapsed, left) for elapsed, left in simulated.heard if elapsed >= 60]
    assert len(said) > 300
    for elapsed, left in said:
        assert left is not None
        assert 0.5 <= (elapsed + left) / total <= 2


def test_a_plan_is_no_promise() -> None:
    """Nothing is said before a row was scored, or where nothing was planned; a training gone on with has its rate."""
    remaining = Remaining()
    assert remaining.seconds(0.0) is None
    remaining.hear(CASE, 0.0)
    remaining.hear(images(64), 1.0)
    assert remaining.seconds(1.0) is None
    rows = [{"name": "floor", "seed": None, "training_s": 0.0, "own_s": 0.0}]
    remaining.hear({"event": "plan", "rows": [*rows, {"name": "gan", "seed": 0, "training_s": 100.0, "own_s": 5.0}]}, 1)
    remaining.hear({"event": "case", "name": "floor", "seed": None, "number": 0, "total": 2}, 1.0)
    assert remaining.seconds(2.0) is None
    remaining.hear({"event": "case", "name": "gan", "seed": 0, "number": 1, "total": 2}, 11.0)
    assert remaining.seconds(11.0) == pytest.approx(100 + 5 + 10)
    for done, now in ((80, 12.0), (90, 14.0)):
        remaining.hear({"event": "progress", "unit": "steps", "done": done, "total": 100}, now)
    assert remaining.seconds(14.0) == pytest.approx(2 + 5 + 10)

"""Progress on stderr: a bar with rate and ETA in a terminal, a heartbeat line every half minute elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from aigc_bench.cli.remaining import Remaining
from aigc_bench.core import Event, OnEvent

HEARTBEAT_S = 30.0


@contextmanager
def shown(console: Console, *, quiet: bool) -> Iterator[OnEvent]:
    """Something that listens to events and shows them. Failures are shown even when `quiet`."""
    if quiet:
        yield lambda event: _failure(console, event)
    elif console.is_terminal:
        with _bar(console) as bar:
            yield _Bar(bar, console)
    else:
        yield _Heartbeat(console)


class _Rate(ProgressColumn):
    """What is done per second, as of late."""

    def render(self, task: Task) -> Text:
        """Nothing until it is known."""
        unit = task.fields.get("unit")
        return Text(f"{task.speed:.3g} {unit}/s" if unit and task.speed else "")


class _Left(ProgressColumn):
    """Time left: of the whole, what the plan says, since its rows are unlike; of a stage, by its rate."""

    def __init__(self) -> None:
        super().__init__()
        self._of_stage = TimeRemainingColumn()

    def render(self, task: Task) -> Text:
        """Dashes until it is known."""
        if "left" not in task.fields:
            return self._of_stage.render(task)
        left = task.fields["left"]()
        return Text("-:--:--" if left is None else str(timedelta(seconds=round(left))), style="progress.remaining")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        _Left(),
        console=console,
    )


class _Bar:
    """Two lines: the cases of the suite, and the steps of the training at hand."""

    def __init__(self, bar: Progress, console: Console) -> None:
        self._bar, self._console = bar, console
        self._remaining = Remaining()
        self._cases = bar.add_task("cases", total=None, left=lambda: self._remaining.seconds(time.monotonic()))
        self._steps = bar.add_task("steps", total=None, visible=False)

    def __call__(self, event: Event) -> None:
        self._remaining.hear(event, time.monotonic())
        if event["event"] == "case":
            text = f"{_label(event):<16}"
            self._bar.update(self._cases, total=event["total"], completed=event["number"], description=text)
            self._bar.reset(self._steps, visible=False)
        elif event["event"] == "progress":
            self._bar.update(
                self._steps,
                total=event["total"] or None,
                completed=event["done"],
                description=f"{event['unit']:<16}",
                unit=event["unit"],
                visible=event["done"] != event["total"],
            )
        _remark(self._console, event)


class _Heartbeat:
    """A line per case, and one every half minute while it works."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = self._start = time.monotonic()
        self._label = ""
        self._seen: tuple[float, int] | None = None
        """when the rate was last taken, and what was done then"""
        self._done = 0
        self._remaining = Remaining()

    def __call__(self, event: Event) -> None:
        now = time.monotonic()
        self._remaining.hear(event, now)
        if event["event"] == "case":
            self._label, self._seen = _label(event), None
            self._print(f"[{event['number'] + 1}/{event['total']}] {self._label}{self._of_all(now)}")
        elif event["event"] == "progress":
            if self._seen is None or event["done"] <= self._done:  # another pass began
                self._seen = now, event["done"]
            self._done = event["done"]
            if now - self._last > HEARTBEAT_S:
                pace = self._pace(event, now) + self._of_all(now)
                self._print(f"{self._label}: {event['unit']} {event['done']} of {event['total'] or '?'}{pace}")
                self._seen = now, event["done"]
        _remark(self._console, event)

    def _pace(self, event: Event, now: float) -> str:
        """Rate since the last line, and what it promises."""
        assert self._seen is not None
        since, before = self._seen
        if now <= since or event["done"] <= before:
            return ""
        rate = (event["done"] - before) / (now - since)
        left = (event["total"] - event["done"]) / rate if event["total"] else None
        return f", {rate:.3g}/s" + ("" if left is None else f"; left: {timedelta(seconds=round(left))}")

    def _of_all(self, now: float) -> str:
        left = self._remaining.seconds(now)
        return "" if left is None else f"; left in all: {timedelta(seconds=round(left))}"

    def _print(self, text: str) -> None:
        self._last = time.monotonic()
        seconds = self._last - self._start
        self._console.print(f"{seconds:6.0f} s  {text}", markup=False, highlight=False, soft_wrap=True)


def _label(event: Event) -> str:
    seed: Any = event.get("seed")
    return str(event["name"]) if seed is None else f"{event['name']}, seed {seed}"


def _remark(console: Console, event: Event) -> None:
    if event["event"] == "note":
        console.print(event["text"], markup=False, highlight=False, soft_wrap=True)
    _failure(console, event)


def _failure(console: Console, event: Event) -> None:
    if event["event"] == "failed":
        console.print(f"failed: {_label(event)}: {event['reason']}", markup=False, style="red", soft_wrap=True)

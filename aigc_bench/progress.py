"""Progress on stderr: a bar with an ETA in a terminal, a heartbeat line every half minute elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

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


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


class _Bar:
    """Two lines: the cases of the suite, and the steps of the training at hand."""

    def __init__(self, bar: Progress, console: Console) -> None:
        self._bar, self._console = bar, console
        self._cases = bar.add_task("cases", total=None)
        self._steps = bar.add_task("steps", total=None, visible=False)

    def __call__(self, event: Event) -> None:
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
                visible=event["done"] != event["total"],
            )
        _failure(self._console, event)


class _Heartbeat:
    """A line per case, and one every half minute while it trains."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = self._start = time.monotonic()
        self._label = ""

    def __call__(self, event: Event) -> None:
        now = time.monotonic()
        if event["event"] == "case":
            self._label = _label(event)
            self._print(f"[{event['number'] + 1}/{event['total']}] {self._label}")
        elif event["event"] == "progress" and now - self._last > HEARTBEAT_S:
            self._print(f"{self._label}: {event['unit']} {event['done']} of {event['total'] or '?'}")
        _failure(self._console, event)

    def _print(self, text: str) -> None:
        self._last = time.monotonic()
        seconds = self._last - self._start
        self._console.print(f"{seconds:6.0f} s  {text}", markup=False, highlight=False)


def _label(event: Event) -> str:
    seed: Any = event.get("seed")
    return str(event["name"]) if seed is None else f"{event['name']}, seed {seed}"


def _failure(console: Console, event: Event) -> None:
    if event["event"] == "failed":
        console.print(f"failed: {_label(event)}: {event['reason']}", markup=False, style="red", soft_wrap=True)

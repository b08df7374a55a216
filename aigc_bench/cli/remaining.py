"""How long the whole run will still take, from what is planned and from what was seen of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from aigc_bench.core import Event

TRAINING = "steps"
"""unit of the progress of a training"""


@dataclass
class Remaining:
    """Listens to a run's events.

    A row takes its training, what it is observed for by itself (both planned), and its scoring, which is learnt from
    the rows that are done, the last of them first of all. As trainings are seen to be slower or faster than planned, so
    are those to come taken to be.
    """

    _rows: Sequence[_Planned] = ()
    _number: int = 0
    _row_start: float = 0.0
    _trained: list[tuple[float, float]] = field(default_factory=list)
    """(planned, actual) seconds of trainings that are done, and of the one at hand as far as it can be foreseen"""
    _scoring_s: float | None = None
    _training: _Training | None = None

    def hear(self, event: Event, now: float) -> None:
        """Take in an event of the moment `now`, in seconds on any clock."""
        if event["event"] == "plan":
            self._rows = [_Planned(row["training_s"], row["own_s"]) for row in event["rows"]]
            self._row_start = now
        elif event["event"] == "case" and self._rows:
            if event["number"]:
                self._end_row(now)
            self._number, self._row_start, self._training = event["number"], now, None
        elif event["event"] == "progress" and event["unit"] == TRAINING and self._rows:
            self._training = self._training or _Training(now, event["done"])
            self._training.hear(event, now)

    def seconds(self, now: float) -> float | None:
        """Until the end of the run; None where nothing was planned, or no row's scoring was seen yet."""
        if not self._rows or self._scoring_s is None or self._number >= len(self._rows):
            return None
        pace = self._pace(now)
        later = sum(pace * row.training_s + row.own_s + self._scoring_s for row in self._rows[self._number + 1 :])
        return later + self._left_of_row(self._rows[self._number], pace, self._scoring_s, now)

    def _end_row(self, now: float) -> None:
        row = self._rows[self._number]
        trained = self._training.ended - self._training.start if self._training else 0.0
        if self._training and self._training.whole and row.training_s:
            self._trained.append((row.training_s, trained))
        self._scoring_s = max(now - self._row_start - trained - row.own_s, 0.0)

    def _pace(self, now: float) -> float:
        """Actual seconds of training by planned ones."""
        pairs = list(self._trained)
        planned = self._rows[self._number].training_s
        if planned and self._training and (whole := self._training.foreseen()) is not None:
            pairs.append((planned, whole))
        return sum(actual for _, actual in pairs) / sum(planned for planned, _ in pairs) if pairs else 1.0

    def _left_of_row(self, row: _Planned, pace: float, scoring_s: float, now: float) -> float:
        spent = now - self._row_start
        if self._training is None:
            return max(pace * row.training_s + row.own_s + scoring_s - spent, 0.0)
        if self._training.done < self._training.total:
            left = self._training.left()
            training = left if left is not None else max(pace * row.training_s - spent, 0.0)
            return training + row.own_s + scoring_s
        return max(row.own_s + scoring_s - (now - self._training.ended), 0.0)


@dataclass(frozen=True)
class _Planned:
    """Seconds of a row, without its scoring."""

    training_s: float
    own_s: float


@dataclass
class _Training:
    """The training at hand."""

    start: float
    first: int
    """steps that were done when it was first seen: an earlier attempt's, perhaps"""
    ended: float = 0.0
    done: int = 0
    total: float = math.inf

    def hear(self, event: Event, now: float) -> None:
        self.ended, self.done = now, event["done"]
        self.total = event["total"] or math.inf

    @property
    def whole(self) -> bool:
        """Whether all of it was seen: the first event comes after the first steps."""
        return self.first < self.total / 10

    def _step_s(self) -> float | None:
        return (self.ended - self.start) / (self.done - self.first) if self.done > self.first else None

    def left(self) -> float | None:
        """Seconds until its end; None where its rate or its end is not known."""
        step_s = self._step_s()
        return None if step_s is None or math.isinf(self.total) else step_s * (self.total - self.done)

    def foreseen(self) -> float | None:
        """Seconds of all of its steps."""
        step_s = self._step_s()
        return None if step_s is None or math.isinf(self.total) else step_s * self.total

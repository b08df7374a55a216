"""Judgement => rows of texts, for every output: what changed first, then what is undecided, then what passes."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from aigc_bench.gate.verdicts import Acceptance, Decision, Judgement
from aigc_bench.report.numbers import number, percentage, scaled

State = Literal["regression", "failed", "accepted", "improved", "inconclusive", "incomparable", "pass"]
"""a verdict, told apart further where a reader has to: no verdict, a REGRESSION signed for, a PASS worth a look"""

CHANGED: tuple[State, ...] = ("regression", "failed", "accepted", "improved")
UNDECIDED: tuple[State, ...] = ("inconclusive", "incomparable")
ORDER: tuple[State, ...] = (*CHANGED, *UNDECIDED, "pass")

WORDS: dict[State, str] = {
    "regression": "REGRESSION",
    "failed": "failed",
    "accepted": "accepted",
    "improved": "improved",
    "inconclusive": "INCONCLUSIVE",
    "incomparable": "INCOMPARABLE",
    "pass": "PASS",
}
TIMES = ((1.0, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns"))
FACTOR_FROM = math.log(10)
"""worse by more than this log ratio is a factor, not a percentage"""


def state(decision: Decision) -> State:
    """Which of the states a decision is in."""
    if decision.verdict is None:
        return "failed"
    if decision.verdict == "REGRESSION":
        return "accepted" if decision.accepted else "regression"
    if decision.verdict == "PASS":
        return "improved" if decision.improved else "pass"
    return "inconclusive" if decision.verdict == "INCONCLUSIVE" else "incomparable"


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision of a gate, as the texts that every output shows."""

    decision: Decision
    name: str
    """without what the names of all rows share"""
    state: State
    base: str
    head: str
    change: str
    """by how much head is worse: "+5.1 %", "×12", "+0.0031"; "–" where that is not known"""
    interval: str
    why: str

    @property
    def word(self) -> str:
        """The state as it is printed."""
        return WORDS[self.state]


@dataclass(frozen=True, slots=True)
class Groups:
    """All rows, each group in the order to read it in."""

    changed: tuple[DecisionRow, ...]
    undecided: tuple[DecisionRow, ...]
    passing: tuple[DecisionRow, ...]

    def __iter__(self) -> Iterator[DecisionRow]:
        """Every row, in the order of the page."""
        return iter((*self.changed, *self.undecided, *self.passing))


def grouped(judgement: Judgement) -> Groups:
    """The rows of a judgement, the largest change of every state first."""
    shared = len(shared_name(judgement))
    found = sorted((_row(decision, decision.subject[shared:]) for decision in judgement.decisions), key=_rank)
    return Groups(
        changed=tuple(row for row in found if row.state in CHANGED),
        undecided=tuple(row for row in found if row.state in UNDECIDED),
        passing=tuple(row for row in found if row.state == "pass"),
    )


def _rank(row: DecisionRow) -> tuple[int, float, str]:
    worsening = row.decision.worsening or 0.0
    return ORDER.index(row.state), -abs(worsening) if row.state == "improved" else -worsening, row.decision.subject


def shared_name(judgement: Judgement) -> str:
    """What the names of all decisions begin with, up to a place where a name may be cut; nothing of a single one."""
    names = [decision.subject for decision in judgement.decisions]
    if len(names) < 2:
        return ""
    common = "".join(
        letters[0] for letters in itertools.takewhile(lambda each: len(set(each)) == 1, zip(*names, strict=False))
    )
    ends = [match.end() for match in re.finditer("::|/|: ", common)]
    return common[: ends[-1]] if ends else ""


def _row(decision: Decision, name: str) -> DecisionRow:
    base, head = _sides(decision)
    return DecisionRow(decision, name, state(decision), base, head, change(decision), interval(decision), why(decision))


def _sides(decision: Decision) -> tuple[str, str]:
    """Base and head with as many digits as the interval of their difference supports."""
    known = [value for value in (decision.base, decision.head) if value is not None]
    factor, unit = _unit(max(map(abs, known), default=0.0), decision.unit)
    error = _error(decision) * factor
    if decision.scale == "log ratio":
        error *= abs(known[0]) if known else 0.0
    texts = ("–" if value is None else f"{number(value * factor, error)} {unit}".rstrip()
             for value in (decision.base, decision.head))  # fmt: skip
    base, head = texts
    return base, head


def _unit(largest: float, unit: str) -> tuple[float, str]:
    """Factor and name of the unit that people read; times run from seconds to nanoseconds."""
    if unit != "s" or not largest:
        return scaled(unit)
    return next(((factor, name) for factor, name in TIMES if largest * factor >= 1), TIMES[-1])


def _error(decision: Decision) -> float:
    """About one standard error of the worsening; 0 where there is no interval."""
    if decision.low is None or decision.high is None:
        return 0.0
    return (decision.high - decision.low) / 4


def change(decision: Decision) -> str:
    """By how much head is worse."""
    return "–" if decision.worsening is None else _joined([decision.worsening], decision)


def interval(decision: Decision) -> str:
    """The interval of that: "+3.2 … +7.0 %"; one bound where there is one, nothing where there is none."""
    bounds = [bound for bound in (decision.low, decision.high) if bound is not None]
    if len(bounds) == 1:
        return f"{'≥' if decision.high is None else '≤'} {_joined(bounds, decision)}"
    return _joined(bounds, decision)


def _joined(worsenings: Sequence[float], decision: Decision) -> str:
    error = _error(decision)
    if decision.scale == "difference":
        return " … ".join(_signed(value, error) for value in worsenings)
    if any(value > FACTOR_FROM for value in worsenings):
        # e^710 is no float any more.
        return " … ".join(f"×{math.exp(min(value, 700.0)):.3g}" for value in worsenings)
    texts = [_signed(100 * math.expm1(value), 100 * error) for value in worsenings]
    return " … ".join(texts) + (" %" if texts else "")


def _signed(value: float, error: float) -> str:
    return f"{'+' if value > 0 else ''}{number(value, error)}"


def on_scale(value: float | None, decision: Decision) -> str:
    """A spread or a detectable worsening, without a sign: in per cent where the scale is a ratio."""
    if value is None or not math.isfinite(value):
        return "–"
    return percentage(math.expm1(min(value, 700.0))) if decision.scale == "log ratio" else number(value)


def why(decision: Decision) -> str:
    """The reason, and what somebody signed for."""
    acceptance = decision.acceptance
    if acceptance is None:
        return decision.reason
    if acceptance.expired:
        return (
            f"{decision.reason}; {percentage(acceptance.up_to)} were accepted until {acceptance.until}, which is over"
        )
    return f"{decision.reason}; {terms(acceptance)}"


def terms(acceptance: Acceptance) -> str:
    """What was signed for, in a phrase."""
    return f"accepted up to {percentage(acceptance.up_to)} until {acceptance.until}: {acceptance.why}"


def signed_for(judgement: Judgement) -> list[DecisionRow]:
    """Every decision with an acceptance, the expired ones too."""
    return [row for row in grouped(judgement) if row.decision.acceptance is not None]


def counts(judgement: Judgement) -> str:
    """How many there are of every state: "1 REGRESSION, 12 PASS"."""
    found = Counter(map(state, judgement.decisions))
    return ", ".join(f"{found[name]} {WORDS[name]}" for name in ORDER if found[name])


def tests(judgement: Judgement) -> list[str]:
    """Every test that was made, with how many decisions rest on it and the level of its interval."""
    found = Counter((item.test, item.level) for item in judgement.decisions if item.test)
    return [f"{test} ({_plural(number_, 'decision')}{_level(level)})" for (test, level), number_ in found.items()]


def _level(level: float | None) -> str:
    return "" if level is None else f"; interval at {100 * level:.4g} %"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def sides(judgement: Judgement) -> Iterable[tuple[str, str]]:
    """Base and head, each with its name and what exactly it was."""
    for role, side in (("base", judgement.base), ("head", judgement.head)):
        yield role, side.name if side.name == side.identity else f"{side.name} = {side.identity}"

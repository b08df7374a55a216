"""Judgement => its first line: the verdict in plain words, with the largest change."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aigc_bench.gate.verdicts import Judgement
from aigc_bench.report.judgement.decisions import DecisionRow, grouped
from aigc_bench.report.numbers import number

NUM_NAMED = 3


def headline(judgement: Judgement) -> str:
    """The verdict in one sentence, with what it is about."""
    rows = grouped(judgement)
    total = len(judgement.decisions)
    worse = "slower" if judgement.kind == "speed" else "worse"
    word, about, text = {
        "REGRESSION": ("REGRESSION", "regression", worse),
        None: ("FAILED", "failed", "without a number"),
        "INCOMPARABLE": ("INCOMPARABLE", "incomparable", "not to be compared"),
        "INCONCLUSIVE": ("INCONCLUSIVE", "inconclusive", "undecided"),
        "PASS": ("PASS", "", ""),
    }[judgement.verdict]
    if not total:
        return "INCOMPARABLE: the two sides have nothing in common."
    accepted = sum(row.state == "accepted" for row in rows)
    within = f"{accepted} {'is' if accepted == 1 else 'are'} worse by what is accepted" if accepted else ""
    if judgement.verdict == "PASS":
        return f"PASS: {f'{within}, and no other of {total}' if accepted else f'none of {total} is {worse}'}."
    mine = [row for row in rows if row.state == about]
    verb = "is" if len(mine) == 1 else "are"
    return f"{word}: {len(mine)} of {total} {verb} {text}: {'; '.join(filter(None, [_named(mine), within]))}."


def _named(rows: Sequence[DecisionRow]) -> str:
    """The first few by name, with their changes."""
    texts = [f"{row.name}, {_with_error(row)}" if row.decision.worsening is not None else row.name
             for row in rows[:NUM_NAMED]]  # fmt: skip
    return "; ".join(texts) + (f"; and {len(rows) - NUM_NAMED} more" if len(rows) > NUM_NAMED else "")


def _with_error(row: DecisionRow) -> str:
    """A change with half of its interval: "+12 % ± 2 %"."""
    low, high = row.decision.low, row.decision.high
    if low is None or high is None or row.decision.scale != "log ratio" or row.change.startswith("×"):
        return row.change
    half = 50 * (math.expm1(min(high, 700.0)) - math.expm1(low))
    return f"{row.change} ± {number(half, half)} %"

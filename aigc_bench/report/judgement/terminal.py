"""Judgement => terminal: the verdict, what changed, what is undecided or unlike, what passes; within 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from aigc_bench.gate.verdicts import Judgement
from aigc_bench.report.judgement import decisions
from aigc_bench.report.judgement.decisions import DecisionRow, State
from aigc_bench.report.judgement.headline import headline

NUM_PASSING = 20
"""passing rows that are shown; more are counted"""

STYLES: dict[State, str] = {
    "regression": "bold red",
    "failed": "bold red",
    "accepted": "yellow",
    "improved": "cyan",
    "inconclusive": "yellow",
    "incomparable": "yellow",
    "pass": "green",
}
VERDICT_STYLES = {"PASS": "bold green", "REGRESSION": "bold red", None: "bold red"}


def judgement_lines(judgement: Judgement) -> Group:
    """Everything that a terminal shows. Texts are never markup, whatever brackets a name has."""
    return Group(*_parts(judgement))


def _parts(judgement: Judgement) -> Iterator[RenderableType]:
    rows = decisions.grouped(judgement)
    yield Text(headline(judgement), VERDICT_STYLES.get(judgement.verdict, "bold yellow"))
    shared = decisions.shared_name(judgement)
    if shared:
        yield Text(f"all names begin with {shared.rstrip()}", "dim")
    unlike = [row for row in rows.undecided if row.state == "incomparable"]
    undecided = [row for row in rows.undecided if row.state != "incomparable"]
    for title, found in (("changed", rows.changed), ("undecided", undecided), ("not to be compared", unlike)):
        if found:
            yield _table(title, found)
    if rows.passing:
        yield _table("passing", rows.passing[:NUM_PASSING])
    if len(rows.passing) > NUM_PASSING:
        yield Text(f"  and {len(rows.passing) - NUM_PASSING} more that pass", "dim")
    yield from _lists(judgement)


def _table(title: str, rows: Sequence[DecisionRow]) -> Table:
    """Verdict, and beside it name, numbers and reason, one below the other: names are long and terminals are not."""
    out = Table(title=f"\n{title}", title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0))
    out.add_column(no_wrap=True, min_width=max(map(len, decisions.WORDS.values())))
    out.add_column(overflow="fold")
    for row in rows:
        body = Text(row.name, "bold" if row.state != "pass" else "")
        if row.decision.base is not None or row.decision.head is not None:
            body.append(f"\n{_numbers(row)}", "not bold")
        body.append(f"\n{row.why}", "not bold dim")
        out.add_row(Text(row.word, STYLES[row.state]), body)
    return out


def _numbers(row: DecisionRow) -> str:
    """As in: 12.30 ms → 13.17 ms   worse by +7.1 % (+5.0 … +9.2 %)."""
    if row.decision.worsening is None:
        return f"{row.base} → {row.head}"
    if row.state == "improved" and row.decision.low is not None and row.decision.high is not None:
        return f"{row.base} → {row.head}   better by {row.change.removeprefix('-')} ({_turned(row.interval)})"
    within = f" ({row.interval})" if row.interval else ""
    return f"{row.base} → {row.head}   worse by {row.change}{within}"


def _turned(interval: str) -> str:
    """How much better, of how much worse: -36.2 … -22.5 % becomes 22.5 … 36.2 %."""
    bounds, percent, _ = interval.partition(" %")
    return " … ".join(bound.removeprefix("-") for bound in reversed(bounds.split(" … "))) + percent


def _lists(judgement: Judgement) -> Iterator[RenderableType]:
    """What stands below the tables."""
    costs = [f"{row.decision.subject}: {row.change}; {_signed(row)}" for row in decisions.signed_for(judgement)]
    yield Text()
    for title, texts in (
        ("new, with nothing to compare with", judgement.new),
        ("removed", judgement.removed),
        ("accepted costs", costs),
        ("claim", (judgement.claim, *(f"{role}: {text}" for role, text in decisions.sides(judgement)))),
        ("notes", judgement.statements),
        ("tested by", decisions.tests(judgement)),
    ):
        if texts:
            yield Text(f"{title}:")
            yield from (Padding(Text(text), (0, 0, 0, 2)) for text in texts)
    yield Text(f"{decisions.counts(judgement) or 'nothing was compared'}; {judgement.wall_s:.0f} s", "dim")
    yield Text("What a name or a verdict means: aigc-bench terms NAME.", "dim")


def _signed(row: DecisionRow) -> str:
    acceptance = row.decision.acceptance
    assert acceptance is not None
    return ("expired, was " if acceptance.expired else "") + decisions.terms(acceptance)

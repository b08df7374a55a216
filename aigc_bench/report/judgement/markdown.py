"""Judgement => Markdown for a pull request or a job's summary, below a mebibyte whatever was compared.

GitHub refuses a step's summary above 1 MiB as a whole, so that rows are left out, never cut, and their number is said.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aigc_bench.gate.verdicts import Judgement
from aigc_bench.report import environments
from aigc_bench.report.judgement import decisions
from aigc_bench.report.judgement.decisions import DecisionRow
from aigc_bench.report.judgement.headline import headline
from aigc_bench.report.terms import TERMS

MAX_BYTES = 2**20 - 2**12
MAX_CHARACTERS = 1000
"""of one cell: a traceback that became a reason is read in the page"""

EXPLAINED = ("base, head", "detect", "tolerance", "unit", "pair of processes")
"""terms that a pull request's reader may never have met"""
HEAD = "| | verdict | base | head | worse by | interval | why |\n|---|---|---:|---:|---:|---:|---|\n"
ACTIVE = re.compile(r"[&<>|`*\[\]\\~$#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""what Markdown, its tables, HTML or GitHub's formulas would take for their own; an underscore within a word is one"""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of which the last may be left out, between what may not."""

    head: str
    rows: Sequence[str] = ()
    tail: str = ""


def markdown(judgement: Judgement, max_bytes: int = MAX_BYTES) -> str:
    """The text, UTF-8 of at most `max_bytes`; empty where not even the verdict fits."""
    blocks = list(_blocks(judgement))
    title = blocks[0].head
    left = max_bytes - _bytes(_missing(10**9)) - sum(_bytes(block.head + block.tail) for block in blocks)
    if left < 0:
        return title if _bytes(title) <= max_bytes else ""
    parts, dropped = [], 0
    for block in blocks:
        fitting = []
        for row in block.rows:
            if dropped or _bytes(row) > left:
                dropped += 1
                continue
            left -= _bytes(row)
            fitting.append(row)
        parts += [block.head, *fitting, block.tail]
    return "".join([*parts, _missing(dropped)] if dropped else parts)


def _missing(num_rows: int) -> str:
    return f"\n{num_rows} further rows were left out to stay below 1 MiB; the JSON, JUnit and HTML files have them.\n"


def _bytes(text: str) -> int:
    return len(text.encode())


def marker(suite: str) -> str:
    """The comment by which a later run finds, and replaces, what an earlier one wrote."""
    name = re.sub(r"[^\w./@:+ -]|-(?=-)", "_", suite)  # two hyphens would end the comment
    return f"<!-- aigc-bench:{name} -->"


def inline(text: str) -> str:
    """One line of plain text, whatever was in it; nobody is mentioned by it."""
    return re.sub(r"@(?=\w)", "@\N{ZERO WIDTH SPACE}", _line_of(text))


def _line_of(text: str) -> str:
    line = " ".join(text.split())
    if len(line) > MAX_CHARACTERS:
        line = line[: MAX_CHARACTERS - 2] + " …"
    return ACTIVE.sub(lambda found: f"&#{ord(found[0])};", line)


def code(text: str) -> str:
    """The same as a name, in a fixed pitch, where nobody is mentioned either."""
    return f"<code>{_line_of(text)}</code>"


def _blocks(judgement: Judgement) -> Iterator[Block]:
    rows = decisions.grouped(judgement)
    shared = decisions.shared_name(judgement)
    within = f" · all names begin with {code(shared.rstrip())}" if shared else ""
    both = " · ".join(f"{role}: {code(text)}" for role, text in decisions.sides(judgement))
    yield Block(f"{marker(judgement.suite)}\n### {inline(headline(judgement))}\n\n{both}{within}\n")
    if rows.changed or rows.undecided:
        yield Block(f"\n{HEAD}", [_line(row) for row in (*rows.changed, *rows.undecided)])
    costs = decisions.signed_for(judgement)
    if costs:
        yield Block("\n**Accepted costs**\n\n", [_cost(row) for row in costs])
    for title, names in (("new, with nothing to compare with", judgement.new), ("removed", judgement.removed)):
        if names:
            yield Block(_folded(f"{len(names)} {title}"), [f"* {code(name)}\n" for name in names], "\n</details>\n")
    if rows.passing:
        title = _folded(f"{len(rows.passing)} PASS")
        yield Block(f"{title}{HEAD}", [_line(row) for row in rows.passing], "\n</details>\n")
    command = f"\n<pre>{html.escape(judgement.command[:MAX_CHARACTERS])}</pre>\n\n</details>\n"
    yield Block(
        _folded("What is claimed and how it was tested, environments, and the command that repeats it"),
        _details(judgement),
        command,
    )


def _folded(title: str) -> str:
    return f"\n<details><summary>{title}</summary>\n\n"


def _line(row: DecisionRow) -> str:
    word = f"**{row.word}**" if row.state in decisions.CHANGED else row.word
    texts = (row.base, row.head, row.change, row.interval, row.why)
    return f"| {code(row.name)} | {word} | {' | '.join(map(inline, texts))} |\n"


def _cost(row: DecisionRow) -> str:
    acceptance = row.decision.acceptance
    assert acceptance is not None
    was = "expired: was " if acceptance.expired else ""
    return f"* {code(row.decision.subject)} {inline(f'{row.change}; {was}{decisions.terms(acceptance)}')}\n"


def _details(judgement: Judgement) -> list[str]:
    different, same = environments.compared(judgement)
    lines = [f"* Claim: {inline(judgement.claim)}\n", *(f"* {inline(text)}\n" for text in judgement.statements)]
    lines += [f"* {inline(test)}\n" for test in decisions.tests(judgement)]
    lines += [f"* **{term.name}**: {inline(term.meaning)}\n" for term in TERMS if term.name in EXPLAINED]
    lines += [f"* {inline(key)}: base {inline(base)}, head {inline(head)}\n" for key, base, head in different]
    if same and not different:
        lines.append("* The two environments are the same.\n")
    return lines

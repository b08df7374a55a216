"""The same samples under several published protocols: a table with a row per code and a column per score it prints."""

from __future__ import annotations

from aigc_bench.core import Score
from aigc_bench.metrics.protocols import PRECISIONS, PROTOCOLS, Protocol
from aigc_bench.report.run.tables import Table, columns, table
from aigc_bench.runs.records import Run

CODE_COLUMNS = {
    "FID ↓": ("fd", "fid", "rfd", "rfid"),
    "sFID ↓": ("sfd", "sfid"),
    "KID ↓": ("kd", "kd_subsets", "kid"),
    "IS ↑": ("inception_score",),
    "precision ↑": ("precision",),
    "recall ↑": ("recall",),
}
"""column => metrics and published scores that stand in it"""

UNPUBLISHED = {"FID ↓": "FD ↓", "sFID ↓": "sFD ↓", "KID ↓": "KD ↓"}
"""column => what it is called where the weights or the precision are not the published ones"""

OWN_NAMES = ("fd_", "rfd_", "sfd_", "kd_")
"""how scores of other weights or another precision begin"""


def by_code(run: Run) -> dict[str, Table]:
    """The same samples under other published protocols. Row => code => column => cell, for what that code prints.

    Empty where fewer than two published protocols were used.
    """
    found: dict[str, Table] = {}
    for name, row in table(run, "quality").items():
        for metric, cell in row.items():
            protocol = _protocol_of(cell.scores[0])
            column = protocol and _column_of(metric.partition("@")[0], cell.scores[0].extractor, protocol)
            if protocol and column:
                # Other weights or another precision: the name still has the extractor in it, and is no FID.
                column = UNPUBLISHED.get(column, column) if metric.startswith(OWN_NAMES) else column
                found.setdefault(name, {}).setdefault(protocol.name, {}).setdefault(column, cell)
    return found if len({code for codes in found.values() for code in codes}) > 1 else {}


def code_columns(sets: dict[str, Table]) -> list[str]:
    """The columns of `by_code` that have a cell."""
    there = {column for codes in sets.values() for column in columns(codes)}
    known = (name for column in CODE_COLUMNS for name in (column, UNPUBLISHED.get(column, column)))
    return [column for column in dict.fromkeys(known) if column in there]


def _protocol_of(score: Score) -> Protocol | None:
    """Whose a score is, by what stands after the "@"; without one TensorFlow's, if its extractor is."""
    _, at, mark = score.metric.partition("@")
    own = PROTOCOLS["tf"].features
    if not at and (score.extractor or "").partition("[")[0] not in (own, *(f"{own}-{kind}" for kind in PRECISIONS)):
        return None
    return next((protocol for protocol in PROTOCOLS.values() if protocol.mark == at + mark), None)


def _column_of(score_name: str, extractor: str | None, protocol: Protocol) -> str | None:
    """The column of a score that this protocol's code prints."""
    name = score_name.removesuffix(f"_{extractor}")
    column = next((column for column, names in CODE_COLUMNS.items() if name in names), None)
    prints = {*protocol.metrics, *(asked for asked, to in protocol.variants.items() if to in protocol.metrics)}
    return column if column and (not prints or prints & set(CODE_COLUMNS[column])) else None

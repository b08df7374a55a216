"""Judgement => JUnit XML, as CI systems read it: a suite per kind, a case per decision.

A REGRESSION is a <failure>, a side that failed an <error>, what is undecided or not comparable <skipped>; what was
signed for passes and says so. Elements and attributes are those that Jenkins' junit-10.xsd and pytest's files share.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from typing import Literal

from aigc_bench.gate.verdicts import Judgement
from aigc_bench.report.judgement import decisions
from aigc_bench.report.judgement.decisions import DecisionRow

Outcome = Literal["failure", "error", "skipped"]

ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""what XML 1.0 has no way to write (production 2, Char): control characters of a captured traceback, mostly"""


def junit(judgement: Judgement) -> bytes:
    """Judgement => the text of a JUnit XML file."""
    root = ET.Element(
        "testsuites", {"name": _legal(f"aigc-bench {judgement.suite}"), "time": f"{judgement.wall_s:.3f}"}
    )
    rows = list(decisions.grouped(judgement))
    kinds = dict.fromkeys(row.decision.kind for row in rows)
    for kind in kinds or (judgement.kind,):
        root.append(_suite(judgement, kind, [row for row in rows if row.decision.kind == kind]))
    found = Counter(outcome(row, judgement) for row in rows)
    root.attrib |= {"tests": str(len(rows)), "failures": str(found["failure"]), "errors": str(found["error"])}
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def outcome(row: DecisionRow, judgement: Judgement) -> Outcome | None:
    """Which element a decision gets; None passes."""
    if row.state == "regression" or (row.state == "inconclusive" and judgement.fail_on_inconclusive):
        return "failure"
    if row.state == "failed":
        return "error"
    return "skipped" if row.state in decisions.UNDECIDED else None


def _suite(judgement: Judgement, kind: str, rows: list[DecisionRow]) -> ET.Element:
    name = f"{judgement.suite}: {kind}"
    found = Counter(outcome(row, judgement) for row in rows)
    suite = ET.Element(
        "testsuite",
        {
            "name": _legal(name),
            "tests": str(len(rows)),
            "failures": str(found["failure"]),
            "errors": str(found["error"]),
            "skipped": str(found["skipped"]),
            "timestamp": judgement.created,
        },
    )
    properties = ET.SubElement(suite, "properties")
    for key, value in _properties(judgement):
        ET.SubElement(properties, "property", {"name": key, "value": _legal(value)})
    for row in rows:
        suite.append(_case(row, outcome(row, judgement), name))
    return suite


def _properties(judgement: Judgement) -> Iterator[tuple[str, str]]:
    """What the suite as a whole says."""
    yield "verdict", judgement.verdict or "none: a side failed"
    yield "exit_code", str(judgement.exit_code)
    yield "claim", judgement.claim
    for role, side in (("base", judgement.base), ("head", judgement.head)):
        yield f"{role}.name", side.name
        yield f"{role}.identity", side.identity
    yield "command", judgement.command
    for role, names in (("new", judgement.new), ("removed", judgement.removed), ("statement", judgement.statements)):
        for number, text in enumerate(names, 1):
            yield f"{role}.{number}", text


def _case(row: DecisionRow, tag: Outcome | None, suite: str) -> ET.Element:
    case = ET.Element("testcase", {"classname": _legal(suite), "name": _legal(row.decision.subject)})
    if tag is None:
        ET.SubElement(case, "system-out").text = _legal(f"{row.word}: {row.why}\n{_details(row)}")
        return case
    element = ET.SubElement(case, tag, {"type": row.word, "message": _legal(row.why)})
    element.text = _legal(_details(row))
    return case


def _details(row: DecisionRow) -> str:
    item = row.decision
    lines = {
        "base": row.base,
        "head": row.head,
        "worse by": row.change,
        "interval": f"{row.interval} at {100 * item.level:.4g} %" if row.interval and item.level else row.interval,
        "p": "" if item.p_value is None else f"{item.p_value:.3g}",
        "test": item.test,
        "units": str(item.num_units or ""),
        "units needed": str(item.needed_units or ""),
    }
    return "\n".join(f"{key}: {text}" for key, text in lines.items() if text not in ("", "–"))


def _legal(text: str) -> str:
    return ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)

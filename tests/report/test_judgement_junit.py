"""JUnit XML: valid by a schema that takes pytest's own files too, with the right outcome for every verdict."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from judgement_kit import (
    NASTY,
    accepted,
    decision,
    difference,
    failed,
    incomparable,
    inconclusive,
    judgement,
    of_all_sorts,
    regression,
)

from aigc_bench.gate.verdicts import Decision, Judgement
from aigc_bench.report.judgement.junit import junit


@pytest.fixture(scope="module")
def schema() -> Any:
    """The documented format."""
    return xmlschema.XMLSchema11(Path(__file__).with_name("junit.xsd"))


def outcomes(found: Judgement) -> dict[str | None, list[str]]:
    """Name of every case => the elements in it."""
    root = ET.fromstring(junit(found))
    return {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}


@pytest.mark.parametrize(
    "found",
    [
        of_all_sorts(),
        of_all_sorts(fail_on_inconclusive=True),
        judgement(),
        judgement(decision(NASTY), claim=NASTY, suite=NASTY, command=NASTY, statements=(NASTY,), new=(NASTY,)),
    ],
    ids=["all", "strict", "empty", "nasty"],
)
def test_every_file_is_valid(found: Judgement, schema: Any) -> None:
    """Elements, attributes and counts."""
    schema.validate(junit(found).decode())


def test_the_schema_takes_what_pytest_writes(schema: Any, tmp_path: Path) -> None:
    """So that what it asks for is what CI systems know."""
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "def test_passes(): print('hello')\n"
        "def test_fails(): assert False\n"
        "@pytest.mark.skip\n"
        "def test_skipped(): pass\n"
        "@pytest.fixture\n"
        "def broken(): raise ValueError('<&>')\n"
        "def test_errs(broken): pass\n"
        "def test_property(record_property): record_property('k', 'v')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=out.xml", "test_it.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    schema.validate((tmp_path / "out.xml").read_text())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('failures="2"', 'failures="1"'),
        ('skipped="2"', 'skipped="0"'),
        ("<failure ", "<broken "),
        (' name="test_slow"', ""),
        ("2026-11-25T", "25 November "),
    ],
)
def test_the_schema_refuses_what_is_wrong(old: str, new: str, schema: Any) -> None:
    """A count, an element, a missing name, a date."""
    text = junit(of_all_sorts()).decode()
    assert old in text
    changed = text.replace(old, new).replace("</failure>", "</broken>" if "broken" in new else "</failure>")
    assert not schema.is_valid(changed)


@pytest.mark.parametrize(
    ("item", "strict", "elements"),
    [
        (decision("x"), False, ["system-out"]),
        (decision("x", -0.5, improved=True), False, ["system-out"]),
        (regression("x"), False, ["failure"]),
        (accepted("x"), False, ["system-out"]),
        (accepted("x", expired=True), False, ["failure"]),
        (failed("x"), False, ["error"]),
        (inconclusive("x"), False, ["skipped"]),
        (inconclusive("x"), True, ["failure"]),
        (incomparable("x"), True, ["skipped"]),
    ],
)
def test_every_verdict_has_its_element(item: Decision, strict: bool, elements: list[str]) -> None:
    """And what is undecided fails only where the policy says so."""
    assert outcomes(judgement(item, fail_on_inconclusive=strict)) == {"x": elements}


def test_speed_and_quality_are_suites_of_their_own() -> None:
    """Each with the claim, the exit code and both identities."""
    root = ET.fromstring(junit(judgement(decision(), difference(), kind="all")))
    assert [suite.get("name") for suite in root] == ["tests/benchmarks: quality", "tests/benchmarks: speed"]
    for suite in root:
        properties = {item.get("name"): item.get("value") for item in suite.iter("property")}
        assert properties["claim"] == "head is no slower than base by 5 %"
        assert (properties["base.identity"], properties["head.identity"]) == ("3fe1c22", "9c0b11a")
        assert (properties["verdict"], properties["exit_code"]) == ("PASS", "0")


def test_a_cost_that_is_accepted_says_so() -> None:
    """It passes, and the reader of the file still learns of it."""
    text = junit(judgement(accepted())).decode()
    assert "accepted up to 5 % until 2027-03-31: checks its input" in text


def test_characters_that_xml_cannot_hold_are_replaced(schema: Any) -> None:
    """NUL, escape codes, unpaired surrogates and U+FFFE, in names, reasons and the command; all else stays."""
    bad = "a\x00\x1b[31m\ud800\ufffe é 漢 😀\t"
    found = judgement(failed("test_x", reason=bad)).model_copy(update={"command": bad, "claim": bad})
    text = junit(found).decode()
    schema.validate(text)
    error = next(ET.fromstring(text.encode()).iter("error"))
    assert error.get("message") == "a\ufffd\ufffd[31m\ufffd\ufffd é 漢 😀\t"

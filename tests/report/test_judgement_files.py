"""Every output is written where it was asked for, and none is lost for another's sake."""

from __future__ import annotations

import json
import resource
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from judgement_kit import decision, judgement, of_all_sorts

from aigc_bench.core.errors import StoreError, UnwrittenReportError
from aigc_bench.gate.verdicts import Judgement
from aigc_bench.report.judgement.files import Outputs, write_judgement
from aigc_bench.report.judgement.markdown import MAX_BYTES

FOUND = of_all_sorts()


def outputs(folder: Path, **others: Path) -> Outputs:
    """A file of every kind."""
    names = {"json": "a.json", "markdown": "a.md", "junit": "a.xml", "html": "a.html", "summary": "summary.md"}
    return Outputs(**{kind: folder / name for kind, name in names.items()} | others)


def test_all_are_written(tmp_path: Path) -> None:
    """Exactly there, in a folder that is made where it is missing; the JSON reads back as what it was."""
    asked = outputs(tmp_path / "new")
    write_judgement(FOUND, asked)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {path.name for path in asked.paths}
    text = (tmp_path / "new" / "a.json").read_text()
    assert Judgement.model_validate_json(text) == FOUND
    assert (json.loads(text)["verdict"], json.loads(text)["exit_code"]) == ("REGRESSION", 1)
    ET.parse(tmp_path / "new" / "a.xml")
    assert (tmp_path / "new" / "a.md").read_text() == (tmp_path / "new" / "summary.md").read_text()


def test_nothing_is_written_that_was_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even drawn."""
    monkeypatch.chdir(tmp_path)
    write_judgement(FOUND, Outputs())
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    """A full disk, a folder of that name, and a file where a folder should be; every one of them is named."""
    (tmp_path / "file").write_text("")
    (tmp_path / "a.json").mkdir()
    asked = outputs(tmp_path, markdown=Path("/dev/full"), html=tmp_path / "file" / "a.html")
    with pytest.raises(UnwrittenReportError) as caught:
        write_judgement(FOUND, asked)
    for path in ("a.json", "/dev/full", "file/a.html"):
        assert path in str(caught.value)
    assert "free some space there or choose another path" in str(caught.value)
    assert (tmp_path / "a.xml").stat().st_size
    assert (tmp_path / "summary.md").stat().st_size


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A limit on file size stands in for it; what Python would compile meanwhile is not cut."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_disk")
def test_half_a_file_is_none(tmp_path: Path) -> None:
    """What was begun is taken back: a summary keeps what it had."""
    (tmp_path / "summary.md").write_text("before\n" * 100)
    with pytest.raises(StoreError, match="free some space"):
        write_judgement(FOUND, outputs(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["summary.md"]
    assert (tmp_path / "summary.md").read_text() == "before\n" * 100


def test_a_summary_is_appended_to_within_its_limit(tmp_path: Path) -> None:
    """What other commands of the step wrote stays; all together stay below the limit, or nothing is added."""
    path = tmp_path / "summary.md"
    for before in (100, MAX_BYTES - 5000, MAX_BYTES - 50):
        path.write_text("x" * before)
        write_judgement(judgement(*(decision(f"test_{i}") for i in range(100))), Outputs(summary=path))
        text = path.read_text()
        assert text.startswith("x" * before)
        assert len(text.encode()) <= MAX_BYTES
        assert ("aigc-bench:tests/benchmarks" in text) is (before < MAX_BYTES - 50)


def test_bad_paths_are_found_out_beforehand(tmp_path: Path) -> None:
    """Before anything is measured; a folder that is missing will be made."""
    (tmp_path / "file").write_text("")
    outputs(tmp_path / "a" / "b").check()
    Outputs(html=Path("relative.html")).check()
    for bad in (tmp_path, tmp_path / "file" / "a.html"):
        with pytest.raises(StoreError, match="choose another path"):
            Outputs(html=bad).check()

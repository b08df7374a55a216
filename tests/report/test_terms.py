"""Pages explain their terms, in the glossary's words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aigc_bench.report.terms import TERMS, terms_in

GLOSSARY = Path(__file__).parents[2] / "docs" / "glossary.md"


def test_the_glossary_says_the_same() -> None:
    """Word by word: one term has one meaning."""
    rows = {
        re.sub(r"[*`]", "", cells[1]).strip(): re.sub(r"[*`]", "", cells[2]).strip()
        for line in GLOSSARY.read_text(encoding="utf-8").splitlines()
        if len(cells := line.split("|")) == 4
    }
    assert {term.name: rows.get(term.name) for term in TERMS} == {term.name: term.meaning for term in TERMS}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("fd_pixels of the floor", ["FD, fd_<extractor>", "floor"]),
        ("rfid", ["FID"]),
        ("no such things: affordable, underestimates", []),
        ("<svg><title>noise</title></svg> <p class='precision'>recall</p>", ["recall"]),
    ],
)
def test_what_a_text_uses_is_found(text: str, names: list[str]) -> None:
    """In what is visible; a class of an element or a drawing is not read."""
    assert [term.name for term in terms_in(text)] == names

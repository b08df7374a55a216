"""Markdown: a parser of another project finds the table whole, and the text stays below a mebibyte."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from judgement_kit import NASTY, accepted, decision, difference, inconclusive, judgement, of_all_sorts, regression
from markdown_it import MarkdownIt

from aigc_bench.report.judgement.markdown import MAX_BYTES, markdown


class Page(HTMLParser):
    """Tags, and the texts of table cells and list items."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.items: list[str] = []
        self.tags: list[str] = []
        self._into: list[str] = []
        self.feed(MarkdownIt("commonmark").enable("table").render(text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A cell or an item begins."""
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th", "li"):
            self._into = self.rows[-1] if tag != "li" else self.items
            self._into.append("")

    def handle_endtag(self, tag: str) -> None:
        """Tags are balanced where these two lists agree."""
        self.tags.append(f"/{tag}")
        if tag in ("td", "th", "li"):
            self._into = []

    def handle_data(self, data: str) -> None:
        """Text of the cell that is open."""
        if self._into:
            self._into[-1] += data


def test_every_decision_is_a_row_in_the_right_order() -> None:
    """What changed, what is undecided, and in a table of its own what passes."""
    page = Page(markdown(of_all_sorts()))
    names = [row[0] for row in page.rows if row[0]]
    assert names == [
        *("test_slow", "test_expired", "test_crash", "test_known", "test_better"),
        *("test_noisy", "test_other", "gan: kd_x", "test_fine"),
    ]
    rows = {row[0]: row[1:] for row in page.rows}
    assert rows["test_slow"][:5] == ["REGRESSION", "12.30 ms", "13.28 ms", "+8.0 %", "+5.9 … +10.2 %"]
    assert rows["test_known"][0] == "accepted"
    assert "accepted until 2027-03-31, which is over" in rows["test_expired"][-1]
    assert rows["test_crash"][:4] == ["failed", "–", "–", "–"]
    assert rows["gan: kd_x"][3:5] == ["+0.00020", "-0.00060 … +0.00100"]


def test_the_marker_comes_first_then_the_verdict() -> None:
    """By the marker a later run finds the comment again."""
    lines = markdown(judgement(regression(), decision())).splitlines()
    assert lines[0] == "<!-- aigc-bench:tests/benchmarks -->"
    assert lines[1] == "### REGRESSION: 1 of 2 is slower: test_slow, +8.0 % ± 2.2 %."


@pytest.mark.parametrize("suite", ["a-->b", "a--b", "-->", "two\nlines", "---"])
def test_no_suite_name_ends_the_marker_early(suite: str) -> None:
    """Two hyphens, and ">", end a comment of HTML."""
    line = markdown(judgement(suite=suite)).splitlines()[0]
    inner = line.removeprefix("<!-- aigc-bench:").removesuffix(" -->")
    assert len(inner) == len(line) - len("<!-- aigc-bench: -->")
    assert "--" not in inner
    assert ">" not in inner


def test_nothing_in_a_name_or_reason_is_markup() -> None:
    """Pipes, backticks, tags, emphasis and line breaks come out of a parser as the text that went in."""
    found = judgement(
        regression(NASTY), accepted(NASTY), claim=NASTY, statements=(NASTY,), new=(NASTY,), command=NASTY
    )  # fmt: skip
    page = Page(markdown(found))
    plain = " ".join(NASTY.split())
    # Both rows have the same name, of which the part behind its last cut is shown.
    assert [row[0] for row in page.rows] == ["", *[plain[-len(page.rows[1][0]) :]] * 2]
    assert len(page.rows[1][0]) > 5
    assert {len(row) for row in page.rows} == {7}
    assert plain in [item.replace("\N{ZERO WIDTH SPACE}", "") for item in page.items]
    assert not {"script", "em", "a", "img"} & set(page.tags)


def test_nobody_is_mentioned() -> None:
    """A user's name outside fixed pitch would write to that user."""
    text = markdown(judgement(regression(), statements=("thanks to @user",)))
    assert "@user" not in text
    assert "@\N{ZERO WIDTH SPACE}user" in text


def test_thousands_of_rows_stay_below_a_mebibyte() -> None:
    """Rows are left out at their end, and counted; what changed stays; every tag is closed."""
    passing = [decision(f"test_{'long_' * 150}{i}") for i in range(2000)]
    text = markdown(judgement(*passing, regression(), inconclusive()))
    assert MAX_BYTES - 2000 < len(text.encode()) <= MAX_BYTES < 2**20
    page = Page(text)
    shown = sum(row[0].startswith("test_long") for row in page.rows)
    left_out = 2000 - shown
    found = re.search(r"(\d+) further rows were left out", text)
    assert found is not None
    assert left_out <= int(found[1]) <= left_out + 10  # lines of the details behind them
    assert "| <code>test_slow</code> |" in text
    assert {len(row) for row in page.rows} == {7}
    assert page.tags.count("details") == page.tags.count("/details") > 0


def test_whatever_is_left_of_the_limit_is_kept() -> None:
    """Down to nothing at all: a summary that others have filled."""
    found = of_all_sorts()
    whole = markdown(found)
    for limit in [*range(-10, 5000, 97), len(whole.encode()) + 200]:
        assert len(markdown(found, limit).encode()) <= max(limit, 0)
    assert markdown(found, 10) == ""
    assert markdown(found, len(whole.encode()) + 200) == whole


def test_one_endless_reason_is_shortened() -> None:
    """A captured traceback does not push out everything else."""
    text = markdown(judgement(difference(), regression("x" * 10**6)))
    assert len(text) < 10_000


def test_environments_costs_and_the_command_are_there() -> None:
    """What differs between the sides, who signed for what, how to repeat it."""
    text = markdown(of_all_sorts())
    assert "threads: base" in text
    assert "accepted up to 5 % until 2027-03-31: checks its input" in text
    assert "expired: was accepted" in text
    assert "<pre>aigc-bench gate speed --base main --head HEAD</pre>" in text

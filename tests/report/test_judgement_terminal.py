"""The terminal: the verdict first, what matters above what does not, within 80 columns."""

from __future__ import annotations

import io
import math

import pytest
from judgement_kit import accepted, decision, difference, failed, judgement, of_all_sorts, regression
from rich.cells import cell_len
from rich.console import Console

from aigc_bench.gate.verdicts import Decision, Judgement
from aigc_bench.report.judgement import decisions
from aigc_bench.report.judgement.headline import headline
from aigc_bench.report.judgement.terminal import judgement_lines
from aigc_bench.report.numbers import number


def printed(found: Judgement, width: int = 80) -> str:
    """As a file or a pipe would get it."""
    out = io.StringIO()
    Console(file=out, width=width).print(judgement_lines(found))
    return out.getvalue()


def test_it_fits_and_has_no_codes() -> None:
    """Long names are folded, also at 40 columns; a pipe gets no escape sequence."""
    found = of_all_sorts(claim="so " * 60, new=("y" * 200,))
    found = found.model_copy(update={"decisions": (*found.decisions, regression("tests/" + "x" * 150 + "[a-b]"))})
    for width in (40, 80):
        text = printed(found, width)
        assert max(map(cell_len, text.splitlines())) <= width
        assert "\x1b" not in text
    assert "[a-b]" in "".join(printed(found).split())


def test_colours_are_left_out_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR: bold and dim may stay, colours may not."""
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    Console(file=out, width=80, force_terminal=True).print(judgement_lines(of_all_sorts()))
    assert "\x1b[1m" in out.getvalue()
    assert "\x1b[31m" not in out.getvalue()
    assert "\x1b[1;31m" not in out.getvalue()


def test_what_changed_comes_before_what_is_undecided_and_that_before_what_passes() -> None:
    """Each decision with numbers, interval and reason; claim, tests and statements below."""
    text = printed(of_all_sorts())
    order = ("REGRESSION: 2 of 9", "changed", "test_slow", "test_crash", "test_known", "test_better",
             "undecided", "test_noisy", "not to be compared", "test_other", "passing", "test_fine", "test_new",
             "test_gone",
             "accepted costs", "claim", "notes", "tested by",
             "2 REGRESSION, 1 failed, 1 accepted, 1 improved, 1 INCONCLUSIVE")  # fmt: skip
    place = 0
    for part in order:
        place = text.index(part, place)
    assert "12.30 ms → 13.28 ms   worse by +8.0 % (+5.9 … +10.2 %)" in text
    assert "better by " in text
    assert "worse by -" not in text.split("passing")[0]
    assert "40 process pairs (7 decisions; interval at 95 %)" in " ".join(text.split())


def test_an_improvement_is_said_as_one() -> None:
    """And not as a worsening by less than nothing; no zero has a sign."""
    better = decision("test_better", math.log(0.7), improved=True)
    assert "better by 30.0 % (28.6 … 31.4 %)" in printed(judgement(better))
    still = decision("test_still", -1e-9, low=-1e-4, high=1e-4)
    assert decisions.change(still) == "0.0000 %"
    assert [number(value, error) for value, error in ((-0.0, None), (-1e-9, 0.1), (-0.2, 0.1))] == [
        "0",
        "0.00",
        "-0.20",
    ]


def test_many_that_pass_are_counted() -> None:
    """A suite of hundreds does not scroll its one regression away."""
    text = printed(judgement(*(decision(f"test_{i}") for i in range(57)), regression()))
    assert text.count("below 5 % at look 1") == 20
    assert "and 37 more that pass" in text
    assert text.index("test_slow") < text.index("test_0")


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        ([decision(), decision("b")], "PASS: none of 2 is slower."),
        ([decision(), accepted()], "PASS: 1 is worse by what is accepted, and no other of 2."),
        ([regression(), accepted()],
         "REGRESSION: 1 of 2 is slower: test_slow, +8.0 % ± 2.2 %; 1 is worse by what is accepted."),
        ([failed(), decision()], "FAILED: 1 of 2 is without a number: test_crash."),
        ([], "INCOMPARABLE: the two sides have nothing in common."),
        ([regression(str(i)) for i in range(5)],
         "REGRESSION: 5 of 5 are slower: 0, +8.0 % ± 2.2 %; 1, +8.0 % ± 2.2 %; 2, +8.0 % ± 2.2 %; and 2 more."),
    ],
)  # fmt: skip
def test_the_verdict_is_one_sentence(items: list[Decision], sentence: str) -> None:
    """What, of how many, and which."""
    assert headline(judgement(*items)) == sentence


@pytest.mark.parametrize(
    ("item", "change", "interval"),
    [
        (decision("x", math.log(1.05)), "+5.0 %", "+2.9 … +7.1 %"),
        (decision("x", math.log(1.05), low=math.log(1.0499), high=math.log(1.0501)),
         "+5.0000 %", "+4.9900 … +5.0100 %"),
        (decision("x", -0.7, low=-0.8, high=-0.6), "-50.3 %", "-55.1 … -45.1 %"),
        (decision("x", math.log(30), low=math.log(20), high=math.log(40)), "×30", "×20 … ×40"),
        (decision("x", 5000.0, low=math.log(20), high=None), "×1.01e+304", "≥ ×20"),
        (decision("x", 0.0, low=None, high=0.01), "0 %", "≤ +1.005 %"),
        (decision("x", 0.0, low=None, high=None), "0 %", ""),
        (failed(), "–", ""),
    ],
)  # fmt: skip
def test_changes_are_percentages_until_they_are_factors(item: Decision, change: str, interval: str) -> None:
    """With as many digits as the interval supports, and no overflow."""
    assert (decisions.change(item), decisions.interval(item)) == (change, interval)


@pytest.mark.parametrize(
    ("base", "unit", "text"),
    [
        (0.0123, "s", "12.30 ms"),
        (3.2e-6, "s", "3.200 µs"),
        (45e-9, "s", "45.00 ns"),
        (12.0, "s", "12.00 s"),
        (3 * 2**20, "bytes", "3.000 MiB"),
        (12.345, "", "12.35"),
        (0.0, "s", "0 ms"),
    ],
)
def test_both_sides_have_a_unit_that_people_read(base: float, unit: str, text: str) -> None:
    """Seconds from nanoseconds on; the digits follow the interval of the change."""
    item = decision("x", base=base, head=base, unit=unit)
    row = decisions.grouped(judgement(item)).passing[0]
    assert (row.base, row.head) == (text, text)


def test_the_largest_change_of_a_state_comes_first() -> None:
    """Regressions by how much worse, improvements by how much better."""
    items = [regression("small", 0.05), regression("large", 0.5)]
    items += [decision("better", -0.5, improved=True), decision("best", -0.9, improved=True)]
    assert [row.decision.subject for row in decisions.grouped(judgement(*items))] == [
        "large",
        "small",
        "best",
        "better",
    ]


@pytest.mark.parametrize(("value", "text"), [(math.log(1.05), "5 %"), (None, "–"), (math.inf, "–"), (0.0, "0 %")])
def test_what_could_have_been_seen_is_a_percentage_too(value: float | None, text: str) -> None:
    """Unless no worsening could."""
    assert decisions.on_scale(value, decision()) == text
    assert decisions.on_scale(0.0021, difference()) == "0.0021"

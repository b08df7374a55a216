"""Accepted costs: read strictly, heeded within what was signed for, and no longer than that."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from judgement_kit import decision, difference, failed, inconclusive, judgement, regression

from aigc_bench.core.errors import ConfigurationError
from aigc_bench.gate import acceptance
from aigc_bench.gate.acceptance import AcceptedCosts, Now
from aigc_bench.gate.verdicts import Decision

TODAY = Now(date(2026, 11, 25), "0.8.1")


def read(tmp_path: Path, text: str) -> AcceptedCosts:
    """A file of this text."""
    path = tmp_path / "accepted.toml"
    path.write_text(text)
    return acceptance.load(path)


def entry(subject: str = "test_slow", up_to: str = '"10%"', until: str = "2027-03-31", more: str = "") -> str:
    """One entry as TOML."""
    return f'[[accepted]]\nsubject = "{subject}"\nup_to = {up_to}\nwhy = "checks its input"\nuntil = {until}\n{more}\n'


def applied(tmp_path: Path, text: str, item: Decision, now: Now = TODAY) -> Decision:
    """What becomes of one decision."""
    return acceptance.apply([item], read(tmp_path, text), now)[0]


def test_a_regression_within_what_was_signed_for_passes(tmp_path: Path) -> None:
    """It says so, and the whole ends with 0."""
    found = applied(tmp_path, entry(), regression())
    assert found.accepted
    assert found.acceptance is not None
    assert (found.acceptance.why, found.acceptance.until) == ("checks its input", "2027-03-31")
    assert found.acceptance.up_to == pytest.approx(0.1)
    assert judgement(found, decision()).exit_code == 0


@pytest.mark.parametrize(
    ("worsening", "reaches"), [(math.log(1.05), True), (math.log(1.0501), False), (0.05, False), (-0.1, True)]
)
def test_five_per_cent_is_a_ratio_of_1_05(worsening: float, reaches: bool, tmp_path: Path) -> None:
    """Not a log ratio of .05, which is 5.13 %; exactly so much is still within."""
    found = applied(tmp_path, entry(up_to="0.05"), regression(worsening=worsening))
    assert found.accepted is reaches
    assert ("more than the 5 % that is accepted" in found.reason) is not reaches


def test_a_difference_is_held_against_the_size_of_base(tmp_path: Path) -> None:
    """0.0002 more than 0.0031 is 6.5 %."""
    for up_to, reaches in (("0.07", True), ("0.06", False)):
        for base in (0.0031, -0.0031):
            worse = replace(difference("slow"), verdict="REGRESSION", base=base)
            assert applied(tmp_path, entry("slow", up_to), worse).accepted is reaches


def test_nothing_is_accepted_of_what_has_no_size(tmp_path: Path) -> None:
    """A REGRESSION without an estimate, a failed side, and what is no REGRESSION."""
    sizeless = replace(regression(), worsening=None)
    for item in (sizeless, failed("test_slow"), inconclusive("test_slow"), decision("test_slow")):
        assert applied(tmp_path, entry(), item).acceptance is None


@pytest.mark.parametrize(
    ("until", "now", "past"),
    [
        ("2026-11-25", TODAY, False),
        ("2026-11-25", Now(date(2026, 11, 26)), True),
        ('"2026-11-25"', Now(date(2026, 11, 26)), True),
        ('"20261125"', Now(date(2026, 11, 26)), True),
        ('"0.8.2"', TODAY, False),
        ('"0.8.1"', TODAY, True),
        ('"0.8.1"', Now(date(2026, 1, 1), "0.8.1rc1"), False),
        ('"0.8.1"', Now(date(2026, 1, 1), "0.8.1.post1"), True),
        ('"0.9"', Now(date(2026, 1, 1), "0.10"), True),
    ],
)
def test_the_last_day_counts_and_the_version_does_not(until: str, now: Now, past: bool, tmp_path: Path) -> None:
    """A day is in force until its end; a version ends what was accepted before it, by PEP 440's order."""
    found = applied(tmp_path, entry(until=until), regression(), now)
    assert found.acceptance is not None
    assert found.acceptance.expired is past
    assert judgement(found).exit_code == int(past)


@pytest.mark.parametrize("version", [None, "unknown"])
def test_a_version_needs_the_projects(version: str | None, tmp_path: Path) -> None:
    """Without it nobody can say whether it has been reached; the message says how to state it."""
    with pytest.raises(ConfigurationError, match="AIGC_BENCH_PROJECT_VERSION"):
        applied(tmp_path, entry(until='"1.0"'), regression(), Now(date(2026, 1, 1), version))


def test_an_entry_in_force_comes_before_one_that_has_run_out(tmp_path: Path) -> None:
    """In whichever order they stand."""
    old, new = entry(until="2020-01-01"), entry(up_to="0.2", until="2030-01-01")
    for text in (old + new, new + old):
        assert applied(tmp_path, text, regression()).accepted


@pytest.mark.parametrize(
    ("pattern", "more", "fits"),
    [
        ("test_decode[8]", "", True),
        ("test_decode[*]", "", True),
        ("test_*[?]", "", True),
        ("test_decode[*]", 'kind = "speed"', True),
        ("test_decode[*]", 'kind = "quality"', False),
        ("test_decode8", "", False),
        ("Test_decode[8]", "", False),
        ("decode", "", False),
    ],
)
def test_names_are_matched_whole_and_brackets_are_themselves(
    pattern: str, more: str, fits: bool, tmp_path: Path
) -> None:
    """A parametrised test's brackets are no set of characters, and "*" is any text."""
    item = regression("test_decode[8]")
    text = entry(pattern, more=more)
    assert applied(tmp_path, text, item).accepted is fits
    unused = acceptance.unused([item], read(tmp_path, text))
    assert [found.subject for found in unused] == ([] if fits else [pattern])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accepted = 3", "accepted"),
        ("[[acepted]]", "Did you mean 'accepted'"),
        (entry(more="unitl = 3"), r"accepted\.0\.unitl.*Did you mean 'accepted\.0\.until'"),
        (entry(more='kind = "both"'), "quality"),
        (entry(up_to="5"), 'write "500%"'),
        (entry(up_to="true"), "expected a share"),
        (entry(up_to='"-5%"'), "expected a share"),
        (entry(up_to='"much"'), "expected a share"),
        (entry(up_to="nan"), "expected a share"),
        (entry(until='"2027-03"'), "expected a day"),
        (entry(until='"next year"'), "expected a day"),
        (entry(until="2027-03-31T12:00:00"), "expected a day"),
        (entry(subject=""), "subject"),
        ('[[accepted]]\nsubject = "x"\nup_to = 0.05\nuntil = 2027-01-01', "why.*required"),
        ('[[accepted]]\nsubject = "x"\nup_to = 0.05\nuntil = 2027-01-01\nwhy = "  "', "expected the reason"),
        ("[[accepted]", "cannot be read as a TOML file"),
    ],
)
def test_a_file_that_is_not_sound_is_refused_by_name(text: str, message: str, tmp_path: Path) -> None:
    """Which entry, what was expected, and the nearest known key."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        read(tmp_path, text)
    assert "accepted.toml" in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """It is no empty one."""
    with pytest.raises(ConfigurationError, match="cannot be read as a TOML file"):
        acceptance.load(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("given", "share"), [("5%", 0.05), (" 2.5 % ", 0.025), ("0.05", 0.05), (0.05, 0.05), (1, 1.0), ("150%", 1.5)]
)
def test_shares_are_read_as_people_write_them(given: object, share: float) -> None:
    """With a sign or without."""
    assert acceptance.share(given) == pytest.approx(share)


def test_the_example_is_sound() -> None:
    """The file that the documentation points to."""
    found = acceptance.load(Path(__file__).parents[1] / "examples" / "accepted.toml")
    assert {entry_.kind for entry_ in found.accepted} == {"speed", "quality"}

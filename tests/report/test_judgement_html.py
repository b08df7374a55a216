"""The page is one file, says the verdict first, draws what changed, and escapes every name."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from judgement_kit import (
    HERE,
    NASTY,
    accepted,
    decision,
    difference,
    failed,
    inconclusive,
    judgement,
    of_all_sorts,
    regression,
)

from aigc_bench.report.judgement import figures as judgement_figures
from aigc_bench.report.judgement.page import Pictures, page
from aigc_bench.runs.comparison.sides import Side
from aigc_bench.runs.records import Exhibits


def pictures(level: int) -> Exhibits:
    """Samples of a generator that both sides have, of the floor, and of one that only this side has."""
    ramp = torch.arange(64 * 64).reshape(64, 1, 8, 8).remainder(200).to(torch.uint8)
    changed = ramp.clone()
    changed[:16] += level
    return {"samples/gan/0": changed, "samples/same/0": ramp, "samples/floor/-": ramp, f"samples/only-{level}/0": ramp}


@pytest.fixture(scope="module")
def text() -> str:
    """A page with one decision of every state, and pictures."""
    return page(of_all_sorts(), Pictures(pictures(0), pictures(9)))


def test_nothing_leaves_the_page(text: str) -> None:
    """No request, no script; every figure and picture is in it."""
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", text)
    assert "<script" not in text
    assert "@import" not in text
    assert len(text) < 2_000_000


def test_the_verdict_comes_first(text: str) -> None:
    """Then figures and tables, then the claim and the statements; the command last."""
    order = ("REGRESSION: 2 of 9", "Accepted costs", "Changes", "same seeds",
             "Every measured difference", "Every decision", "test_new", "test_gone", "no slower than base",
             "False alarms", "Environment",
             "gate speed --base")  # fmt: skip
    place = text.index("<body>")
    for part in order:
        place = text.index(part, place)


def test_every_element_is_closed(text: str) -> None:
    """A parser that knows nothing of it finds as many ends as beginnings."""
    open_: list[str] = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("meta", "img", "br", "use", "path"):
                open_.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if tag not in ("path", "use"):
                assert open_.pop() == tag

    Balance().feed(text.replace("<!doctype html>", ""))
    assert open_ == []


def test_pictures_stand_side_by_side_with_their_distance(text: str) -> None:
    """Only of generators that both sides have, and not of the anchors."""
    assert text.count("<img ") == 4
    assert "25% of them differ; a pixel by 2.25 of 255 on average and 9 at most" in text
    assert "the same to the bit" in text
    assert "only-" not in text
    assert "floor" not in text


def test_a_page_needs_neither_decisions_nor_pictures_nor_environments() -> None:
    """Nothing in common is a page, too."""
    text = page(judgement(base=Side(name="a", identity="a"), head=Side(name="b", identity="b")))
    assert "nothing in common" in text
    assert "<svg" not in text
    assert "Neither side's environment was recorded" in text


def test_names_and_reasons_are_escaped() -> None:
    """Whatever a benchmark or a traceback is called."""
    fields = {"claim": NASTY, "suite": NASTY, "command": NASTY, "statements": (NASTY,), "new": (NASTY,)}
    text = page(judgement(failed(NASTY, NASTY), regression(NASTY), accepted(NASTY), **fields))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_only_what_differs_between_the_sides_is_in_the_open(text: str) -> None:
    """The rest is folded; equal environments are one sentence."""
    environment = text[text.index("<h2>Environment") :]
    open_part, folded = environment.split("<details>")
    assert f"{HERE.threads + 1} of" in open_part
    assert "numpy" not in open_part
    assert "numpy" in folded
    equal = Side(name="a", identity="a", environment=HERE)
    assert "the same environment" in page(judgement(base=equal, head=equal))


def test_differences_have_an_axis_of_their_own() -> None:
    """In margins, since they share no unit; without a margin there is no place for them."""
    both = judgement_figures.forests(judgement(decision(), difference()))
    assert [forest.scale for forest in both] == ["log ratio", "difference"]
    assert judgement_figures.forests(judgement(failed())) == []
    assert judgement_figures.forests(judgement(replace(difference(), detect=None))) == []


def test_one_far_out_does_not_flatten_the_rest() -> None:
    """The axis holds what most intervals need, the margin and the tolerance; the outlier is an arrow."""
    rows = judgement_figures.decisions.grouped(judgement(*(decision(str(i)) for i in range(20)), regression("x", 3.0)))
    low, high = judgement_figures._limits(list(rows))
    assert low < -0.02
    assert 0.05 < high < 0.2


@pytest.mark.parametrize("limits", [(-0.4, 0.9), (-0.001, 0.002), (-3.0, 3.0), (-0.05, 2.0)])
def test_labels_of_the_axis_do_not_touch(limits: tuple[float, float]) -> None:
    """Of log ratios, round percentages lie the closer the higher they are; that nothing changed is always marked."""
    axes = judgement_figures.Figure().subplots()
    axes.set_xlim(*limits)
    judgement_figures._percent_ticks(axes, *limits)
    places = np.sort(axes.get_xticks())
    assert 0.0 in places
    assert len(places) >= 3
    assert np.diff(places).min() >= 0.16 * (limits[1] - limits[0])


def test_large_suites_draw_what_matters() -> None:
    """What changed and what is undecided; how many are left out is said."""
    many = judgement(*(decision(f"test_{i}") for i in range(70)), regression(), inconclusive())
    (forest,) = judgement_figures.forests(many)
    assert forest.num_left_out == 12
    assert set(forest.states) == {"regression", "inconclusive", "pass"}


def test_panels_are_limited_and_begin_with_what_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decision with fewer than two units has none."""
    monkeypatch.setattr(judgement_figures, "MAX_PANELS", 2)
    found = judgement(decision("a"), decision("b"), difference(), inconclusive(), regression())
    panels, more = judgement_figures.panels(found)
    assert [panel.row.decision.subject for panel in panels] == ["test_slow", "test_noisy"]
    assert more == 2


def test_the_same_judgement_gives_the_same_bytes() -> None:
    """Figures and page."""
    found = judgement(regression(), decision())
    assert page(found) == page(found)


def test_pictures_of_every_training_seed_are_told_apart() -> None:
    """The first seed is 0, and is named as the others are; what was not trained has none."""
    images = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    shown = {f"samples/{row}": images for row in ("gan/0", "gan/1", "plain/-")}
    text = page(of_all_sorts(), Pictures(shown, shown))
    assert "gan, training seed 0" in text
    assert "gan, training seed 1" in text
    assert "plain, training seed" not in text

"""Both kinds of pages can be used by everybody: by keys alone, by those who hear them, on paper, in any script."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from judgement_kit import of_all_sorts

from aigc_bench.core import Estimate, Score
from aigc_bench.report import drawing
from aigc_bench.report.judgement.page import page
from aigc_bench.report.run.page import write_report
from aigc_bench.runs.records import CaseRecord, DatasetRecord, Exhibits, Run
from aigc_bench.runs.suites.loading import load_suite
from aigc_bench.system.machine import environment

NAMES = ("扩散模型", "拡散モデル")


def run_of(names: tuple[str, ...]) -> tuple[Run, Exhibits]:
    """Generators with these names, with scores, latencies and distances."""

    def score(generator: str, metric: str, value: float) -> Score:
        kind = "speed" if "samples_per_s" in metric else "quality"
        estimate = Estimate(value, 0.1, value - 0.2, value + 0.2, 0.95, "made", "made", 100)
        return Score(generator, None, metric, kind, metric != "fd_x", estimate=estimate)  # type: ignore[arg-type]

    metrics = ("fd_x", "precision", "recall", "samples_per_s@64")
    scores = [score(name, metric, 0.5 + number) for number, name in enumerate(("floor", *names)) for metric in metrics]
    exhibits: Exhibits = {}
    for name in names:
        exhibits[f"latency/{name}/-"] = torch.linspace(0.001, 0.002, 50).double()
        exhibits[f"neighbour_distance/{name}/-"] = torch.linspace(1, 2, 50)
    data = DatasetRecord(
        name="made", digest="d" * 64, shape=(1, 8, 8), num_fit=9, num_reference=9, num_holdout=9, num_classes=3
    )
    suite = load_suite("smoke", [])
    entries = tuple(suite.generators[0].model_copy(update={"name": name}) for name in names)
    found = Run(
        id="made", created="2026-01-01T00:00:00+00:00", wall_s=1.0, command="aigc-bench run smoke",
        suite=suite.model_copy(update={"generators": entries}), environment=environment(torch.device("cpu")),
        dataset=data, scores=tuple(scores),
        cases=tuple(CaseRecord(generator=name, training_seed=None, status="ok") for name in names),
    )  # fmt: skip
    return found, exhibits


class Seen(HTMLParser):
    """What a page consists of: tables with what is around them, rows, figures."""

    def __init__(self) -> None:
        super().__init__()
        self.around: list[dict[str, Any]] = []
        self.open: list[tuple[str, dict[str, Any]]] = []
        self.first_cells: list[tuple[str, dict[str, Any]]] = []
        self.figures: list[dict[str, Any]] = []
        self._row_begins = self._in_body = False

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Note it."""
        found = dict(attrs)
        if tag == "table":
            self.around.append(self.open[-1][1])
        if tag in ("tbody", "thead"):
            self._in_body = tag == "tbody"
        if tag in ("th", "td") and self._row_begins and self._in_body:
            self.first_cells.append((tag, found))
        self._row_begins = tag == "tr"
        if found.get("class", "").split()[:1] == ["figure"]:
            self.figures.append(found)
        if tag in ("div", "figure", "section", "details", "main", "body"):
            self.open.append((tag, found))

    def handle_endtag(self, tag: str) -> None:
        """Leave it."""
        if self.open and tag == self.open[-1][0]:
            self.open.pop()


@pytest.fixture(scope="module", params=["run", "gate"])
def text(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report and a judgement."""
    if request.param == "gate":
        return page(of_all_sorts())
    return write_report(*run_of(NAMES), tmp_path_factory.mktemp("report")).read_text(encoding="utf-8")


def test_tables_are_reached_by_keys_and_rows_have_headers(text: str) -> None:
    """Each lies in a box that scrolls, has a name and takes the focus; each row's first cell says whose it is."""
    seen = Seen()
    seen.feed(text)
    assert len(seen.around) >= 3
    for box in seen.around:
        assert box["class"].split()[0] == "scroll"
        assert (box["tabindex"], box["role"]) == ("0", "region")
        assert box["aria-label"]
    assert seen.first_cells
    assert {(tag, found.get("scope")) for tag, found in seen.first_cells} == {("th", "row")}


def test_figures_say_what_they_show(text: str) -> None:
    """As pictures, with a title and a description in one label."""
    seen = Seen()
    seen.feed(text)
    assert seen.figures
    assert all(figure["role"] == "img" and len(figure["aria-label"].split()) > 2 for figure in seen.figures)


def test_on_paper_nothing_is_cut(text: str) -> None:
    """Boxes do not scroll there, figures are not divided; on screens the first column stays."""
    paper = text[text.index("@media print") :]
    assert "overflow: visible" in paper
    assert "break-inside: avoid" in paper
    assert "position: sticky; left: 0" in text


def test_names_of_any_script_are_drawn(tmp_path: Path) -> None:
    """As text in SVG, where the reader's fonts have them; a font that lacks them is no warning."""
    run, exhibits = run_of(NAMES)
    report = write_report(run, exhibits, tmp_path).read_text(encoding="utf-8")
    assert drawing.STYLE["svg.fonttype"] == "none"
    for name in ("latency", "quality-against-speed"):
        svg = (tmp_path / "figures" / f"{name}.svg").read_text(encoding="utf-8")
        assert all(each in svg for each in NAMES), name
    assert all(report.count(each) > 3 for each in NAMES)


def test_what_is_equally_good_is_marked_alike(tmp_path: Path) -> None:
    """A tie has two winners."""
    run, exhibits = run_of(("first", "second"))
    tied = [
        score if score.generator != "second" or score.metric != "fd_x" else Score(
            "second", None, "fd_x", "quality", False,
            estimate=next(one.estimate for one in run.scores if (one.generator, one.metric) == ("first", "fd_x")),
        )
        for score in run.scores
    ]  # fmt: skip
    report = write_report(run.model_copy(update={"scores": tuple(tied)}), exhibits, tmp_path).read_text(
        encoding="utf-8"
    )
    rows = {name: report[report.index(f'scope="row">{name}') :][:400] for name in ("first", "second")}
    marked = {name: 'class="best"' in row.split("</td>")[0] for name, row in rows.items()}
    assert marked == {"first": True, "second": True}

"""The report is one file that needs nothing else, says the verdict first, and hides nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from report_kit import shown

from aigc_bench.core import Estimate, Score, TrainingLog
from aigc_bench.modalities.image import sheets as images
from aigc_bench.report.run import codes, tables
from aigc_bench.report.run.page import write_report
from aigc_bench.report.run.terminal import code_table
from aigc_bench.runs.records import CaseRecord, DatasetRecord, Exhibits, Run
from aigc_bench.runs.suites.loading import load_suite
from aigc_bench.system.machine import environment


def score(generator: str, seed: int | None, metric: str, value: float, **fields: Any) -> Score:
    """A score with a standard error of a tenth."""
    estimate = Estimate(value, 0.1, value - 0.2, value + 0.2, 0.95, "made", "made", 100)
    kind = "speed" if "samples_per_s" in metric else "quality"
    higher = not metric.startswith("fd")
    return Score(generator, seed, metric, kind, higher, estimate=estimate, **fields)  # type: ignore[arg-type]


@pytest.fixture
def run() -> Run:
    """Two generators, two training seeds, a failed case and a score that is not available."""
    suite = load_suite("smoke", ["generators.gan.budget.steps=5"])
    scores = [score("floor", None, "fd_x", 1.0), score("floor", None, "precision", 0.8)]
    scores += [score("floor", None, "recall", 0.8), score("noise", None, "fd_x", 90.0)]
    for name, base in (("gan", 9.0), ("vae", 4.0)):
        for seed in (0, 1):
            scores.append(score(name, seed, "fd_x", base + seed))
            scores.append(score(name, seed, "precision", 0.7 if name == "gan" else 0.9))
            scores.append(score(name, seed, "recall", 0.5))
            scores.append(score(name, seed, "samples_per_s@64", 1e4 * base))
    gone = replace(scores[-1], generator="gan", metric="bits_per_dim", estimate=None, kind="quality")
    scores.append(replace(gone, status="not available", reason="`gan`: it has no `log_prob`"))
    log = TrainingLog(5, 1.0, 10**8, True, (1, 5), {"loss": (2.0, 1.0)}, (5.0, 5.0))
    cases = [CaseRecord(generator="gan", training_seed=s, status="ok", training=log) for s in (0, 1)]
    cases.append(CaseRecord(generator="vae", training_seed=2, status="failed", reason="loss is <nan>"))
    data = DatasetRecord(
        name="made", digest="d" * 64, shape=(1, 8, 8), num_fit=9, num_reference=9, num_holdout=9, num_classes=3
    )
    return Run(
        id="made", created="2026-01-01T00:00:00+00:00", wall_s=1.0, command="aigc-bench run smoke", suite=suite,
        environment=environment(torch.device("cpu")), dataset=data, cases=tuple(cases), scores=tuple(scores),
    )  # fmt: skip


@pytest.fixture
def exhibits() -> Exhibits:
    """Pictures, distances, classes and latencies."""
    found: Exhibits = {"classes/reference/-": torch.tensor([3, 3, 3])}
    for name, seed in (("floor", "-"), ("noise", "-"), ("gan", "0"), ("vae", "0")):
        found[f"samples/{name}/{seed}"] = torch.arange(64 * 64, dtype=torch.int64).reshape(64, 1, 8, 8).to(torch.uint8)
        found[f"neighbour_distance/{name}/{seed}"] = torch.linspace(1, 2, 50)
        found[f"classes/{name}/{seed}"] = torch.tensor([1, 2, 6])
    found["latency/gan/0"] = torch.linspace(0.001, 0.002, 50).double()
    found["originals/vae/0"] = found["reconstructions/vae/0"] = torch.zeros(16, 1, 8, 8, dtype=torch.uint8)
    found["neighbours/gan/0"] = torch.zeros(8, 2, 1, 8, 8, dtype=torch.uint8)
    return found


def test_the_page_is_one_file_with_everything_in_it(run: Run, exhibits: Exhibits, tmp_path: Path) -> None:
    """No request leaves it, it is below 2 MB, and every figure lies beside it as well."""
    text = write_report(run, exhibits, tmp_path).read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", text)
    assert "<script" not in text
    assert len(text) < 2_000_000
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    figures = ("quality-against-speed", "precision-recall", "losses", "latency", "class-balance", "neighbour-distance")
    assert {f"{name}.{kind}" for name in figures for kind in ("svg", "png")} <= names
    assert {"samples-gan.png", "reconstructions-vae.png", "neighbours-gan.png"} <= names


def test_the_verdict_comes_first_and_failures_are_named(run: Run, exhibits: Exhibits, tmp_path: Path) -> None:
    """The best generator by its seeds, the floor first, noise last, a failure escaped, a dash explained."""
    text = write_report(run, exhibits, tmp_path).read_text()
    assert text.index("vae is closest to the real data") < text.index("<table>")
    assert "every training seed agrees" in text
    assert "loss is &lt;nan&gt;" in text
    assert "it has no `log_prob`" in text
    assert "precision of vae (0.9) exceeds the floor" in text
    assert list(tables.table(run, "quality")) == ["floor", "gan", "vae", "noise"]


def test_the_same_run_gives_the_same_bytes(run: Run, exhibits: Exhibits, tmp_path: Path) -> None:
    """Figures and page."""
    first, second = (write_report(run, exhibits, tmp_path / name) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_sampling_error_and_seed_spread_stand_apart(run: Run) -> None:
    """Two seeds at 4 and 5, each ± 0.1: mean 4.5, sampling 0.1, spread 0.71."""
    cell = tables.table(run, "quality")["vae"]["fd_x"]
    assert cell.value == pytest.approx(4.5)
    assert cell.sampling_error == pytest.approx(0.1)
    assert cell.seed_spread == pytest.approx(0.5**0.5)
    assert tables.cell_text(cell) == ("4.50", "± 0.10 · seeds ± 0.71")


def test_a_bare_run_still_has_a_page_and_a_table(run: Run, tmp_path: Path) -> None:
    """Without exhibits, speed or training only the table is left."""
    bare = run.model_copy(update={"cases": (), "scores": run.scores[:4]})
    assert "No generator has a Fréchet distance" in write_report(bare, {}, tmp_path).read_text()
    assert "precision ↑" in shown(run, 80)


def printed(*names: str, extractor: str = "inception", row: str = "gan") -> list[Score]:
    """Scores by these names, each with its place in the list as value."""
    return [
        score(row, None, name, float(number), extractor=extractor, extractor_digest="0" * 64)
        for number, name in enumerate(names)
    ]


CODES = (
    *("fid", "kid", "fid_infinity", "inception_score", "precision", "recall", "density", "kid@torch-fidelity"),
    *("fid@adm", "sfid@adm", "inception_score@adm", "recall@adm", "fid@improved-gan", "inception_score@improved-gan"),
)


def test_scores_are_regrouped_by_whose_code_prints_them(run: Run, exhibits: Exhibits, tmp_path: Path) -> None:
    """Each in its column; what a code does not print has no cell; what has no column stays out."""
    several = run.model_copy(update={"scores": tuple(printed(*CODES))})
    rows = codes.by_code(several)["gan"]
    values = {code: {column: cell.value for column, cell in row.items()} for code, row in rows.items()}
    assert values == {
        "tf": {"FID ↓": 0, "KID ↓": 1, "IS ↑": 3, "precision ↑": 4, "recall ↑": 5},
        "torch-fidelity": {"KID ↓": 7},
        "adm": {"FID ↓": 8, "sFID ↓": 9, "IS ↑": 10, "recall ↑": 11},
        "improved-gan": {"IS ↑": 13},
    }
    table = code_table(several)
    assert table is not None
    assert table.row_count == 4
    assert [column.header for column in table.columns][1:] == list(codes.CODE_COLUMNS)
    page = write_report(several, exhibits, tmp_path).read_text()
    assert "The same samples under other published protocols" in page


def test_other_weights_and_several_sets_are_regrouped_too(run: Run) -> None:
    """Names with an extractor's hash in them are no FIDs; a row of the table per set and code."""
    names = ("fd_inception[abcd1234]", "sfd_inception[abcd1234]@adm", "kd_subsets_inception[abcd1234]@torch-fidelity")
    scores = [s for row in ("gan", "vae") for s in printed(*names, extractor="inception[abcd1234]", row=row)]
    sets = codes.by_code(run.model_copy(update={"scores": tuple(scores)}))
    assert list(sets) == ["gan", "vae"]
    assert {code: list(row) for code, row in sets["vae"].items()} == {
        "tf": ["FD ↓"],
        "adm": ["sFD ↓"],
        "torch-fidelity": ["KD ↓"],
    }


def test_one_protocol_needs_no_such_table(run: Run, exhibits: Exhibits, tmp_path: Path) -> None:
    """Nor do an extractor of one's own beside it, and speeds, which have an "@" too."""
    own = printed("fd_pixels", "precision", extractor="pixels")
    for names in (("fid", "kid"), ("fid@adm",)):
        scores = (*printed(*names), *own, score("gan", None, "samples_per_s@64", 1.0))
        one = run.model_copy(update={"scores": scores})
        assert codes.by_code(one) == {}
        assert code_table(one) is None
    assert "whose code" not in write_report(one, exhibits, tmp_path).read_text()


def test_brackets_in_names_are_no_markup(run: Run) -> None:
    """An extractor's hash stands in a score's name, and may begin with a letter."""
    one = run.model_copy(update={"scores": tuple(printed("fd_inception[abcd1234]"))})
    assert "fd_inception[abcd1234]" in shown(one, 100)


def test_grids_keep_every_pixel() -> None:
    """Colour images of unequal sides, with an incomplete last row."""
    png = images.grid(torch.zeros(5, 3, 9, 12, dtype=torch.uint8), 3, scale=1)
    assert png.startswith(b"\x89PNG")
    width, height = (int.from_bytes(png[i : i + 4], "big") for i in (16, 20))
    assert (width, height) == (3 * 13 + 1, 2 * 10 + 1)

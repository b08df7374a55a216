"""One self-contained HTML file, and its figures beside it."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import torch
from jinja2 import Environment, PackageLoader, StrictUndefined
from torch import Tensor

from aigc_bench.core.suites import ANCHORS
from aigc_bench.core.wording import listed
from aigc_bench.modalities.modality import Modality, recorded
from aigc_bench.report import environments, numbers
from aigc_bench.report.panels.embedding import data_uri
from aigc_bench.report.run import classes, codes, figures, tables
from aigc_bench.report.run.verdict import verdict
from aigc_bench.report.terms import terms_in
from aigc_bench.runs.records import Exhibits, Run, exhibit_of, texts_of_tensor
from aigc_bench.system.files import writing

GRID_COLUMNS = 16
MOST_COLUMNS = 9
"""of a table beside the names"""
SINGLE_PX = 56
"""about the side of a picture that is looked at by itself; the text below it needs that much"""


def write_report(run: Run, exhibits: Exhibits, folder: Path) -> Path:
    """Write report.html and figures/ into a run's folder; the path of the page.

    Raises:
        StoreError: the folder cannot be written.
    """
    drawn = figures.draw(run, exhibits)
    grids = _grids(run, exhibits)
    page = render(run, drawn, grids)
    with writing(folder):
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        for name, (svg, png, _) in drawn.items():
            (folder / "figures" / f"{name}.svg").write_text(svg, encoding="utf-8")
            (folder / "figures" / f"{name}.png").write_bytes(png)
        for kind, panels in grids.items():
            for panel in panels:
                (folder / "figures" / f"{kind}-{_file_name(panel['name'])}.png").write_bytes(panel["png"])
        (folder / "report.html").write_text(page, encoding="utf-8")
    return folder / "report.html"


def templates() -> Environment:
    """The pages' templates; whatever a run says is escaped."""
    found = Environment(
        loader=PackageLoader("aigc_bench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["terms_in"] = terms_in
    return found


def render(run: Run, drawn: dict[str, Any], grids: dict[str, list[dict[str, Any]]]) -> str:
    """The page as text."""
    quality, speed = tables.table(run, "quality"), tables.table(run, "speed")
    return (
        templates()
        .get_template("report.html.j2")
        .render(
            run=run,
            heading=_heading(run),
            several_seeds=len({case.training_seed for case in run.cases} - {None}) > 1,
            verdict=verdict(run),
            quality=_in_groups(_shown(run, quality)),
            speed=_in_groups(_shown(run, speed)),
            classes=[(table, classes.shown(table)) for table in classes.class_tables(run)],
            class_sentences=list(classes.sentences(run)),
            codes=_shown_codes(run),
            notes=[*tables.caveats(run), *tables.above_floor(run), *run.dataset.notes],
            dashes=[*tables.unavailable(quality), *tables.unavailable(speed)],
            failed=[case for case in run.cases if case.status == "failed"],
            trained=[case for case in run.cases if case.training],
            extractors=_extractors(run),
            figures=drawn,
            grids=grids,
            environment=environments.texts(run.environment),
            suite=json.dumps(run.suite.model_dump(mode="json", exclude_none=True), indent=2),
        )
    )


def _shown(run: Run, rows: tables.Table) -> dict[str, Any]:
    """Header and rows of texts: what a template can loop over."""
    names = tables.columns(rows)
    best = {metric: tables.best_rows(rows, run, metric) for metric in names}
    units = {s.metric: numbers.scaled(s.unit)[1] for s in run.scores}
    head = [(metric, "↑" if tables.direction(run, metric) else "↓", units[metric]) for metric in names]
    body = [
        (name, name in ANCHORS, [(*tables.cell_text(row.get(m)), name in best[m]) for m in names])
        for name, row in rows.items()
    ]
    return {"head": head, "body": body}


def _heading(run: Run) -> str:
    """What is scored, or the suite's name."""
    if run.dataset.num_fit:
        return run.suite.name
    names = [entry.name for entry in run.suite.generators]
    return f"{listed(names)} against {run.dataset.name}"


def _in_groups(shown: dict[str, Any]) -> list[dict[str, Any]]:
    """The same as tables of at most `MOST_COLUMNS` columns, about equally wide, so that a window shows all of each."""
    num = len(shown["head"])
    groups = -(-num // MOST_COLUMNS)
    edges = [round(number * num / groups) for number in range(groups + 1)] if groups else []
    return [
        {
            "head": shown["head"][start:end],
            "body": [(name, anchor, cells[start:end]) for name, anchor, cells in shown["body"]],
        }
        for start, end in itertools.pairwise(edges)
    ]


def _shown_codes(run: Run) -> dict[str, Any] | None:
    """The same of what whose code would have printed; None where one protocol was used."""
    sets = codes.by_code(run)
    names = codes.code_columns(sets)
    body = [
        (f"{name} · {code}" if len(sets) > 1 else code, name in ANCHORS, _code_cells(row, names))
        for name, codes in sets.items()
        for code, row in codes.items()
    ]
    return {"head": [(*name.split(), "") for name in names], "body": body} if sets else None


def _code_cells(row: dict[str, tables.Cell], names: list[str]) -> list[tuple[str, str, bool]]:
    return [(*(tables.cell_text(row[name]) if name in row else ("", "")), False) for name in names]


def _extractors(run: Run) -> list[str]:
    found = {f"{s.extractor} ({s.extractor_digest[:8]})" for s in run.scores if s.extractor and s.extractor_digest}
    return sorted(found)


def _grids(run: Run, exhibits: Exhibits) -> dict[str, list[dict[str, Any]]]:
    """Kind => panels, from the first training seed of every generator; floor first."""
    modality = recorded(run.dataset.modality)
    order = ["floor", *(entry.name for entry in run.suite.generators), "noise"]
    found: dict[str, list[dict[str, Any]]] = {"samples": [], "reconstructions": [], "neighbours": [], "costly": []}
    for name in order:
        keys = {
            kind: exhibits[key]
            for key in sorted(exhibits, reverse=True)
            for kind, owner in [exhibit_of(key)]
            if owner == name
        }
        if "samples" in keys:
            found["samples"].append(_panel(name, modality.picture(keys["samples"], GRID_COLUMNS, None)))
        if "reconstructions" in keys:
            both = [keys["originals"], keys["reconstructions"]]
            found["reconstructions"].append(_panel(name, modality.picture(torch.cat(both), len(both[0]), None)))
        if "neighbours" in keys and name not in ANCHORS:
            found["neighbours"].append(_singled_out(modality, name, keys["neighbours"]))
        if "costly" in keys:
            found["costly"].append(
                {
                    **_singled_out(modality, name, keys["costly"]),
                    "shares": _shares(keys),
                    "named": "costly_name" in keys,
                }
            )
    return {kind: panels for kind, panels in found.items() if panels}


def _singled_out(modality: Modality, name: str, pairs: Tensor) -> dict[str, Any]:
    """(n, 1 or 2, C, H, W): samples in a row, and below each of them what it is closest to, where that can be shown."""
    scale = max(1, round(SINGLE_PX / max(pairs.shape[-2:])))
    png = modality.picture(pairs.transpose(0, 1).flatten(0, 1), len(pairs), scale)
    return {**_panel(name, png), "beside": pairs.shape[1] > 1}


def _shares(keys: Exhibits) -> list[tuple[str, str]]:
    """Name of each costly sample, or its number where it has no file, and its share of the distance."""
    numbered = [str(index) for index in keys["costly_index"].tolist()]
    names = texts_of_tensor(keys["costly_name"]) if "costly_name" in keys else numbered
    shares = [numbers.percentage(share) for share in keys["costly_share"].tolist()]
    return list(zip(names, shares, strict=True))


def _file_name(name: str) -> str:
    """A row may be called by a path, or by a module and a function in it."""
    return re.sub(r"[^\w.@-]+", "-", name)


def _panel(name: str, png: bytes) -> dict[str, Any]:
    return {"name": name, "png": png, "uri": data_uri(png)}

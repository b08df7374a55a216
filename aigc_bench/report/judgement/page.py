"""Judgement => one self-contained page: verdict first, then every change, the units, the pictures and the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from aigc_bench.core.suites import ANCHORS
from aigc_bench.gate.verdicts import Decision, Judgement
from aigc_bench.modalities.modality import Modality, recorded
from aigc_bench.report import environments
from aigc_bench.report.judgement import decisions
from aigc_bench.report.judgement import figures as judgement_figures
from aigc_bench.report.judgement.headline import headline
from aigc_bench.report.numbers import percentage
from aigc_bench.report.panels.embedding import data_uri
from aigc_bench.report.run.page import GRID_COLUMNS, templates
from aigc_bench.runs.records import Exhibits, exhibit_of


@dataclass(frozen=True, slots=True)
class Pictures:
    """What base and head drew, see `runs.records.Exhibits`."""

    base: Exhibits
    head: Exhibits
    modality: str = ""
    """of both, as base's record names it"""


def page(judgement: Judgement, pictures: Pictures | None = None) -> str:
    """The page as text; with the same-seed samples of both sides where they are given."""
    panels, more_panels = judgement_figures.panels(judgement)
    different, same = environments.compared(judgement)
    return templates().get_template("judgement.html.j2").render(
        judgement=judgement,
        headline=headline(judgement),
        shared=decisions.shared_name(judgement).rstrip(),
        counts=decisions.counts(judgement),
        sides=list(decisions.sides(judgement)),
        rows=[(row, _small_print(row.decision)) for row in decisions.grouped(judgement)],
        costs=[(row, row.decision.acceptance) for row in decisions.signed_for(judgement)],
        percentage=percentage,
        tests=decisions.tests(judgement),
        forests=judgement_figures.forests(judgement),
        colours=judgement_figures.COLOURS,
        words=decisions.WORDS,
        panels=panels,
        more_panels=more_panels,
        grids=_grids(pictures) if pictures else [],
        different=different,
        same=same,
    )  # fmt: skip


def _small_print(decision: Decision) -> dict[str, str]:
    """The numbers of a row that only the page has."""
    return {
        "level": "" if decision.level is None else f"{100 * decision.level:.4g} %",
        "p": "–" if decision.p_value is None else f"{decision.p_value:.2g}",
        "units": str(decision.num_units or "–"),
        "spread": decisions.on_scale(decision.spread, decision),
        "detectable": decisions.on_scale(decision.detectable, decision),
        "needed": str(decision.needed_units or "–"),
    }


def _grids(pictures: Pictures) -> list[dict[str, Any]]:
    """The same seeds on both sides, of every generator that both have."""
    found, base, head = [], pictures.base, pictures.head
    modality = recorded(pictures.modality)
    for key in sorted(set(base) & set(head)):
        kind, name = exhibit_of(key)
        if kind == "samples" and name not in ANCHORS:
            sides = [(role, data_uri(modality.picture(side[key], GRID_COLUMNS, None)))
                     for role, side in (("base", base), ("head", head))]  # fmt: skip
            seed = key.rpartition("/")[2]
            found.append({"name": name if seed == "-" else f"{name}, training seed {seed}", "sides": sides,
                          "distance": _distance(modality, base[key], head[key])})  # fmt: skip
    return found


def _distance(modality: Modality, base: Tensor, head: Tensor) -> str:
    """How far apart the two are, in words."""
    if base.shape != head.shape:
        return f"unlike shapes: {tuple(base.shape)} and {tuple(head.shape)}"
    return modality.difference(base, head)

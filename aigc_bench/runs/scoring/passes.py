"""Passes: one extractor with the protocols that it serves, and its view of the real side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aigc_bench.core import Features, Metric, Score
from aigc_bench.core.errors import ConfigurationError
from aigc_bench.evidence.extractors import extractor_for
from aigc_bench.metrics.protocols import Protocol
from aigc_bench.runs.scoring.bench import Bench
from aigc_bench.runs.scoring.rows import PlannedRow
from aigc_bench.runs.scoring.scores import unserved


@dataclass(frozen=True, slots=True)
class Pass:
    """One extractor with the protocols that it serves, and its view of the real side."""

    protocols: tuple[Protocol, ...]
    real: Features | None
    """None where only moments of it are published"""
    entry: str | None
    """where they are kept; None where nowhere"""


def pass_of(group: Sequence[Protocol], bench: Bench) -> Pass:
    """The real side as the extractor of a group of protocols sees it."""
    entry = bench.reference.entry(group[0], bench.place)
    return Pass(tuple(group), bench.reference.features(group[0], bench.place), entry)


def served(
    groups: list[list[Protocol]], planned: Sequence[PlannedRow], bench: Bench
) -> tuple[list[list[Protocol]], list[Score]]:
    """The passes that the real side serves, and the scores of the others, which nothing is extracted for.

    Raises:
        ConfigurationError: published moments, which fit one pass at most, and several.
        DataError: it serves none.
    """
    reference = bench.reference
    if reference.statistics is not None and len(groups) > 1:
        names = ", ".join(group[0].name for group in groups)
        raise ConfigurationError(
            f"{reference.name} holds moments of features that were made in one way, and {names} are made in "
            f"{len(groups)}: name the one protocol that the file was made by"
        )
    if reference.stored is None:
        return groups, []
    kept, scores = [], list[Score]()
    for group in groups:
        extractor = extractor_for(group[0], planned[0].make().samples, bench.place)
        if reference.fits(extractor):
            kept.append(group)
            continue
        reason = (
            f"{reference.name} holds features by {reference.stored.extractor!r}, and this score is of "
            f"{extractor.name!r}; give real samples to have both"
        )
        for protocol in group:
            metrics: Sequence[Metric[Any]] = list(bench.metrics[protocol.name].values())
            scores += [unserved(plan.name, m, protocol, extractor, reason) for plan in planned for m in metrics]
    if not kept:
        reference.check_extractor(extractor, groups[-1][0], bench.place)
    return kept, scores

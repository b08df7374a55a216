"""Metric × evidence => score: from the cache, computed now, or with the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Literal

from pydantic import TypeAdapter

from aigc_bench import metrics, stats
from aigc_bench.core import Estimate, Evidence, FeatureExtractor, FeaturePair, Metric, Score, StatisticsPair, plugins
from aigc_bench.core.errors import MeasurementError, NotAvailableError
from aigc_bench.evidence.extractors import Place
from aigc_bench.metrics.protocols import Protocol
from aigc_bench.runs.scoring.rows import Row

FORMULAS = (Estimate, metrics, stats)
"""source that every score depends on, besides its metric's own"""

Called = Callable[[str], str]
"""what a protocol calls a score: "fd_inception" => "fid" """


def as_it_is(name: str) -> str:
    """Scores that no protocol renames."""
    return name


def scored(
    metric: Metric[Any],
    evidence: Evidence,
    row: Row,
    identity: Mapping[str, Any],
    place: Place,
    called: Called = as_it_is,
) -> Score:
    """The metric's estimate from the cache or computed now; where it is undefined, a score with the reason.

    Args:
        metric: what is computed.
        evidence: what it is computed from.
        row: what is scored.
        identity: everything that the evidence depends on.
        place: where scores are kept, and who hears of failures.
        called: the name under which the score is printed.
    """
    inputs = {
        **identity,
        "metric": metric.name,
        "metric_source": plugins.source_digest(metric, *FORMULAS),
        "evidence": {**evidence.labels, "digest": getattr(evidence, "extractor_digest", None)},
    }
    try:
        estimate = place.cache.value("scores", inputs, lambda: asdict(metric.compute(evidence)))
    except NotAvailableError as error:
        return _score(row, metric, evidence, "not available", str(error), called)
    except MeasurementError as error:
        reason = str(error)
        place.on_event({"event": "failed", "name": row.name, "seed": row.training_seed, "reason": reason})
        return _score(row, metric, evidence, "failed", reason, called)
    return _score(row, metric, evidence, "ok", TypeAdapter(Estimate).validate_python(estimate), called)


def uncollected(row: Row, metric: Metric[Any], reason: str) -> Score:
    """The score that a row does not have, since the evidence cannot be had of it."""
    return _score(row, metric, None, "not available", f"`{row.name}`: {reason}", as_it_is)


def unserved(name: str, metric: Metric[Any], protocol: Protocol, extractor: FeatureExtractor, reason: str) -> Score:
    """The score that a row does not have, since the real side does not serve it."""
    return Score(
        generator=name,
        training_seed=None,
        metric=protocol.called(metric.name.format(extractor=extractor.name)),
        kind=metric.kind,
        higher_is_better=metric.higher_is_better,
        status="not available",
        reason=reason,
        extractor=extractor.name,
        extractor_digest=extractor.digest,
    )


def _score(
    row: Row,
    metric: Metric[Any],
    evidence: Evidence | None,
    status: Literal["ok", "not available", "failed"],
    outcome: Estimate | str,
    called: Called,
) -> Score:
    pair = evidence if isinstance(evidence, FeaturePair | StatisticsPair) else None
    return Score(
        generator=row.name,
        training_seed=row.training_seed,
        metric=called(metric.name.format(**evidence.labels)) if evidence else metric.name,
        kind=metric.kind,
        higher_is_better=metric.higher_is_better,
        unit=metric.unit,
        estimate=outcome if isinstance(outcome, Estimate) else None,
        status=status,
        reason=outcome if isinstance(outcome, str) else None,
        extractor=pair.extractor if pair else None,
        extractor_digest=pair.extractor_digest if pair else None,
    )

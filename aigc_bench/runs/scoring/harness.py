"""The heart: Suite => Run.

For each case: build or load, fit if asked; for each evidence type that some metric needs, collect; for each metric,
score; append. A case that fails is a row with a reason, and the suite goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from pydantic import TypeAdapter

from aigc_bench import metrics, stats
from aigc_bench.core import plugins
from aigc_bench.runs.scoring.bench import COLLECTORS, Bench, Subject
from aigc_bench.core import Estimate, Evidence, FeaturePair, Metric, OnEvent, Score, StatisticsPair
from aigc_bench.core.errors import AigcBenchError, MeasurementError, NotAvailableError, NothingMeasuredError
from aigc_bench.runs.scoring.exhibits import exhibits_of, reference_exhibits
from aigc_bench.system.machine import environment
from aigc_bench.metrics.protocols import PROTOCOLS
from aigc_bench.system.cache import Cache
from aigc_bench.runs.records import CaseRecord, DatasetRecord, Exhibits, Run
from aigc_bench.core.suites import cases

FORMULAS = (Estimate, metrics, stats)
"""source that every score depends on, besides its metric's own"""


def run_bench(bench: Bench, command: str) -> tuple[Run, Exhibits]:
    """Measure every case of a prepared suite.

    Raises:
        NothingMeasuredError: not one score has an estimate.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    records, scores = [], []
    exhibits = reference_exhibits(bench)
    for number, (name, seed, make) in enumerate(plan := list(_plan(bench))):
        bench.on_event({"event": "case", "name": name, "seed": seed, "number": number, "total": len(plan)})
        try:
            subject = make()
            found = list(_scores(bench, subject))
            exhibits |= exhibits_of(bench, subject)
        except AigcBenchError as error:
            records.append(CaseRecord(generator=name, training_seed=seed, status="failed", reason=str(error)))
            bench.on_event({"event": "failed", "name": name, "seed": seed, "reason": str(error)})
            continue
        scores += found
        status: Literal["ok", "anchor"] = "anchor" if subject.blueprint is None else "ok"
        records.append(
            CaseRecord(
                generator=name,
                training_seed=seed,
                status=status,
                training=subject.training,
                features=bench.entries(subject.identity),
                seeded=name != "floor",  # whose samples are those of the holdout, in its order
                weights=bench.weights(subject),
            )
        )
    _check_measured(scores, records)
    run = Run(
        id=f"{bench.suite.name}-{started:%Y%m%d-%H%M%S-%f}"[:-3],
        created=started.isoformat(timespec="seconds"),
        wall_s=time.perf_counter() - clock,
        command=command,
        suite=bench.suite,
        environment=environment(bench.device),
        dataset=_dataset(bench),
        cases=tuple(records),
        scores=tuple(scores),
        features=bench.entries(bench.real_identity("reference")),
    )
    return run, exhibits


Make = Callable[[], Subject]


def _plan(bench: Bench) -> Iterator[tuple[str, int | None, Make]]:
    """Every row: its name, its training seed, and what builds its subject."""
    for anchor in bench.anchors():
        yield anchor.name, None, partial(_same, anchor)
    for case in cases(bench.suite):
        yield case.entry.name, case.training_seed, partial(bench.subject, case)


def _same(subject: Subject) -> Subject:
    return subject


def _scores(bench: Bench, subject: Subject) -> Iterator[Score]:
    collected: dict[type, Sequence[Evidence]] = {}
    for metric in bench.metrics:
        if subject.blueprint is None and metric.evidence is not FeaturePair:
            continue
        try:
            found = collected.get(metric.evidence) or COLLECTORS[metric.evidence](bench, subject)
            collected[metric.evidence] = found
        except NotAvailableError as error:
            yield _score(subject, metric, None, "not available", f"`{subject.name}`: {error}")
            continue
        counts = bench.suite.model_dump(include={"num_samples", "num_reconstructions", "speed"})
        for evidence in found:
            identity = {**subject.identity, "suite": counts}
            row = Row(subject.name, subject.training_seed, identity)
            yield scored(metric, evidence, row, bench.cache, bench.on_event, _called(bench, metric, evidence))


def _called(bench: Bench, metric: Metric[Any], evidence: Evidence) -> Called:
    """Scores without their extractor in their name would be one column with another extractor's."""
    if len(bench.extractors) == 1 or not isinstance(evidence, FeaturePair) or "{extractor}" in metric.name:
        return PROTOCOLS["tf"].called
    return lambda name: f"{name}@{evidence.extractor}"


@dataclass(frozen=True, slots=True)
class Row:
    """What a score is about."""

    name: str
    training_seed: int | None
    identity: dict[str, Any]
    """everything the evidence depends on"""


Called = Callable[[str], str]
"""what a protocol calls a score: "fd_inception" => "fid" """


def scored(
    metric: Metric[Any],
    evidence: Evidence,
    row: Row,
    cache: Cache,
    on_event: OnEvent,
    called: Called = PROTOCOLS["tf"].called,
) -> Score:
    """The metric's estimate from the cache or computed now; where it is undefined, a score with the reason."""
    inputs = {
        **row.identity,
        "metric": metric.name,
        "metric_source": plugins.source_digest(metric, *FORMULAS),
        "evidence": {**evidence.labels, "digest": getattr(evidence, "extractor_digest", None)},
    }
    try:
        estimate = cache.value("scores", inputs, lambda: asdict(metric.compute(evidence)))
    except NotAvailableError as error:
        return _score(row, metric, evidence, "not available", str(error), called)
    except MeasurementError as error:
        on_event({"event": "failed", "name": row.name, "seed": row.training_seed, "reason": str(error)})
        return _score(row, metric, evidence, "failed", str(error), called)
    return _score(row, metric, evidence, "ok", TypeAdapter(Estimate).validate_python(estimate), called)


def _score(
    row: Row | Subject,
    metric: Metric[Any],
    evidence: Evidence | None,
    status: Any,
    found: Estimate | str,
    called: Called = PROTOCOLS["tf"].called,
) -> Score:
    pair = evidence if isinstance(evidence, FeaturePair | StatisticsPair) else None
    return Score(
        generator=row.name,
        training_seed=row.training_seed,
        metric=called(metric.name.format(**evidence.labels)) if evidence else metric.name,
        kind=metric.kind,
        higher_is_better=metric.higher_is_better,
        unit=metric.unit,
        estimate=found if isinstance(found, Estimate) else None,
        status=status,
        reason=found if isinstance(found, str) else None,
        extractor=pair.extractor if pair else None,
        extractor_digest=pair.extractor_digest if pair else None,
    )


def _check_measured(scores: list[Score], records: list[CaseRecord]) -> None:
    if not any(score.estimate for score in scores):
        reasons = "; ".join(f"{record.generator}: {record.reason}" for record in records if record.reason)
        raise NothingMeasuredError(f"nothing was measured. {reasons or 'The suite selects no metric.'}")


def _dataset(bench: Bench) -> DatasetRecord:
    data = bench.dataset
    return DatasetRecord(
        name=data.name,
        digest=data.digest,
        shape=data.spec.shape,
        num_fit=len(data.fit.samples),
        num_reference=len(data.reference.samples),
        num_holdout=len(data.holdout.samples),
        num_classes=data.num_classes,
        notes=data.notes,
    )

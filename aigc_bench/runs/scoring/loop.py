"""The heart: rows => scores, exhibits and records.

For each row: make it; for each extractor, see its samples and score them; collect what else some metric needs and
score that; keep what is to be shown. A row that fails is a record with a reason, and the others go on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from aigc_bench.core import Evidence, Score
from aigc_bench.core.errors import (
    AigcBenchError,
    BenchmarkFailedError,
    ConfigurationError,
    GeneratorError,
    NotAvailableError,
    NothingMeasuredError,
)
from aigc_bench.evidence.extraction import skipped_notes
from aigc_bench.generators import contract
from aigc_bench.generators.generated import GeneratedSamples
from aigc_bench.metrics.protocols import passes
from aigc_bench.runs.records import CaseRecord, Exhibits
from aigc_bench.runs.scoring import by_class, contact_sheet, paired, reduced_precision
from aigc_bench.runs.scoring.bench import Bench
from aigc_bench.runs.scoring.observation import Observation, observed
from aigc_bench.runs.scoring.passes import Pass, pass_of, served
from aigc_bench.runs.scoring.rows import PlannedRow, Row, Subject
from aigc_bench.runs.scoring.scores import scored, uncollected
from aigc_bench.system.foreign import random_states_kept

MAX_DEATHS = 2
"""processes that may die at a row before it is left out"""


@dataclass
class Findings:
    """What was found so far, in the order of the rows."""

    scores: list[Score] = field(default_factory=list)
    exhibits: Exhibits = field(default_factory=dict)
    records: list[CaseRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """what a reader has to know of rows and their samples"""
    drifts: list[str] = field(default_factory=list)
    """what a declared lower precision changes"""
    nums: dict[str, int] = field(default_factory=dict)
    """row => number of its samples"""
    num_reference: int = 0
    modality: str = ""
    """of the rows"""
    extractors: list[str] = field(default_factory=list)
    real_entries: dict[str, str] = field(default_factory=dict)
    """extractor's digest => where features of the real side are kept"""


def score_rows(planned: Sequence[PlannedRow], bench: Bench) -> Findings:
    """Score every row.

    Raises:
        ConfigurationError: rows of unlike N, or moments of the real side that do not fit the protocols.
        DataError: the real side, or samples that somebody named, cannot be read.
        NothingMeasuredError: not one score has an estimate.
    """
    findings = Findings()
    groups, unfit = served(passes(bench.protocols), planned, bench)
    extractions = [pass_of(group, bench) for group in groups]
    findings.num_reference = next((one.real.num_samples for one in extractions if one.real), 0)
    if extractions and extractions[0].real is not None:
        findings.exhibits |= contact_sheet.classes_of("reference", None, extractions[0].real)
    for number, plan in enumerate(planned):
        case = {"event": "case", "name": plan.name, "seed": plan.training_seed, "number": number}
        bench.place.on_event({**case, "total": len(planned)})
        findings.records.append(_recorded(findings, plan, extractions, bench))
    findings.scores += unfit
    _check_measured(findings)
    return findings


def _recorded(findings: Findings, plan: PlannedRow, extractions: Sequence[Pass], bench: Bench) -> CaseRecord:
    """Score one row; its record, with the reason where it failed."""
    entries: dict[str, str] = {}
    try:
        with _attempted(plan, bench):
            row = plan.make()
            _score_row(findings, row, extractions, bench, entries)
            departure = _departure(row, bench)
    except AigcBenchError as error:
        if plan.given and not isinstance(error, BenchmarkFailedError):
            raise
        reason = str(error)
        bench.place.on_event({"event": "failed", "name": plan.name, "seed": plan.training_seed, "reason": reason})
        return CaseRecord(generator=plan.name, training_seed=plan.training_seed, status="failed", reason=reason)
    if departure is not None:
        findings.notes.append(f"{row.name}: {departure}.")
        bench.place.on_event({"event": "note", "text": f"{row.name}: {departure}"})
    return CaseRecord(
        generator=row.name,
        training_seed=row.training_seed,
        status=row.status,
        training=row.subject.training if row.subject else None,
        features=entries,
        seeded=row.seeded and departure is None,
        weights=row.weights,
    )


@contextlib.contextmanager
def _attempted(plan: PlannedRow, bench: Bench) -> Iterator[None]:
    """A generator may take the whole process along, with the rows that follow it: after the second time it has failed.

    Raises:
        GeneratorError: two processes died while they were at this row.
    """
    inputs = {"row": plan.name, "seed": plan.training_seed, "reference": bench.reference.digest}
    with bench.place.cache.attempt(inputs) as num_died, random_states_kept():
        if num_died >= MAX_DEATHS:
            raise GeneratorError(
                f"{num_died} processes ended without a word while they were at this row, with nothing of it done: "
                "a crash in native code, os._exit, or no memory left; it is left out this time, and tried again the "
                "next time"
            )
        yield


def _departure(row: Row, bench: Bench) -> str | None:
    """How the row's generator breaks its promise that a seed names a sample, if a few draws show it."""
    samples = row.samples
    if not row.seeded or not isinstance(samples, GeneratedSamples) or samples.num_samples < 2:
        return None
    num = samples.num_samples
    places = sorted({0, num // 3, num // 2, num - 1})
    seeds = torch.tensor(places, device=bench.place.device)
    return contract.checked_row(samples.generator, seeds, samples.kept(places))


def _score_row(
    findings: Findings, row: Row, extractions: Sequence[Pass], bench: Bench, entries: dict[str, str]
) -> None:
    """Everything about one row; where its features are kept goes into `entries`, by extractor's digest."""
    first: tuple[Observation, float | None] | None = None
    for extraction in extractions:
        findings.drifts += reduced_precision.drifts(
            row.name, row.samples, bench.reference, extraction.protocols[0], bench.place
        )
        seen = observed(row, bench.reference, extraction.real, extraction.protocols[0], bench.place)
        findings.extractors.append(seen.extractor.name)
        findings.nums[row.name] = seen.fake.num_samples
        findings.modality = row.samples.modality
        _check_equal_num(findings.nums)
        for where, kept in ((seen.entry, entries), (extraction.entry, findings.real_entries)):
            if where is not None:
                kept[seen.extractor.digest] = where
        scores = list(seen.scores(extraction.protocols, bench.metrics, bench.place))
        findings.scores += scores
        _add_classes(findings, seen, extraction, bench, is_first=first is None)
        first = first or (seen, seen.distance(scores, extraction.protocols[0]))
    evidence = dict[type[Evidence], Sequence[Evidence]]()
    if row.subject is not None:
        findings.scores += _generator_scores(row, row.subject, bench, evidence)
    if bench.pairs is not None and first is not None:
        findings.notes += [f"{row.name}: {text}." for name, text in bench.pairs.items() if name == row.name]
        original = paired.originals_of(bench.reference)
        findings.scores += paired.scores(first[0], original, bench.place)
        findings.exhibits |= contact_sheet.pairs_of(row, original, findings.nums[row.name])
    findings.notes += _notes(row)
    if first is not None:
        _show(findings, row, *first, bench, evidence)


def _add_classes(findings: Findings, seen: Observation, extraction: Pass, bench: Bench, *, is_first: bool) -> None:
    pair = seen.pair()
    if not bench.per_class or pair is None:
        return
    row = seen.row
    classes = by_class.classes_of(bench.reference, row.name, row.samples, pair)
    findings.notes += by_class.left_out(row.name, *classes) if is_first else ()
    findings.scores += by_class.scores(seen, pair, classes, extraction.protocols, bench.place)


def _generator_scores(
    row: Row, subject: Subject, bench: Bench, evidence: dict[type[Evidence], Sequence[Evidence]]
) -> Iterator[Score]:
    """Scores of what is observed of the generator itself; the evidence is collected once for all metrics of a kind."""
    assert bench.observer is not None  # a bench with generators has one
    counts = {"held_out": bench.observer.num_held_out, "speed": bench.observer.speed.model_dump()}
    for metric in bench.generator_metrics:
        try:
            if metric.evidence not in evidence:
                evidence[metric.evidence] = bench.observer.evidence(metric.evidence, subject)
        except NotAvailableError as error:
            yield uncollected(row, metric, str(error))
            continue
        for item in evidence[metric.evidence]:
            yield scored(metric, item, row, {**subject.identity, **counts}, bench.place)


def _show(
    findings: Findings,
    row: Row,
    seen: Observation,
    distance: float | None,
    bench: Bench,
    evidence: Mapping[type[Evidence], Sequence[Evidence]],
) -> None:
    """What the report shows of a row beside its scores."""
    # A distance to published moments is not one to the real samples that single ones are held against.
    sheet = contact_sheet.sheet_of(seen, bench, None if bench.reference.statistics else distance)
    findings.exhibits |= sheet.exhibits
    findings.notes += sheet.notes
    if row.subject is not None and bench.observer is not None:
        findings.exhibits |= contact_sheet.observations_of(row, row.subject, bench.observer, evidence)


def _check_measured(findings: Findings) -> None:
    if not any(score.estimate for score in findings.scores):
        reasons = [f"{record.label}: {record.reason}" for record in findings.records if record.reason]
        reasons += dict.fromkeys(score.reason for score in findings.scores if score.reason)
        raise NothingMeasuredError(f"nothing was measured: {'; '.join(reasons) or 'the suite selects no metric'}")


def _check_equal_num(nums: Mapping[str, int]) -> None:
    if len(set(nums.values())) > 1:
        raise unlike_numbers(nums)


def unlike_numbers(nums: Mapping[str, int]) -> ConfigurationError:
    """Rows of unlike N do not compare."""
    listed = ", ".join(f"{name}: {num}" for name, num in nums.items())
    return ConfigurationError(f"rows of unlike N are not comparable ({listed}); use --limit {min(nums.values())}")


def _notes(row: Row) -> Iterator[str]:
    for text in (*row.samples.policies, *skipped_notes(row.samples)):
        yield f"{row.name}: {text}."

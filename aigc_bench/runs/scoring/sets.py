"""Samples that exist already, and generators as they are => rows, and the run of scoring them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aigc_bench.core.suites import DataEntry, GeneratorEntry, Suite
from aigc_bench.generators.generated import GeneratedSamples
from aigc_bench.runs.records import DatasetRecord, Exhibits, Run
from aigc_bench.runs.scoring import by_class, paired
from aigc_bench.runs.scoring.assembly import Begun, assembled
from aigc_bench.runs.scoring.bench import Bench
from aigc_bench.runs.scoring.loop import Findings, score_rows, unlike_numbers
from aigc_bench.runs.scoring.rows import PlannedRow, Row
from aigc_bench.samples.sets import SampleSet

Sets = Mapping[str, SampleSet]
"""row => its samples"""


def score_sets(fakes: Sets, holdout: SampleSet | None, bench: Bench, command: str) -> tuple[Run, Exhibits]:
    """Score every set by the bench; a row per set, the holdout as floor row.

    Raises:
        ConfigurationError: rows of unlike N.
        DataError: samples or statistics that cannot be read or do not fit.
        NothingMeasuredError: not one score has an estimate.
    """
    begun = Begun()
    sets = {**({"floor": holdout} if holdout else {}), **fakes}
    _check_listed(sets, bench.limit)
    _check_extras(sets, bench)
    if bench.paired:
        # A reconstruction is measured against its original, not against moments of a larger set.
        bench = replace(bench, reference=replace(bench.reference, statistics=None))
    planned = [PlannedRow.of(_row(name, samples), given=True) for name, samples in sets.items()]
    findings = score_rows(planned, bench)
    run = assembled(
        findings,
        begun,
        suite=_suite(findings, fakes, bench),
        dataset=_record(findings, bench),
        command=command,
        device=bench.place.device,
    )
    return run, findings.exhibits


def _row(name: str, samples: SampleSet) -> Row:
    return Row(name, None, samples, "anchor" if name == "floor" else "ok", seeded=isinstance(samples, GeneratedSamples))


def _suite(findings: Findings, fakes: Sets, bench: Bench) -> Suite:
    return Suite(
        name="score",
        description=f"samples against {bench.reference.name}",
        data=DataEntry(name=bench.reference.name),
        features=tuple(dict.fromkeys(findings.extractors)),
        metrics=tuple(dict.fromkeys(name for metrics in bench.metrics.values() for name in metrics)),
        num_samples=next(iter(findings.nums.values())),
        generators=tuple(GeneratorEntry(build=samples.name, name=name) for name, samples in fakes.items()),
    )


def _record(findings: Findings, bench: Bench) -> DatasetRecord:
    reference = bench.reference
    return DatasetRecord(
        name=reference.name,
        digest=reference.digest,
        modality=findings.modality,
        shape=(reference.samples.shape if reference.samples else None) or (),
        sample_rate=reference.samples.sample_rate if reference.samples else None,
        num_fit=0,
        num_reference=findings.num_reference,
        num_holdout=findings.nums.get("floor", 0),
        num_classes=None,
        notes=(*findings.drifts, *reference.notes(), *findings.notes),
    )


def _check_extras(sets: Sets, bench: Bench) -> None:
    """What classes and pairs need is asked for now where it can be, not after an hour of extraction."""
    if bench.per_class:
        by_class.check_labelled(bench.reference.name, bench.reference.samples)
        for name, samples in sets.items():
            by_class.check_labelled(name, samples)
    if bench.paired:
        for name, samples in sets.items():
            paired.check_pairs(name, samples, paired.originals_of(bench.reference), bench.limit)


def _check_listed(sets: Sets, limit: int | None) -> None:
    """Unlike N is found out now where it can be, not after an hour of extraction."""
    listed = {name: samples.num_samples for name, samples in sets.items()}
    nums = {name: min(num, limit or num) for name, num in listed.items() if num is not None}
    if len(set(nums.values())) > 1:
        raise unlike_numbers(nums)

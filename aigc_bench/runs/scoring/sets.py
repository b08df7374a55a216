"""Samples that exist already, and generators as they are => rows, and the run of scoring them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from aigc_bench.core.errors import DataError
from aigc_bench.core.suites import DataEntry, GeneratorEntry, Suite
from aigc_bench.generators.generated import GeneratedSamples
from aigc_bench.runs.records import DatasetRecord, Exhibits, Run
from aigc_bench.runs.scoring import by_class, paired
from aigc_bench.runs.scoring.assembly import Begun, assembled
from aigc_bench.runs.scoring.bench import Bench
from aigc_bench.runs.scoring.loop import Findings, score_rows, unlike_numbers
from aigc_bench.runs.scoring.rows import PlannedRow, Row
from aigc_bench.samples import pairing
from aigc_bench.samples.sets import SampleSet
from aigc_bench.samples.subset import SubsetSamples, first_of, limited

Sets = Mapping[str, SampleSet]
"""row => its samples"""


def score_sets(
    fakes: Sets, holdout: SampleSet | None, bench: Bench, limit: int | None, command: str
) -> tuple[Run, Exhibits]:
    """Score every set by the bench; a row per set, the holdout as floor row.

    Raises:
        ConfigurationError: rows of unlike N.
        DataError: samples or statistics that cannot be read or do not fit.
        NothingMeasuredError: not one score has an estimate.
    """
    begun = Begun()
    if bench.pairs is not None:
        fakes, bench = _paired(fakes, bench, limit)
    sets = {name: limited(samples, limit) for name, samples in {**_floor(holdout), **fakes}.items()}
    _check_listed(sets)
    _check_labels(sets, bench)
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
        shape=reference.shape,
        sample_rate=reference.samples.sample_rate if reference.samples else None,
        num_fit=0,
        num_reference=findings.num_reference,
        num_holdout=findings.nums.get("floor", 0),
        num_classes=None,
        notes=(*findings.drifts, *reference.notes(), *findings.notes),
    )


def _floor(holdout: SampleSet | None) -> Sets:
    return {} if holdout is None else {"floor": holdout}


def _paired(fakes: Sets, bench: Bench, limit: int | None) -> tuple[Sets, Bench]:
    """Every set in the order of the originals, of which those that are reconstructed are the real side.

    Raises:
        ConfigurationError: the real side has no samples.
        DataError: what cannot be pairs.
    """
    original = paired.originals_of(bench.reference)
    if limit is not None and any(samples.num_samples is None for samples in (original, *fakes.values())):
        # What cannot be drawn from gives its first, and so must the other side.
        original = first_of(original, limit)
        fakes = {name: first_of(samples, limit) for name, samples in fakes.items()}
    pairings = {name: pairing.paired(name, samples, original) for name, samples in fakes.items()}
    rows = next(iter(pairings.values())).rows
    for name, other in pairings.items():
        if not _equal(rows, other.rows):
            raise DataError(
                f"{name} and {next(iter(pairings))} are reconstructions of different originals in {original.name}; "
                "expected rows that reconstruct the same ones: score them one by one"
            )
    part = original if rows is None else SubsetSamples(original, rows, f"the {len(rows)} that are reconstructed")
    matched = {name: one.fake for name, one in pairings.items()}
    if rows is None and limit is not None:
        # By position the first are pairs, whatever follows on one side.
        num = min(samples.num_samples or limit for samples in (part, *matched.values()))
        if num >= limit:
            part, matched = first_of(part, num), {name: first_of(fake, num) for name, fake in matched.items()}
    for name, fake in matched.items():
        paired.check_pairs(name, fake, part)
    # A reconstruction is measured against its original, not against moments of a larger set.
    reference = replace(bench.reference, samples=limited(part, limit), statistics=None)
    return matched, replace(bench, reference=reference, pairs={name: one.how for name, one in pairings.items()})


def _equal(a: Tensor | None, b: Tensor | None) -> bool:
    return a is b if a is None or b is None else torch.equal(a, b)


def _check_labels(sets: Sets, bench: Bench) -> None:
    """What classes need is asked for now where it can be, not after an hour of extraction."""
    if bench.per_class:
        for name, samples in ((bench.reference.name, bench.reference.samples), *sets.items()):
            by_class.check_labelled(name, samples)


def _check_listed(sets: Sets) -> None:
    """Unlike N is found out now where it can be, not after an hour of extraction."""
    listed = {name: samples.num_samples for name, samples in sets.items()}
    nums = {name: num for name, num in listed.items() if num is not None}
    if len(set(nums.values())) > 1:
        raise unlike_numbers(nums)

"""Scoring samples that exist already: sets of samples => Run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from aigc_bench.core import plugins
from aigc_bench.core import FeaturePair, Features, Metric, Score
from aigc_bench.core.errors import BenchmarkFailedError, ConfigurationError, NothingMeasuredError
from aigc_bench.generators.generated import GeneratedSamples
from aigc_bench.samples.sets import SampleSet
from aigc_bench.system.machine import environment
from aigc_bench.metrics.protocols import Protocol, passes
from aigc_bench.runs.scoring import by_class, contact_sheet, paired, reduced_precision as precision
from aigc_bench.evidence.extraction import Place, extractor_for, skipped_notes
from aigc_bench.runs.scoring.observation import Metrics, Observation, observed, without
from aigc_bench.runs.scoring.reference import Reference
from aigc_bench.runs.records import CaseRecord, DatasetRecord, Exhibits, Run
from aigc_bench.core.suites import DataEntry, GeneratorEntry, Suite

METRICS = ("fd", "kd", "inception_score", "precision", "recall", "density", "coverage", "duplicates")
"""what is computed unless the protocol or the caller says otherwise"""


@dataclass(frozen=True)
class Bench:
    """What every stage needs."""

    place: Place
    metrics: Metrics
    limit: int | None = None
    """at most the first so many samples of each generated set and of the holdout"""
    per_class: bool = False
    """the Fréchet distance of every class, too"""
    paired: bool = False
    """sample i is a reconstruction of real sample i"""

    @classmethod
    def prepare(
        cls,
        place: Place,
        protocols: Sequence[Protocol],
        metrics: Sequence[str] | None = None,
        limit: int | None = None,
        *,
        per_class: bool = False,
        paired: bool = False,
    ) -> Bench:
        """Resolve the metrics' names; None: those of each protocol.

        Raises:
            UnknownNameError: no such metric.
            ConfigurationError: a metric that needs more than features, or no limit at all.
        """
        if limit is not None and limit < 1:
            raise ConfigurationError(f"expected a limit of at least 1 sample, got {limit}")
        alone = len(protocols) == 1
        found = {
            protocol.name: {name: _metric(name) for name in _names(protocol, metrics, alone)} for protocol in protocols
        }
        if not any(found.values()):
            raise ConfigurationError(
                f"none of {', '.join(protocol.name for protocol in protocols)} prints {', '.join(metrics or ())}; "
                "expected a metric that one of these codes has, or --protocol tf, which takes all"
            )
        return cls(place, found, limit, per_class, paired)


def _names(protocol: Protocol, metrics: Sequence[str] | None, alone: bool) -> list[str]:
    """What a protocol is asked for: where several are compared, only what its code prints."""
    names = [protocol.variant(name) for name in metrics or protocol.metrics or METRICS]
    return [name for name in names if alone or not protocol.metrics or name in protocol.metrics]


def _metric(name: str) -> Metric[Any]:
    metric = plugins.load("metric", name)
    if not isinstance(metric, Metric) or metric.evidence is not FeaturePair:
        raise ConfigurationError(
            f"metric {name!r} cannot be computed from samples alone; it needs a generator: use `aigc-bench run`"
        )
    return metric


Rows = Mapping[str, SampleSet]


@dataclass
class Findings:
    """What was found so far; a row that failed is in `failed` with its reason."""

    scores: list[Score] = field(default_factory=list)
    exhibits: Exhibits = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    drifts: list[str] = field(default_factory=list)
    nums: dict[str, int] = field(default_factory=dict)
    num_reference: int = 0
    extractors: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    entries: dict[str, dict[str, str]] = field(default_factory=dict)
    """row => extractor's digest => where its features are; "reference" is the real side"""


def score_sets(
    fakes: Rows,
    reference: Reference,
    holdout: SampleSet | None,
    protocols: Sequence[Protocol],
    bench: Bench,
    command: str,
) -> tuple[Run, Exhibits]:
    """Score every set against the reference under every protocol; a row per set, the holdout as floor row.

    Raises:
        ConfigurationError: rows of unlike N.
        DataError: samples or statistics that cannot be read or do not fit.
        NothingMeasuredError: not one score has an estimate.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    rows = {**({"floor": holdout} if holdout else {}), **fakes}
    _check_listed(rows, bench.limit)
    _check_extras(rows, reference, bench)
    if bench.paired:
        # A reconstruction is measured against its original, not against moments of a larger set.
        reference = replace(reference, statistics=None)
    found = Findings()
    groups, unfit = _fitting(passes(protocols), rows, reference, bench)
    for number, group in enumerate(groups):
        bench.place.on_event(
            {"event": "case", "name": group[0].name, "number": number, "total": len(groups), "seed": None}
        )
        _add_pass(found, rows, reference, group, bench)
    found.scores += unfit
    _check_measured(found)
    run = Run(
        id=f"score-{started:%Y%m%d-%H%M%S-%f}"[:-3],
        created=started.isoformat(timespec="seconds"),
        wall_s=time.perf_counter() - clock,
        command=command,
        suite=_suite(found, fakes, reference, bench),
        environment=environment(bench.place.device),
        dataset=_dataset(found, rows, reference),
        cases=tuple(_case(name, samples, found) for name, samples in rows.items()),
        scores=tuple(found.scores),
        features=found.entries.get("reference", {}),
    )
    return run, found.exhibits


def _fitting(
    groups: list[list[Protocol]], rows: Rows, reference: Reference, bench: Bench
) -> tuple[list[list[Protocol]], list[Score]]:
    """The passes that the real side serves, and the scores of the others, which nothing is extracted for.

    Raises:
        ConfigurationError: published moments, which fit one pass at most, and several.
        DataError: it serves none.
    """
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
        extractor = extractor_for(group[0], next(iter(rows.values())), bench.place)
        if reference.fits(extractor):
            kept.append(group)
            continue
        reason = (
            f"{reference.name} holds features by {reference.stored.extractor!r}, and this score is of "
            f"{extractor.name!r}; give real samples to have both"
        )
        for protocol in group:
            metrics = bench.metrics[protocol.name].values()
            scores += [without(name, metric, protocol, extractor, reason) for name in rows for metric in metrics]
    if not kept:
        reference.check_extractor(extractor, groups[-1][0], bench.place)
    return kept, scores


def _add_pass(found: Findings, rows: Rows, reference: Reference, group: Sequence[Protocol], bench: Bench) -> None:
    """What one extractor has to say about every row; a row that fails leaves the others to go on."""
    found.drifts += precision.drifts(rows, reference, group[0], bench.place, bench.limit)
    limit = bench.limit if bench.paired else None
    entry = reference.entry(group[0], bench.place, limit)
    real = reference.features(group[0], bench.place, limit)
    found.num_reference = real.num_samples if real else found.num_reference
    is_first = not found.extractors
    for name, samples in rows.items():
        try:
            seen = _add_row(found, name, samples, reference, real, group, bench, is_first)
            for row, where in ((name, seen.entry), ("reference", entry)):
                if where is not None:
                    found.entries.setdefault(row, {})[seen.extractor.digest] = where
        except BenchmarkFailedError as error:
            found.failed.setdefault(name, str(error))
            bench.place.on_event({"event": "failed", "name": name, "seed": None, "reason": str(error)})
    if is_first and real is not None:
        found.exhibits |= contact_sheet.classes_of("reference", real)


def _add_row(
    found: Findings,
    name: str,
    samples: SampleSet,
    reference: Reference,
    real: Features | None,
    group: Sequence[Protocol],
    bench: Bench,
    is_first: bool,
) -> Observation:
    """Scores of one row by one extractor; with the first one what is said and shown of the samples, too."""
    place = bench.place
    seen = observed(name, samples, reference, real, group[0], place, bench.limit)
    found.extractors.append(seen.extractor.name)
    found.nums[name] = seen.fake.num_samples
    _check_equal_num(found.nums)
    pair, own = seen.pair(), list(seen.scores(group, bench.metrics, place))
    found.scores += own
    if bench.per_class and pair is not None:
        classes = by_class.classes_of(reference, name, samples, pair, bench.limit)
        found.notes += by_class.left_out(name, *classes) if is_first else ()
        found.scores += by_class.scores(seen.row, pair, classes, group, place)
    if not is_first:
        return seen
    if bench.paired:
        original = paired.originals_of(reference)
        found.scores += paired.scores(seen.row, samples, original, place, bench.limit)
        found.exhibits |= contact_sheet.pairs_of(name, samples, original, found.nums[name])
    distance = None if reference.statistics else seen.distance(own, group[0])
    singled = None if name == "floor" else pair
    sheet = contact_sheet.sheet_of(seen.row, samples, reference, seen.fake, singled, distance, place)
    found.exhibits |= sheet.exhibits
    found.notes += sheet.notes
    return seen


def _check_measured(found: Findings) -> None:
    if not any(score.estimate for score in found.scores):
        reasons = [f"{name}: {reason}" for name, reason in found.failed.items()]
        reasons += dict.fromkeys(score.reason for score in found.scores if score.reason)
        raise NothingMeasuredError("nothing was measured: " + "; ".join(reasons))


def _suite(found: Findings, fakes: Rows, reference: Reference, bench: Bench) -> Suite:
    return Suite(
        name="score",
        description=f"samples against {reference.name}",
        data=DataEntry(name=reference.name),
        features=tuple(dict.fromkeys(found.extractors)),
        metrics=tuple(dict.fromkeys(name for metrics in bench.metrics.values() for name in metrics)),
        num_samples=next(iter(found.nums.values())),
        generators=tuple(GeneratorEntry(build=samples.name, name=name) for name, samples in fakes.items()),
    )


def _dataset(found: Findings, rows: Rows, reference: Reference) -> DatasetRecord:
    return DatasetRecord(
        name=reference.name,
        digest=reference.digest,
        shape=(reference.samples.shape if reference.samples else None) or (),
        num_fit=0,
        num_reference=found.num_reference,
        num_holdout=found.nums.get("floor", 0),
        num_classes=None,
        notes=(*found.drifts, *_notes(rows), *reference.notes(), *found.notes),
    )


def _case(name: str, samples: SampleSet, found: Findings) -> CaseRecord:
    if name in found.failed:
        return CaseRecord(generator=name, training_seed=None, status="failed", reason=found.failed[name])
    return CaseRecord(
        generator=name,
        training_seed=None,
        status="anchor" if name == "floor" else "ok",
        features=found.entries.get(name, {}),
        seeded=isinstance(samples, GeneratedSamples),
    )


def _check_extras(rows: Rows, reference: Reference, bench: Bench) -> None:
    """What classes and pairs need is asked for now where it can be, not after an hour of extraction."""
    if bench.per_class:
        by_class.check_labelled(reference.name, reference.samples)
        for name, samples in rows.items():
            by_class.check_labelled(name, samples)
    if bench.paired:
        for name, samples in rows.items():
            paired.check_pairs(name, samples, paired.originals_of(reference), bench.limit)


def _check_listed(rows: Rows, limit: int | None) -> None:
    """Unlike N is found out now where it can be, not after an hour of extraction."""
    listed = {name: samples.num_samples for name, samples in rows.items()}
    _check_equal_num({name: min(num, limit or num) for name, num in listed.items() if num is not None})


def _check_equal_num(nums: Mapping[str, int]) -> None:
    if len(set(nums.values())) > 1:
        raise ConfigurationError(
            f"rows of unlike N are not comparable ({', '.join(f'{name}: {num}' for name, num in nums.items())}); "
            f"use --limit {min(nums.values())}"
        )


def _notes(rows: Rows) -> Iterator[str]:
    for name, samples in rows.items():
        for text in (*samples.policies, *skipped_notes(samples)):
            yield f"{name}: {text}."

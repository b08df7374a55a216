"""Scoring samples that exist already: sets of samples => Run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import torch
from torch import Tensor

from aigc_bench import by_class, contact_sheet, core, paired, plugins, precision
from aigc_bench.core import Evidence, FeaturePair, Features, Metric, Score, SpatialStatisticsPair, StatisticsPair
from aigc_bench.errors import ConfigurationError, DataError, NothingMeasuredError
from aigc_bench.extraction import Place, extractor_for, features_of, skipped_notes
from aigc_bench.harness import Row, scored
from aigc_bench.inputs.samples import SampleSet
from aigc_bench.machine import environment
from aigc_bench.metrics.frechet import fd
from aigc_bench.protocols import Protocol, passes
from aigc_bench.reference import Reference
from aigc_bench.store import CaseRecord, DatasetRecord, Exhibits, Run, digest_of
from aigc_bench.suite import DataEntry, GeneratorEntry, Suite

METRICS = ("fd", "kd", "inception_score", "precision", "recall", "density", "coverage")
"""what is computed unless the protocol or the caller says otherwise"""


@dataclass(frozen=True)
class Bench:
    """What every stage needs."""

    place: Place
    metrics: Mapping[str, Mapping[str, Metric[Any]]]
    """by protocol, and there by entry point"""
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
        found = {
            protocol.name: {
                name: _metric(name) for name in map(protocol.variant, metrics or protocol.metrics or METRICS)
            }
            for protocol in protocols
        }
        return cls(place, found, limit, per_class, paired)


def _metric(name: str) -> Metric[Any]:
    metric = plugins.load("metric", name)
    if not isinstance(metric, Metric) or metric.evidence is not FeaturePair:
        raise ConfigurationError(
            f"metric {name!r} cannot be computed from samples alone; it needs a generator: use `aigc-bench run`"
        )
    return metric


@dataclass(frozen=True, slots=True)
class Observation:
    """One extractor's view of a set of samples and of the real side."""

    row: Row
    extractor: core.FeatureExtractor
    fake: Features
    real: Features | None
    reference: Reference

    def pair(self) -> FeaturePair | None:
        """Both sides' features; None where only moments of the real side are published."""
        if self.real is None:
            return None
        bias = getattr(self.extractor, "logit_bias", None)
        return FeaturePair(self.real, self.fake, self.extractor.name, self.extractor.digest, bias)

    def distance(self, scores: Sequence[Score], protocol: Protocol) -> float | None:
        """The Fréchet distance among the scores, if it is there."""
        name = protocol.called(fd.name.format(extractor=self.extractor.name))
        return next((s.estimate.value for s in scores if s.metric == name and s.estimate), None)

    def scores(self, protocols: Sequence[Protocol], bench: Bench) -> Iterator[Score]:
        """Every score that the protocols print, one forward pass for all of them."""
        evidence = self._evidence()
        cache, on_event = bench.place.cache, bench.place.on_event
        for protocol in protocols:
            for metric in bench.metrics[protocol.name].values():
                # Published moments come before samples: they are of the whole real set, the samples often of a part.
                ways = [way for way in (metric.of_statistics, metric) if way and way.evidence in evidence]
                if ways:
                    yield scored(ways[0], evidence[ways[0].evidence], self.row, cache, on_event, protocol.called)
                else:
                    yield self._without_samples(metric, protocol)

    def _evidence(self) -> dict[type[Evidence], Evidence]:
        """Whatever there is to compute metrics from, by its type."""
        name, digest, moments = self.extractor.name, self.extractor.digest, self.reference.statistics
        found: dict[type[Evidence], Evidence] = {}
        if (pair := self.pair()) is not None:
            found[FeaturePair] = pair
        if moments is not None:
            self._check_width(moments.mean, self.fake.pool)
            found[StatisticsPair] = StatisticsPair(moments.mean, moments.cov, self.fake, name, digest)
        if moments is not None and moments.spatial_mean is not None and moments.spatial_cov is not None:
            if self.fake.spatial is not None:
                self._check_width(moments.spatial_mean, self.fake.spatial)
            found[SpatialStatisticsPair] = SpatialStatisticsPair(
                moments.spatial_mean, moments.spatial_cov, self.fake, name, digest
            )
        return found

    def _check_width(self, mean: Tensor, features: Tensor) -> None:
        if len(mean) != features.shape[1]:
            raise DataError(
                f"{self.reference.name} holds moments of {len(mean)} features, extractor {self.extractor.name!r} "
                f"has {features.shape[1]}; choose the protocol that the file was made by"
            )

    def _without_samples(self, metric: Metric[Any], protocol: Protocol) -> Score:
        return Score(
            generator=self.row.name,
            training_seed=None,
            metric=protocol.called(metric.name.format(extractor=self.extractor.name)),
            kind=metric.kind,
            higher_is_better=metric.higher_is_better,
            status="not available",
            reason=f"{self.reference.name} holds moments only; give real samples to have it",
            extractor=self.extractor.name,
            extractor_digest=self.extractor.digest,
        )


def score_sets(
    fakes: Mapping[str, SampleSet],
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
    notes: list[str] = []
    scores: list[Score] = []
    exhibits: Exhibits = {}
    nums: dict[str, int] = {}
    num_reference = 0
    extractors: list[str] = []
    drifts: list[str] = []
    groups = passes(protocols)
    for number, group in enumerate(groups):
        bench.place.on_event(
            {"event": "case", "name": group[0].name, "number": number, "total": len(groups), "seed": None}
        )
        drifts += precision.drifts(rows, reference, group[0], bench.place, bench.limit)
        real = reference.features(group[0], bench.place, bench.limit if bench.paired else None)
        num_reference = real.num_samples if real else num_reference
        for name, samples in rows.items():
            found = _observed(name, samples, reference, real, group[0], bench)
            nums[name] = found.fake.num_samples
            _check_equal_num(nums)
            pair, own = found.pair(), list(found.scores(group, bench))
            scores += own
            if bench.per_class and pair is not None:
                classes = by_class.classes_of(reference, name, samples, nums[name])
                notes += by_class.left_out(name, *classes) if number == 0 else ()
                scores += by_class.scores(found.row, pair, classes, group, bench.place)
            if bench.paired and number == 0:
                original = paired.originals_of(reference)
                scores += paired.scores(found.row, samples, original, bench.place, bench.limit)
                exhibits |= contact_sheet.pairs_of(name, samples, original, nums[name])
            if number == 0:
                distance = None if reference.statistics else found.distance(own, group[0])
                sheet = contact_sheet.sheet_of(
                    found.row, samples, reference, found.fake, None if name == "floor" else pair, distance, bench.place
                )
                exhibits |= sheet.exhibits
                notes += sheet.notes
        if number == 0 and real is not None:
            exhibits |= contact_sheet.classes_of("reference", real)
        extractors.append(found.extractor.name)
    if not any(score.estimate for score in scores):
        raise NothingMeasuredError("nothing was measured: " + "; ".join({s.reason for s in scores if s.reason}))
    suite = Suite(
        name="score",
        description=f"samples against {reference.name}",
        data=DataEntry(name=reference.name),
        features=tuple(dict.fromkeys(extractors)),
        metrics=tuple(dict.fromkeys(name for found in bench.metrics.values() for name in found)),
        num_samples=next(iter(nums.values())),
        generators=tuple(GeneratorEntry(build=samples.name, name=name) for name, samples in fakes.items()),
    )
    run = Run(
        id=f"score-{started:%Y%m%d-%H%M%S-%f}"[:-3],
        created=started.isoformat(timespec="seconds"),
        wall_s=time.perf_counter() - clock,
        command=command,
        suite=suite,
        environment=environment(bench.place.device),
        dataset=DatasetRecord(
            name=reference.name,
            digest=reference.digest,
            shape=(reference.samples.shape if reference.samples else None) or (),
            num_fit=0,
            num_reference=num_reference,
            num_holdout=nums.get("floor", 0),
            num_classes=None,
            notes=(*drifts, *_notes(rows), *reference.notes(), *notes),
        ),
        cases=tuple(
            CaseRecord(generator=name, training_seed=None, status="anchor" if name == "floor" else "ok")
            for name in rows
        ),
        scores=tuple(scores),
    )
    return run, exhibits


def _observed(
    name: str, samples: SampleSet, reference: Reference, real: Features | None, protocol: Protocol, bench: Bench
) -> Observation:
    extractor = extractor_for(protocol, samples, bench.place.device)
    reference.check_extractor(extractor, protocol, bench.place)
    fake = features_of(extractor, samples, bench.place, bench.limit)
    identity = {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "device": str(bench.place.device),
        "samples": samples.digest or _digest_of_features(fake),
        "reference": reference.digest,
        "num_samples": fake.num_samples,
        "num_reference": real.num_samples if real else None,
        "extractor": extractor.digest,
    }
    return Observation(Row(name, None, identity), extractor, fake, real, reference)


def _check_extras(rows: Mapping[str, SampleSet], reference: Reference, bench: Bench) -> None:
    """What classes and pairs need is asked for now where it can be, not after an hour of extraction."""
    if bench.per_class:
        by_class.check_labelled(reference.name, reference.samples)
        for name, samples in rows.items():
            by_class.check_labelled(name, samples)
    if bench.paired:
        for name, samples in rows.items():
            paired.check_pairs(name, samples, paired.originals_of(reference))


def _check_listed(rows: Mapping[str, SampleSet], limit: int | None) -> None:
    """Unlike N is found out now where it can be, not after an hour of extraction."""
    listed = {name: samples.num_samples for name, samples in rows.items()}
    _check_equal_num({name: min(num, limit or num) for name, num in listed.items() if num is not None})


def _check_equal_num(nums: Mapping[str, int]) -> None:
    if len(set(nums.values())) > 1:
        raise ConfigurationError(
            f"rows of unlike N are not comparable ({', '.join(f'{name}: {num}' for name, num in nums.items())}); "
            f"use --limit {min(nums.values())}"
        )


def _digest_of_features(features: Features) -> str:
    return digest_of(features.pool.sum(0, dtype=torch.float64).tolist())


def _notes(rows: Mapping[str, SampleSet]) -> Iterator[str]:
    for name, samples in rows.items():
        for text in (*samples.policies, *skipped_notes(samples)):
            yield f"{name}: {text}."

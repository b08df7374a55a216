"""Scoring samples that exist already: sets of samples => Run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import torch

from aigc_bench import contact_sheet, core, plugins, precision
from aigc_bench.core import FeaturePair, Features, Metric, Score, StatisticsPair
from aigc_bench.errors import ConfigurationError, DataError, NothingMeasuredError
from aigc_bench.extraction import Place, extractor_for, features_of, skipped_notes
from aigc_bench.harness import Row, scored
from aigc_bench.inputs.samples import SampleSet
from aigc_bench.machine import environment
from aigc_bench.metrics.frechet import fd, fd_of_statistics
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

    @classmethod
    def prepare(
        cls,
        place: Place,
        protocols: Sequence[Protocol],
        metrics: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Bench:
        """Resolve the metrics' names; None: those of each protocol.

        Raises:
            UnknownNameError: no such metric.
            ConfigurationError: a metric that needs more than features, or no limit at all.
        """
        if limit is not None and limit < 1:
            raise ConfigurationError(f"expected a limit of at least 1 sample, got {limit}")
        wanted = {protocol.name: metrics or protocol.metrics or METRICS for protocol in protocols}
        found = {protocol: {name: _metric(name) for name in names} for protocol, names in wanted.items()}
        return cls(place, found, limit)


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

    def scores(self, protocols: Sequence[Protocol], bench: Bench) -> Iterator[Score]:
        """Every score that the protocols print, one forward pass for all of them."""
        bias = getattr(self.extractor, "logit_bias", None)
        sides = (self.real, self.fake) if self.real else None
        pair = sides and FeaturePair(*sides, self.extractor.name, self.extractor.digest, bias)
        cache, on_event = bench.place.cache, bench.place.on_event
        for protocol in protocols:
            for metric in bench.metrics[protocol.name].values():
                if metric is fd and self.reference.statistics is not None:
                    yield scored(fd_of_statistics, self._statistics_pair(), self.row, cache, on_event, protocol.called)
                elif pair is not None:
                    yield scored(metric, pair, self.row, cache, on_event, protocol.called)
                else:
                    yield self._without_samples(metric, protocol)

    def _statistics_pair(self) -> StatisticsPair:
        moments, extractor = self.reference.statistics, self.extractor
        assert moments is not None
        if len(moments.mean) != self.fake.pool.shape[1]:
            raise DataError(
                f"{self.reference.name} holds moments of {len(moments.mean)} features, extractor {extractor.name!r} "
                f"has {self.fake.pool.shape[1]}; choose the protocol that the file was made by"
            )
        return StatisticsPair(moments.mean, moments.cov, self.fake, extractor.name, extractor.digest)

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
        real = reference.features(group[0], bench.place)
        num_reference = real.num_samples if real else num_reference
        for name, samples in rows.items():
            found = _observed(name, samples, reference, real, group[0], bench)
            nums[name] = found.fake.num_samples
            _check_equal_num(nums)
            scores += found.scores(group, bench)
            if number == 0:
                exhibits |= contact_sheet.exhibits_of(name, samples, found.fake)
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
            notes=(*drifts, *_notes(rows), *reference.notes()),
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
        "extractor": extractor.digest,
    }
    return Observation(Row(name, None, identity), extractor, fake, real, reference)


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

"""Scoring samples that exist already: sets of samples => Run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_bench import core, plugins
from aigc_bench.core import FeaturePair, Features, Metric, Score, StatisticsPair
from aigc_bench.errors import ConfigurationError, DataError, NothingMeasuredError
from aigc_bench.extraction import Place, StoredFeatures, extractor_for, features_of, skipped_notes
from aigc_bench.harness import Row, scored
from aigc_bench.inputs.samples import SampleSet
from aigc_bench.inputs.statistics import ReferenceStatistics
from aigc_bench.machine import environment
from aigc_bench.metrics.frechet import fd, fd_of_statistics
from aigc_bench.protocols import Protocol
from aigc_bench.store import CaseRecord, DatasetRecord, Exhibits, Run, digest_of
from aigc_bench.suite import DataEntry, GeneratorEntry, Suite

METRICS = ("fd", "kd", "inception_score", "precision", "recall", "density", "coverage")
"""what is computed unless told"""
NUM_SHOWN = 64
THUMBNAIL_PX = 64
MAX_CLASSES = 100
"""a histogram of more predicted classes than that shows nothing"""


@dataclass(frozen=True, slots=True)
class Reference:
    """The real side: samples, features, published moments, or samples with published moments."""

    name: str
    samples: SampleSet | None = None
    stored: StoredFeatures | None = None
    statistics: ReferenceStatistics | None = None

    @property
    def digest(self) -> str:
        """Names the content."""
        parts = [
            self.samples.digest if self.samples else None,
            self.stored.digest if self.stored else None,
            self.statistics.digest if self.statistics else None,
        ]
        return digest_of(parts)


@dataclass(frozen=True)
class Bench:
    """What every stage needs."""

    place: Place
    metrics: Mapping[str, Metric[Any]]
    """by entry point"""
    limit: int | None = None
    """at most the first so many samples of each generated set and of the holdout"""

    @classmethod
    def prepare(cls, place: Place, metrics: Sequence[str], limit: int | None = None) -> Bench:
        """Resolve the metrics' names.

        Raises:
            UnknownNameError: no such metric.
            ConfigurationError: a metric that needs more than features, or no limit at all.
        """
        if limit is not None and limit < 1:
            raise ConfigurationError(f"expected a limit of at least 1 sample, got {limit}")
        found = {name: plugins.load("metric", name) for name in metrics}
        for name, metric in found.items():
            if not isinstance(metric, Metric) or metric.evidence is not FeaturePair:
                raise ConfigurationError(
                    f"metric {name!r} cannot be computed from samples alone; it needs a generator: use `aigc-bench run`"
                )
        return cls(place, found, limit)


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
    scores: list[Score] = []
    exhibits: Exhibits = {}
    nums: dict[str, int] = {}
    # Found out now where it can be, not after an hour of extraction.
    listed = {name: samples.num_samples for name, samples in rows.items()}
    _check_equal_num({name: min(num, bench.limit or num) for name, num in listed.items() if num is not None})
    num_reference = 0
    extractors: list[str] = []
    for number, protocol in enumerate(protocols):
        bench.place.on_event(
            {"event": "case", "name": protocol.name, "number": number, "total": len(protocols), "seed": None}
        )
        real = _real_features(protocol, reference, next(iter(fakes.values())), bench)
        num_reference = real.num_samples if real else num_reference
        for name, samples in rows.items():
            extractor = extractor_for(protocol, samples, bench.place.device)
            _check_same_extractor(extractor, reference, bench, protocol)
            fake = features_of(extractor, samples, bench.place, bench.limit)
            nums[name] = fake.num_samples
            _check_equal_num(nums)
            identity = {
                "torch": torch.__version__,
                "threads": torch.get_num_threads(),
                "device": str(bench.place.device),
                "samples": samples.digest or _digest_of_features(fake),
                "reference": reference.digest,
                "num_samples": fake.num_samples,
                "extractor": extractor.digest,
            }
            scores += _scores(Row(name, None, identity), fake, real, reference, extractor, bench)
            if number == 0:
                exhibits |= _exhibits(name, samples, fake)
        if number == 0 and real is not None and _has_few_classes(real):
            exhibits["classes/reference/-"] = _classes(real)
        extractors.append(extractor.name)
    if not any(score.estimate for score in scores):
        raise NothingMeasuredError("nothing was measured: " + "; ".join({s.reason for s in scores if s.reason}))
    suite = Suite(
        name="score",
        description=f"samples against {reference.name}",
        data=DataEntry(name=reference.name),
        features=tuple(dict.fromkeys(extractors)),
        metrics=tuple(bench.metrics),
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
            notes=tuple(_notes(rows, reference)),
        ),
        cases=tuple(
            CaseRecord(generator=name, training_seed=None, status="anchor" if name == "floor" else "ok")
            for name in rows
        ),
        scores=tuple(scores),
    )
    return run, exhibits


def _real_features(protocol: Protocol, reference: Reference, like: SampleSet, bench: Bench) -> Features | None:
    """Features of the real side; None where only its moments are published."""
    if reference.stored is not None:
        return reference.stored.features
    if reference.samples is None:
        return None
    place = bench.place
    place.on_event({"event": "case", "name": f"{protocol.name}: reference", "number": 0, "total": 1, "seed": None})
    return features_of(extractor_for(protocol, reference.samples, place.device), reference.samples, place)


def _check_same_extractor(
    extractor: core.FeatureExtractor, reference: Reference, bench: Bench, protocol: Protocol
) -> None:
    theirs = reference.stored.extractor_digest if reference.stored else None
    if reference.samples is not None:
        theirs = extractor_for(protocol, reference.samples, bench.place.device).digest
    if theirs is not None and theirs != extractor.digest:
        name = reference.stored.extractor if reference.stored else extractor.name
        raise DataError(
            f"the features of {reference.name} were made by {name!r} ({theirs[:8]}), those of the samples would be by "
            f"{extractor.name!r} ({extractor.digest[:8]}); expected one extractor: choose its protocol or make the "
            "features again"
        )


def _check_equal_num(nums: Mapping[str, int]) -> None:
    if len(set(nums.values())) > 1:
        raise ConfigurationError(
            f"rows of unlike N are not comparable ({', '.join(f'{name}: {num}' for name, num in nums.items())}); "
            f"use --limit {min(nums.values())}"
        )


def _scores(
    row: Row,
    fake: Features,
    real: Features | None,
    reference: Reference,
    extractor: core.FeatureExtractor,
    bench: Bench,
) -> Iterator[Score]:
    pair = None if real is None else FeaturePair(real, fake, extractor.name, extractor.digest)
    for metric in bench.metrics.values():
        if metric is fd and reference.statistics is not None:
            moments = reference.statistics
            if len(moments.mean) != fake.pool.shape[1]:
                raise DataError(
                    f"{reference.name} holds moments of {len(moments.mean)} features, extractor {extractor.name!r} "
                    f"has {fake.pool.shape[1]}; choose the protocol that the file was made by"
                )
            published = StatisticsPair(moments.mean, moments.cov, fake, extractor.name, extractor.digest)
            yield scored(fd_of_statistics, published, row, bench.place.cache, bench.place.on_event)
        elif pair is not None:
            yield scored(metric, pair, row, bench.place.cache, bench.place.on_event)
        else:
            yield Score(
                generator=row.name,
                training_seed=None,
                metric=metric.name.format(extractor=extractor.name),
                kind=metric.kind,
                higher_is_better=metric.higher_is_better,
                status="not available",
                reason=f"{reference.name} holds moments only; give real samples to have it",
                extractor=extractor.name,
                extractor_digest=extractor.digest,
            )


def _digest_of_features(features: Features) -> str:
    return digest_of(features.pool.double().sum(0).tolist())


def _notes(rows: Mapping[str, SampleSet], reference: Reference) -> Iterator[str]:
    for name, samples in rows.items():
        for text in (*samples.policies, *skipped_notes(samples)):
            yield f"{name}: {text}."
    if reference.samples is not None:
        for text in (*reference.samples.policies, *skipped_notes(reference.samples)):
            yield f"reference: {text}."
    if reference.stored is not None:
        for text in reference.stored.notes:
            yield f"reference: {text}."
    if reference.statistics is not None:
        yield (
            f"reference: the moments in {reference.name} ({reference.statistics.origin}) are taken to be made by the "
            "same extractor and resize as the samples' features; such files do not say."
        )


def _exhibits(name: str, samples: SampleSet, fake: Features) -> Exhibits:
    found: Exhibits = {}
    if samples.shape is not None:
        found[f"samples/{name}/-"] = _thumbnails(next(samples.batches(NUM_SHOWN)))
    if _has_few_classes(fake):
        found[f"classes/{name}/-"] = _classes(fake)
    return found


def _thumbnails(samples: Tensor) -> Tensor:
    """(N, C, H, W) uint8, scaled down where a side is longer than a thumbnail's."""
    side = max(samples.shape[2:])
    if side <= THUMBNAIL_PX:
        return samples.contiguous()
    size = [max(1, length * THUMBNAIL_PX // side) for length in samples.shape[2:]]
    small = F.interpolate(samples.float(), size=size, mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).to(torch.uint8).contiguous()


def _has_few_classes(features: Features) -> bool:
    return features.logits is not None and features.logits.shape[1] <= MAX_CLASSES


def _classes(features: Features) -> Tensor:
    assert features.logits is not None
    return torch.bincount(features.logits.argmax(1), minlength=features.logits.shape[1])

"""One row under one extractor: its features beside the real side's, and every score that can be had from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from aigc_bench import core
from aigc_bench.core import Evidence, FeaturePair, Features, Score, SpatialStatisticsPair, StatisticsPair
from aigc_bench.core.errors import DataError
from aigc_bench.core.memo import Memo
from aigc_bench.evidence import feature_files
from aigc_bench.evidence.extraction import entry_of, features_of, sources_of
from aigc_bench.evidence.extractors import Place, extractor_for
from aigc_bench.evidence.placement import together
from aigc_bench.metrics.frechet import fd
from aigc_bench.metrics.protocols import Protocol
from aigc_bench.runs.scoring.bench import Metrics
from aigc_bench.runs.scoring.reference import Reference
from aigc_bench.runs.scoring.rows import Row
from aigc_bench.runs.scoring.scores import scored, unserved


@dataclass(frozen=True, slots=True)
class Observation:
    """One extractor's view of a set of samples and of the real side."""

    row: Row
    identity: Mapping[str, Any]
    """everything that scores of the features depend on"""
    extractor: core.FeatureExtractor
    fake: Features
    real: Features | None
    reference: Reference
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)
    """of every pair that is made of this"""
    entry: str | None = None
    """where in the cache the samples' features are; None of a loader's"""

    def pair(self) -> FeaturePair | None:
        """Both sides' features; None where only moments of the real side are published.

        Raises:
            DataError: features of unlike width.
        """
        if self.real is None:
            return None
        widths = self.fake.pool.shape[1], self.real.pool.shape[1]
        if widths[0] != widths[1]:
            raise DataError(
                f"extractor {self.extractor.name!r} gives {widths[0]} features for samples of {self.row.name} and "
                f"{widths[1]} for those of {self.reference.name}; expected samples of one size and as many channels: "
                "convert one side, or use an extractor that does, such as 'inception'"
            )
        real, fake = together(self.real, self.fake)
        bias: Tensor | None = getattr(self.extractor, "logit_bias", None)
        if bias is not None:
            bias = bias.to(fake.pool.device)
        return FeaturePair(real, fake, self.extractor.name, self.extractor.digest, bias, self.memo)

    def distance(self, scores: Sequence[Score], protocol: Protocol) -> float | None:
        """The Fréchet distance among the scores, if it is there."""
        name = protocol.called(fd.name.format(extractor=self.extractor.name))
        return next((s.estimate.value for s in scores if s.metric == name and s.estimate), None)

    def scores(self, protocols: Sequence[Protocol], metrics: Metrics, place: Place) -> Iterator[Score]:
        """Every score that the protocols print, one forward pass for all of them."""
        evidence = self._evidence()
        reason = f"{self.reference.name} holds moments only; give real samples to have it"
        for protocol in protocols:
            for metric in metrics[protocol.name].values():
                # Published moments come before samples: they are of the whole real set, the samples often of a part.
                ways = [way for way in (metric.of_statistics, metric) if way and way.evidence in evidence]
                if ways:
                    found = evidence[ways[0].evidence]
                    yield scored(ways[0], found, self.row, self.identity, place, protocol.called)
                else:
                    yield unserved(self.row.name, metric, protocol, self.extractor, reason)

    def _evidence(self) -> dict[type[Evidence], Evidence]:
        """Whatever there is to compute metrics from, by its type."""
        name, digest, moments = self.extractor.name, self.extractor.digest, self.reference.statistics
        found: dict[type[Evidence], Evidence] = {}
        if (pair := self.pair()) is not None:
            found[FeaturePair] = pair
        if moments is not None:
            self._check_width(moments.mean, self.fake.pool)
            mean, cov = (part.to(self.fake.pool.device) for part in (moments.mean, moments.cov))
            found[StatisticsPair] = StatisticsPair(mean, cov, self.fake, name, digest)
        if moments is not None and moments.spatial_mean is not None and moments.spatial_cov is not None:
            if self.fake.spatial is not None:
                self._check_width(moments.spatial_mean, self.fake.spatial)
            mean, cov = (part.to(self.fake.pool.device) for part in (moments.spatial_mean, moments.spatial_cov))
            found[SpatialStatisticsPair] = SpatialStatisticsPair(mean, cov, self.fake, name, digest)
        return found

    def _check_width(self, mean: Tensor, features: Tensor) -> None:
        if len(mean) != features.shape[1]:
            raise DataError(
                f"{self.reference.name} holds moments of {len(mean)} features, extractor {self.extractor.name!r} "
                f"has {features.shape[1]}; choose the protocol that the file was made by"
            )


def observed(row: Row, reference: Reference, real: Features | None, protocol: Protocol, place: Place) -> Observation:
    """See the samples of a row.

    Raises:
        ConfigurationError: the extractor does not take such samples.
        DataError: samples that cannot be read, or a real side of another extractor.
        BenchmarkFailedError: samples that cannot be drawn, or features that are undefined.
    """
    samples = row.samples
    extractor = extractor_for(protocol, samples, place)
    reference.check_samples(extractor, row.name, samples)
    reference.check_extractor(extractor, protocol, place)
    entry = entry_of(extractor, samples, place)
    fake = features_of(extractor, samples, place)
    identity = {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "device": str(place.device),
        "samples": samples.digest or feature_files.digest_of(fake),
        "reference": reference.digest,
        "num_samples": fake.num_samples,
        "num_reference": real.num_samples if real else None,
        "extractor": extractor.digest,
        "extractor_source": sources_of(extractor),
    }
    return Observation(row, identity, extractor, fake, real, reference, entry=entry)

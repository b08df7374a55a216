"""The Fréchet distance class by class, and its mean: intra-class FID (Miyato and Koyama, arXiv 1802.05637).

A generator that mixes classes up, or that is good at some of them only, can have a low distance over all samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from aigc_bench.core import Estimate, FeaturePair, Features, Score
from aigc_bench.core.errors import ConfigurationError, DataError
from aigc_bench.core.memo import Memo
from aigc_bench.evidence.extractors import Place
from aigc_bench.generators.generated import GeneratedSamples
from aigc_bench.metrics.frechet import fd
from aigc_bench.metrics.protocols import Protocol
from aigc_bench.runs.scoring.observation import Observation
from aigc_bench.runs.scoring.reference import Reference
from aigc_bench.runs.scoring.scores import scored
from aigc_bench.samples.sets import SampleSet
from aigc_bench.stats import intervals
from aigc_bench.system.cache import digest_of

MIN_SAMPLES = 2 * intervals.NUM_BLOCKS
"""of a class on each side: what the distance's error bar needs"""
NAMES_IN_MESSAGES = 5


@dataclass(frozen=True, slots=True)
class Classes:
    """Which rows belong to which class."""

    rows: Mapping[str, Tensor]
    """class => (n,) int64, in the order of the names"""

    @classmethod
    def of(cls, labels: Sequence[str]) -> Classes:
        """A class per sample => rows per class."""
        found: dict[str, list[int]] = {name: [] for name in sorted(set(labels), key=_natural)}
        for row, name in enumerate(labels):
            found[name].append(row)
        return cls({name: torch.tensor(rows) for name, rows in found.items()})

    def text(self) -> str:
        """A few of the names, for messages."""
        more = f" and {len(self.rows) - NAMES_IN_MESSAGES} more" if len(self.rows) > NAMES_IN_MESSAGES else ""
        return ", ".join(list(self.rows)[:NAMES_IN_MESSAGES]) + more


def _natural(name: str) -> tuple[int, str]:
    """A sort key by which class 2 comes before class 10."""
    return (len(name) if name.isdecimal() else 0, name)


def check_labelled(name: str, samples: SampleSet | None) -> None:
    """Refuse a set without classes, as far as that is known before it is read.

    Raises:
        ConfigurationError: it has none.
        DataError: labels that are none.
    """
    # What is drawn never has any; whether a data set or loader has is known once it was read.
    if samples is None or isinstance(samples, GeneratedSamples) or samples.digest is not None:
        labels_of(name, samples)


def labels_of(name: str, samples: SampleSet | None) -> tuple[str, ...]:
    """The class of every sample.

    Raises:
        ConfigurationError: it has none.
        DataError: labels that are none.
    """
    labels = samples.labels if samples else None
    if labels is None:
        raise ConfigurationError(
            f"--per-class needs the class of every sample, and {name} has none; expected images in a folder per class, "
            "integers in arr_1 of an npz, or (image, label) items of a data set"
        )
    return labels


def classes_of(reference: Reference, name: str, samples: SampleSet, pair: FeaturePair) -> tuple[Classes, Classes]:
    """Rows per class of both sides' features.

    Raises:
        ConfigurationError: a side has no classes, or no class is on both.
        DataError: labels that are not those of the features.
    """
    real = Classes.of(_labels_of_all(pair.real.num_samples, reference.name, reference.samples))
    fake = Classes.of(_labels_of_all(pair.fake.num_samples, name, samples))
    if not real.rows.keys() & fake.rows.keys():
        raise ConfigurationError(
            f"no class of {name} ({fake.text()}) is one of {reference.name} ({real.text()}); expected the same names "
            "on both sides"
        )
    return real, fake


def _labels_of_all(num: int, name: str, samples: SampleSet | None) -> tuple[str, ...]:
    """The classes of all `num` samples."""
    labels = labels_of(name, samples)
    if len(labels) != num:
        raise DataError(
            f"{name} has {len(labels)} classes of samples and features of {num}; expected a class for each: which "
            "samples were skipped is not known, or the set changed while it was read"
        )
    return labels


def left_out(name: str, real: Classes, fake: Classes) -> Iterator[str]:
    """A sentence where a class is on one side only."""
    for side, names in (
        ("of the real side alone", real.rows.keys() - fake.rows.keys()),
        ("of the generated side alone", fake.rows.keys() - real.rows.keys()),
    ):
        if names:
            yield f"{name}: classes {side} have no score: {Classes.of(list(names)).text()}."


def scores(
    seen: Observation,
    pair: FeaturePair,
    classes: tuple[Classes, Classes],
    protocols: Sequence[Protocol],
    place: Place,
) -> Iterator[Score]:
    """Under every protocol with a Fréchet distance that of each class on both sides, then their mean."""
    real, fake = classes
    for protocol in protocols:
        if protocol.metrics and "fd" not in protocol.metrics:
            continue
        found = [
            replace(_class_score(seen, pair, (real.rows[name], rows), name, protocol, place), class_name=name)
            for name, rows in fake.rows.items()
            if name in real.rows
        ]
        yield from found
        yield _mean(found)


def _class_score(
    seen: Observation, pair: FeaturePair, rows: tuple[Tensor, Tensor], name: str, protocol: Protocol, place: Place
) -> Score:
    real, fake = rows
    if min(len(real), len(fake)) < MIN_SAMPLES:
        return Score(
            generator=seen.row.name,
            training_seed=None,
            metric=protocol.called(fd.name.format(**pair.labels)),
            kind=fd.kind,
            higher_is_better=fd.higher_is_better,
            status="not available",
            reason=f"{len(fake)} generated and {len(real)} real samples of class {name}; {MIN_SAMPLES} of each needed",
            extractor=pair.extractor,
            extractor_digest=pair.extractor_digest,
        )
    part = replace(pair, real=Features(pair.real.pool[real]), fake=Features(pair.fake.pool[fake]), memo=Memo())
    identity = {**seen.identity, "rows": digest_of([real.tolist(), fake.tolist()])}
    return scored(fd, part, seen.row, identity, place, protocol.called)


def _mean(scores: Sequence[Score]) -> Score:
    """Over the classes that have a distance, whose samples are independent."""
    estimates = [score.estimate for score in scores if score.estimate]
    whole = replace(scores[0], metric=f"intra_{scores[0].metric}", class_name=None)
    if not estimates:
        reason = f"no class has {MIN_SAMPLES} samples on each side"
        return replace(whole, estimate=None, status="not available", reason=reason)
    num = len(estimates)
    squares = [(estimate.standard_error or 0.0) ** 2 for estimate in estimates]
    # Welch 1947 and Satterthwaite 1946: degrees of freedom of a sum of variances with as many as a jackknife has.
    spread = sum(square**2 for square in squares)
    degrees = (intervals.NUM_BLOCKS - 1) * (sum(squares) ** 2 / spread if spread else 1.0)
    mean: Estimate = intervals.symmetric(
        math.fsum(estimate.value for estimate in estimates) / num,
        math.sqrt(sum(squares)) / num,
        degrees,
        method=f"from the standard errors of {num} classes; Welch-Satterthwaite degrees of freedom",
        estimand=f"mean over {num} of {len(scores)} classes of the expected score at their N, reference fixed",
        num_samples=sum(estimate.num_samples for estimate in estimates),
        # Without a block of every class at once.
        replicates=[math.fsum(b) / num for b in zip(*(one.replicates for one in estimates), strict=True)],
        replicates_of="block left out",
        support=(0.0, math.inf),
    )
    return replace(whole, estimate=mean, status="ok", reason=None)

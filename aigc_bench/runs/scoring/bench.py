"""What every row is scored by: the real side, protocols with their metrics, and what else is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aigc_bench.core import FeaturePair, Metric, plugins
from aigc_bench.core.errors import ConfigurationError
from aigc_bench.evidence.extractors import Place
from aigc_bench.metrics.protocols import Protocol
from aigc_bench.runs.scoring.observing import COLLECTORS, Observer
from aigc_bench.runs.scoring.reference import Reference
from aigc_bench.samples.sets import SampleSet

METRICS = ("fd", "kd", "inception_score", "precision", "recall", "density", "coverage", "duplicates")
"""what is computed of samples unless the protocol or the caller says otherwise"""

Metrics = Mapping[str, Mapping[str, Metric[Any]]]
"""metrics of features, by protocol, and there by entry point"""


@dataclass(frozen=True)
class Bench:
    """What every row is scored by."""

    place: Place
    reference: Reference
    protocols: tuple[Protocol, ...]
    metrics: Metrics
    generator_metrics: tuple[Metric[Any], ...] = ()
    """those of other evidence than features: of rows that have a generator"""
    observer: Observer | None = None
    """None where `generator_metrics` are none"""
    training: SampleSet | None = None
    """what the generators were trained on: their samples' nearest neighbours are shown; None: those of the real side"""
    per_class: bool = False
    """the Fréchet distance of every class, too"""
    pairs: Mapping[str, str] | None = None
    """row => how its reconstructions were matched with the real samples; None: they are no reconstructions"""


def metrics_of_samples(protocols: Sequence[Protocol], names: Sequence[str] | None = None) -> Metrics:
    """Resolve the names of metrics that samples alone can have; None: those of each protocol.

    Raises:
        UnknownNameError: no such metric.
        ConfigurationError: a metric that needs more than features, or none that any of the protocols prints.
    """
    alone = len(protocols) == 1
    metrics = {
        protocol.name: {name: _metric_of_features(name) for name in _names(protocol, names, alone)}
        for protocol in protocols
    }
    if not any(metrics.values()):
        raise ConfigurationError(
            f"none of {', '.join(protocol.name for protocol in protocols)} prints {', '.join(names or ())}; "
            "expected a metric that one of these codes has, or --protocol tf, which takes all"
        )
    return metrics


def metrics_of_suite(protocols: Sequence[Protocol], names: Sequence[str]) -> tuple[Metrics, tuple[Metric[Any], ...]]:
    """Resolve the metrics of a suite: those of features, under every protocol, and those of a generator.

    Raises:
        UnknownNameError: no such metric.
        ConfigurationError: what is registered is no metric, or wants evidence that nothing collects.
    """
    metrics = {name: _metric(name) for name in names}
    of_features = {name: metric for name, metric in metrics.items() if metric.evidence is FeaturePair}
    others = tuple(metric for metric in metrics.values() if metric.evidence is not FeaturePair)
    return {protocol.name: of_features for protocol in protocols}, others


def _names(protocol: Protocol, metrics: Sequence[str] | None, alone: bool) -> list[str]:
    """What a protocol is asked for: where several are compared, only what its code prints."""
    names = [protocol.variant(name) for name in metrics or protocol.metrics or METRICS]
    return [name for name in names if alone or not protocol.metrics or name in protocol.metrics]


def _metric_of_features(name: str) -> Metric[Any]:
    metric = plugins.load("metric", name)
    if not isinstance(metric, Metric) or metric.evidence is not FeaturePair:
        raise ConfigurationError(
            f"metric {name!r} cannot be computed from samples alone; it needs a generator: use `aigc-bench run`"
        )
    return metric


def _metric(name: str) -> Metric[Any]:
    metric = plugins.load("metric", name)
    if not isinstance(metric, Metric):
        raise ConfigurationError(f"metric {name!r} is a {type(metric).__name__}; expected aigc_bench.core.Metric")
    if metric.evidence is not FeaturePair and metric.evidence not in COLLECTORS:
        kinds = ", ".join([FeaturePair.__name__, *(kind.__name__ for kind in COLLECTORS)])
        raise ConfigurationError(f"metric {name!r} wants {metric.evidence}; evidence that is collected: {kinds}")
    return metric

"""Scoring samples that exist, and keeping the features of real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aigc_bench.api.options import Options, place_of
from aigc_bench.core import OnEvent
from aigc_bench.core.errors import ConfigurationError
from aigc_bench.core.suites import ANCHORS
from aigc_bench.core.wording import printable
from aigc_bench.evidence import stored_features
from aigc_bench.metrics import protocols as published
from aigc_bench.metrics.protocols import Protocol
from aigc_bench.modalities.modality import claiming
from aigc_bench.report.run.page import write_report
from aigc_bench.runs.records import Run
from aigc_bench.runs.scoring import sets
from aigc_bench.runs.scoring.bench import Bench, Metrics, metrics_of_samples
from aigc_bench.runs.scoring.reduced_precision import drifts
from aigc_bench.runs.scoring.reference import Reference
from aigc_bench.runs.scoring.sources import FakeSource, Sources
from aigc_bench.runs.store import Store
from aigc_bench.samples.sets import OnBadImage, Source

RESERVED = {*ANCHORS, "reference"}
"""names that rows and exhibits have of their own"""


@dataclass(frozen=True, slots=True)
class Scoring:
    """How `score` scores: its keyword arguments."""

    protocols: Sequence[str] = ()
    """of `aigc_bench.metrics.protocols`, or "all"; "tf" where neither protocols nor features are named"""
    features: Sequence[str] = ()
    """extractors by entry point, or as pkg.module:build"""
    metrics: Sequence[str] | None = None
    """entry points of metrics that need features alone; None: those that each protocol prints"""
    limit: int | None = None
    """so many samples of each row: a random subset, always the same; of a loader the first"""
    per_class: bool = False
    """the Fréchet distance of every class, too; both sides say which sample is of which"""
    paired: bool = False
    """sample i is a reconstruction of real sample i: MSE, PSNR and SSIM, too, and `fid` is called `rfid`"""
    precision: str = "fp32"
    """of the extractor's network, where it has that option: "tf32" (on a GPU), "fp16" or "bf16" for speed. What that
    changes is measured on the first images and noted, and no score is then called a FID"""
    on_bad_image: OnBadImage = "error"
    """ "skip" leaves unreadable images out, counted and listed"""

    def __post_init__(self) -> None:
        """One name alone may be given as a text."""
        for name in ("protocols", "features", "metrics"):
            if isinstance(value := getattr(self, name), str):
                object.__setattr__(self, name, (value,))

    def check(self, holdout: Source | None) -> None:
        """Refuse what contradicts itself, before anything is opened.

        Raises:
            ConfigurationError: it does.
        """
        if self.limit is not None and self.limit < 1:
            raise ConfigurationError(f"expected a limit of at least 1 sample, got {self.limit}")
        if self.paired and holdout is not None:
            raise ConfigurationError("held-out samples are no reconstructions: --holdout has no place beside --paired")
        if self.paired and self.on_bad_image == "skip":
            raise ConfigurationError("skipped samples would shift the pairs: --on-bad-image skip excludes --paired")

    def wanted(self, real: Source) -> tuple[tuple[Protocol, ...], Metrics]:
        """The protocols that have a metric to compute, and their metrics; by default those of the real side's modality.

        Raises:
            UnknownNameError: no such protocol, extractor or metric.
            ConfigurationError: none of the protocols prints any of the metrics.
        """
        modality = claiming(real)
        features = self.features or (() if self.protocols else modality.features)
        selected = published.selected(self.protocols, features, self.precision)
        protocols = [replace(protocol, paired=self.paired) for protocol in selected]
        by_protocol = metrics_of_samples(protocols, modality.metrics if self.metrics is None else self.metrics)
        return tuple(protocol for protocol in protocols if by_protocol[protocol.name]), by_protocol


def score(
    fake: FakeSource | Mapping[str, FakeSource],
    real: Source,
    *,
    holdout: Source | None = None,
    protocols: Sequence[str] = (),
    features: Sequence[str] = (),
    metrics: Sequence[str] | None = None,
    limit: int | None = None,
    per_class: bool = False,
    paired: bool = False,
    precision: str = "fp32",
    on_bad_image: OnBadImage = "error",
    options: Options | None = None,
    on_event: OnEvent = lambda event: None,
    command: str | None = None,
) -> tuple[Run, Path]:
    """Score samples against real ones; the run and the folder that holds run.json, report.html and figures/.

    `fake` are samples, a generator, a function of seeds (see `FakeSource`), or several of these by name: a row each.
    `real` are samples, what `save_features` wrote, or an npz file of published moments. `holdout` are further real
    samples: the floor row, which no model can be expected to beat. `protocols` to `on_bad_image` are the fields of
    `Scoring`; `options` say store, device and threads, and `command` what the run's record says repeats it.

    Raises:
        AigcBenchError: see `aigc_bench.core.errors`.
    """
    how = Scoring(protocols, features, metrics, limit, per_class, paired, precision, on_bad_image)
    return scored(fake, real, holdout, how, options or Options(), on_event, command or "aigc_bench.score(…)")


def scored(
    fake: FakeSource | Mapping[str, FakeSource],
    real: Source,
    holdout: Source | None,
    how: Scoring,
    options: Options,
    on_event: OnEvent,
    command: str,
) -> tuple[Run, Path]:
    """See `score`."""
    how.check(holdout)
    protocols, metrics = how.wanted(real)
    place = place_of(options, on_event)
    fakes = fake if isinstance(fake, Mapping) else {"samples": fake}
    if not fakes or not all(isinstance(name, str) and name for name in fakes):
        raise ConfigurationError(f"expected samples by the name of their row, a text, got {list(fakes)!r}")
    if RESERVED & fakes.keys():
        raise ConfigurationError(
            "'floor' and 'noise' name the anchor rows and 'reference' the real side; give the samples another name"
        )
    with Sources(how.on_bad_image, place, how.limit) as sources:
        reference = Reference.opened(real, sources.samples)
        bench = Bench(place, reference, protocols, metrics, per_class=how.per_class, pairs={} if how.paired else None)
        run, exhibits = sets.score_sets(
            {name: sources.fake(source, reference) for name, source in fakes.items()},
            None if holdout is None else sources.samples(holdout),
            bench,
            how.limit,
            command,
        )
    folder = Store(options.store).write(run, exhibits)
    write_report(run, exhibits, folder)
    return run, folder


def save_features(
    real: Source,
    output: str | Path,
    *,
    protocol: str | None = None,
    features: str | None = None,
    precision: str = "fp32",
    on_bad_image: OnBadImage = "error",
    options: Options | None = None,
    on_event: OnEvent = lambda event: None,
) -> stored_features.StoredFeatures:
    """Extract the features of real samples once, into a file that `score` takes as its real side.

    Raises:
        AigcBenchError: see `aigc_bench.core.errors`.
    """
    options, output = options or Options(), Path(output)
    wanted = published.selected([protocol] if protocol else [], [features] if features else [], precision)
    if len(wanted) != 1:
        raise ConfigurationError(f"expected one extractor per file, got {', '.join(one.name for one in wanted)}")
    if output.suffix != ".safetensors":
        raise ConfigurationError(f"expected an output that ends in .safetensors, got {str(output)!r}")
    place = place_of(options, on_event)
    with claiming(real).open(real, on_bad_image=on_bad_image) as samples:
        notes = list(drifts(samples.name, samples, Reference(samples.name), wanted[0], place))
        return stored_features.write_features(output, samples, wanted[0], place, notes)


def by_name(paths: Sequence[str]) -> dict[str, str]:
    """Paths under the names of their rows: the last part, or as much of the path as tells them apart.

    Raises:
        ConfigurationError: one is given twice.
    """
    if len(set(paths)) < len(paths):
        raise ConfigurationError(f"expected every set of samples once, got {', '.join(paths)}")
    names = [printable(Path(path).name or path) for path in paths]  # "." has no last part
    if len(set(names)) < len(names) or RESERVED & set(names):
        names = [f"./{path}" if path in RESERVED else path for path in paths]
    return dict(zip(names, paths, strict=True))

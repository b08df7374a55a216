"""Scoring samples that exist, and keeping the features of real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from aigc_bench.api.options import Options, place_of
from aigc_bench.core import OnEvent
from aigc_bench.core.errors import ConfigurationError
from aigc_bench.evidence import extraction
from aigc_bench.metrics import protocols as published
from aigc_bench.modalities.modality import claiming
from aigc_bench.report.run.page import write_report
from aigc_bench.report.run.tables import ANCHORS
from aigc_bench.runs.records import Run
from aigc_bench.runs.scoring import sets
from aigc_bench.runs.scoring.bench import Bench, metrics_of_samples
from aigc_bench.runs.scoring.reduced_precision import drifts
from aigc_bench.runs.scoring.reference import Reference
from aigc_bench.runs.scoring.sources import FakeSource, Sources
from aigc_bench.runs.store import Store
from aigc_bench.samples.sets import OnBadImage, Source

RESERVED = {*ANCHORS, "reference"}
"""names that rows and exhibits have of their own"""


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

    Args:
        fake: a path, array, tensor, data set or loader of images (see
            `aigc_bench.modalities.image.opening.open_samples`); a generator, by entry point or as "pkg.module:build";
            a function of seeds (N,) int64 that returns samples (N, C, H, W) uint8; or several of these by name: a row
            each.
        real: the same, or what `save_features` wrote, or an npz file of published moments.
        holdout: further real samples: the floor row, which no model can be expected to beat.
        protocols: of `aigc_bench.metrics.protocols`, or "all"; "tf" where neither protocols nor features are named.
        features: extractors by entry point or "pkg.module:build".
        metrics: entry points of metrics that need features alone; None: those that each protocol prints.
        limit: only the first so many samples of each row.
        per_class: the Fréchet distance of every class, too; both sides say which sample is of which.
        paired: sample i is a reconstruction of real sample i: MSE, PSNR and SSIM, too, and `fid` is called `rfid`.
        precision: "bf16" runs the extractor's network in bfloat16 where it has that option. What it changes is measured
            on the first images and noted, and no score is then called a FID.
        on_bad_image: "skip" leaves unreadable images out, counted and listed.
        options: store, device, threads.
        on_event: hears of progress.
        command: what the run's record says repeats it.

    Raises:
        AigcBenchError: see `aigc_bench.core.errors`.
    """
    options = options or Options()
    wanted = [replace(one, paired=paired) for one in published.selected(protocols, features, precision)]
    place = place_of(options, on_event)
    if limit is not None and limit < 1:
        raise ConfigurationError(f"expected a limit of at least 1 sample, got {limit}")
    by_protocol = metrics_of_samples(wanted, metrics)
    wanted = [protocol for protocol in wanted if by_protocol[protocol.name]]
    if paired:
        _check_paired(holdout, on_bad_image)
    fakes = fake if isinstance(fake, Mapping) else {"samples": fake}
    if RESERVED & fakes.keys():
        raise ConfigurationError(
            "'floor' and 'noise' name the anchor rows and 'reference' the real side; give the samples another name"
        )
    with Sources(on_bad_image, place, limit) as sources:
        reference = Reference.opened(real, sources.samples)
        bench = Bench(place, reference, tuple(wanted), by_protocol, limit=limit, per_class=per_class, paired=paired)
        found, exhibits = sets.score_sets(
            {name: sources.fake(source, reference) for name, source in fakes.items()},
            None if holdout is None else sources.samples(holdout),
            bench,
            command or "aigc_bench.score(…)",
        )
    folder = Store(options.store).write(found, exhibits)
    write_report(found, exhibits, folder)
    return found, folder


def _check_paired(holdout: Source | None, on_bad_image: OnBadImage) -> None:
    if holdout is not None:
        raise ConfigurationError("held-out images are no reconstructions: --holdout has no place beside --paired")
    if on_bad_image == "skip":
        raise ConfigurationError("skipped images would shift the pairs: --on-bad-image skip excludes --paired")


def save_features(
    real: Source,
    output: Path,
    *,
    protocol: str | None = None,
    features: str | None = None,
    precision: str = "fp32",
    on_bad_image: OnBadImage = "error",
    options: Options | None = None,
    on_event: OnEvent = lambda event: None,
) -> extraction.StoredFeatures:
    """Extract the features of real samples once, into a file that `score` takes as its real side.

    Raises:
        AigcBenchError: see `aigc_bench.core.errors`.
    """
    options = options or Options()
    wanted = published.selected([protocol] if protocol else [], [features] if features else [], precision)
    if len(wanted) != 1:
        raise ConfigurationError(f"expected one extractor per file, got {', '.join(one.name for one in wanted)}")
    if output.suffix != ".safetensors":
        raise ConfigurationError(f"expected an output that ends in .safetensors, got {str(output)!r}")
    place = place_of(options, on_event)
    with claiming(real).open(real, on_bad_image=on_bad_image) as samples:
        notes = list(drifts(samples.name, samples, Reference(samples.name), wanted[0], place))
        return extraction.write_features(output, samples, wanted[0], place, notes)


def by_name(paths: Sequence[str]) -> dict[str, str]:
    """Paths under the names of their rows: the last part, or as much of the path as tells them apart.

    Raises:
        ConfigurationError: one is given twice.
    """
    if len(set(paths)) < len(paths):
        raise ConfigurationError(f"expected every set of samples once, got {', '.join(paths)}")
    names = [Path(path).name or path for path in paths]  # "." has no last part
    if len(set(names)) < len(names) or RESERVED & set(names):
        names = [f"./{path}" if path in RESERVED else path for path in paths]
    return dict(zip(names, paths, strict=True))

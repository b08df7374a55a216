"""`score` and `stats`: samples that exist already, and `selftest`: numbers that are known."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from aigc_bench.cli.application import (
    DataOption,
    DeviceOption,
    JsonOption,
    QuietOption,
    StoreOption,
    ThreadsOption,
    WeightsOption,
    app,
    command_line,
    print_tables,
    reported,
    stderr,
    use_weights,
)
from aigc_bench.core.errors import ConfigurationError

ProtocolOption = Annotated[
    list[str] | None,
    typer.Option(
        "--protocol",
        help="tf, torch-fidelity, pytorch-fid, clean, adm, improved-gan, studiogan, all; repeatable. Without: tf.",
    ),
]
FeaturesOption = Annotated[
    list[str] | None, typer.Option("--features", help="An extractor instead: its name or pkg.module:build.")
]
PrecisionOption = Annotated[
    str,
    typer.Option(
        "--precision", envvar="AIGC_BENCH_PRECISION", help="Of the extractor's network: fp32, or bf16: faster, no FID."
    ),
]
BadImageOption = Annotated[str, typer.Option("--on-bad-image", help="error, or skip: left out, counted and listed.")]


@app.command(no_args_is_help=True)
@reported
def score(
    fake: Annotated[
        list[str],
        typer.Argument(help="Folder, zip, tar, npz or npy of images; or a generator: its name or pkg.module:build."),
    ],
    real: Annotated[str, typer.Option("--real", help="The same of real images, or what `stats` wrote, or moments.")],
    holdout: Annotated[str | None, typer.Option(help="Further real images: the floor row.")] = None,
    protocol: ProtocolOption = None,
    features: FeaturesOption = None,
    metrics: Annotated[str | None, typer.Option(help="Comma-separated; see `list`.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most the first so many samples per row.")] = None,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="FID of every class, too: of folders, arr_1 of an npz, or labels.")
    ] = False,
    paired: Annotated[
        bool, typer.Option("--paired", help="FAKE holds reconstructions of REAL, in its order: rFID, MSE, PSNR, SSIM.")
    ] = False,
    precision: PrecisionOption = "fp32",
    on_bad_image: BadImageOption = "error",
    weights: WeightsOption = None,
    store: StoreOption = Path("runs"),
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the run's JSON here, too.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report here, too.")] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Score samples that exist already against real ones, with error bars."""
    from aigc_bench.api import running as api
    from aigc_bench.cli import progress

    sys.path.insert(0, os.getcwd())  # so that a generator or --features is found in the working directory
    use_weights(weights)
    with progress.shown(stderr(), quiet=quiet) as on_event:
        found, folder = api.score(
            api.by_name(fake),
            real,
            holdout=holdout,
            protocols=protocol or (),
            features=features or (),
            metrics=metrics.split(",") if metrics else None,
            limit=limit,
            per_class=per_class,
            paired=paired,
            precision=precision,
            on_bad_image=_on_bad_image(on_bad_image),
            options=api.Options(store, device, threads),
            on_event=on_event,
            command=command_line(),
        )
    if output is not None:
        api.write_json(found, output)
    if html is not None:
        api.copy_report(folder, html)
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        print_tables(found)
        print(f"Report: {folder / 'report.html'}")
    api.check_complete(found)


@app.command(no_args_is_help=True)
@reported
def stats(
    real: Annotated[str, typer.Argument(help="Folder, zip, tar, npz or npy of real images.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A .safetensors file, for `score --real`.")],
    protocol: Annotated[str | None, typer.Option(help="As of `score`, but all. Without: tf.")] = None,
    features: Annotated[str | None, typer.Option(help="An extractor instead.")] = None,
    precision: PrecisionOption = "fp32",
    on_bad_image: BadImageOption = "error",
    weights: WeightsOption = None,
    store: StoreOption = Path("runs"),
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Extract the features of real images once, for every later `score`."""
    from aigc_bench.api import running as api
    from aigc_bench.cli import progress

    sys.path.insert(0, os.getcwd())
    use_weights(weights)
    with progress.shown(stderr(), quiet=quiet) as on_event:
        found = api.save_stats(
            real,
            output,
            protocol=protocol,
            features=features,
            precision=precision,
            on_bad_image=_on_bad_image(on_bad_image),
            options=api.Options(store, device, threads),
            on_event=on_event,
        )
    num, width = found.features.pool.shape
    print(f"{output}: {num} × {width} features by {found.extractor} ({found.extractor_digest[:8]})")


def _on_bad_image(text: str) -> Any:
    if text not in ("error", "skip"):
        raise ConfigurationError(f"expected --on-bad-image error or skip, got {text!r}")
    return text


@app.command()
@reported
def selftest(
    weights: WeightsOption = None,
    data_dir: DataOption = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch weights and data, checksum-verified.")] = False,
    store: StoreOption = Path("runs"),
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compute numbers that are known anew, and say which come out wrong here.

    Published scores of CIFAR-10 are among them where Inception's weights and the data are: 65,000 images.
    """
    from aigc_bench.api import running as api
    from aigc_bench.cli import progress
    from aigc_bench.report.run.terminal import selftest_table
    from aigc_bench.selftest.rows import check_passed

    use_weights(weights)
    with progress.shown(stderr(), quiet=quiet) as on_event:
        found = api.selftest(api.Options(store, device, threads, data_dir, download), on_event=on_event)
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        Console().print(selftest_table(found))
    check_passed(found)

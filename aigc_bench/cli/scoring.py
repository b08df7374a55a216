"""`score` and `extract`: samples that exist already, and `selftest`: numbers that are known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aigc_bench.cli import completion
from aigc_bench.cli.application import (
    DataOption,
    DeviceOption,
    JsonOption,
    QuietOption,
    StoreOption,
    ThreadsOption,
    WeightsOption,
    acts,
    app,
)

ProtocolOption = Annotated[
    list[str] | None,
    typer.Option(
        "--protocol",
        help="tf, torch-fidelity, pytorch-fid, clean, adm, improved-gan, studiogan, all; repeatable. Without: tf.",
        autocompletion=completion.one_of(completion.PROTOCOLS),
    ),
]


FeaturesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--features",
        help="An extractor instead: its name or pkg.module:build.",
        autocompletion=completion.plugin("features"),
    ),
]


PrecisionOption = Annotated[
    str,
    typer.Option(
        "--precision",
        envvar="AIGC_BENCH_PRECISION",
        help="Arithmetic of the extractor: fp32; or tf32 (on a GPU), fp16, bf16: faster, and never called FID.",
        autocompletion=completion.one_of(completion.PRECISIONS),
    ),
]


DownloadOption = Annotated[
    bool, typer.Option("--download", help="Fetch Inception's published weights if they are missing: 91 MB, verified.")
]


BadImageOption = Annotated[
    str,
    typer.Option(
        "--on-bad-image",
        help="error, or skip: left out, counted and listed.",
        autocompletion=completion.one_of(completion.BAD_IMAGES),
    ),
]


FakeArgument = Annotated[
    list[str],
    typer.Argument(
        help="Folder, zip, tar, npz or npy of samples; or a generator: its name or pkg.module:build.",
        autocompletion=completion.samples,
    ),
]
RealOption = Annotated[
    str,
    typer.Option(
        "--real", help="Real samples in the same forms, a file of `extract`, or an npz with published moments."
    ),
]
HoldoutOption = Annotated[
    str | None,
    typer.Option(
        help="Further real samples. They are scored as the row floor: the best that any model can do at this N."
    ),
]
MetricsOption = Annotated[
    str | None,
    typer.Option(help="Names of metrics, comma-separated; see `list`.", autocompletion=completion.metrics),
]
LimitOption = Annotated[
    int | None, typer.Option(help="Use this many samples of every row: a random part, always the same.")
]
PerClassOption = Annotated[
    bool,
    typer.Option(
        "--per-class",
        help="Also the Fréchet distance of every class; classes are folders, arr_1 of an npz, or labels.",
    ),
]
PairedOption = Annotated[
    bool,
    typer.Option(
        "--paired",
        help="FAKE holds reconstructions of REAL, matched by names or numbers of files, or by order: also rFID, MSE, "
        "PSNR and SSIM.",
    ),
]
OutputOption = Annotated[Path | None, typer.Option("-o", "--output", help="Write the run as JSON to this file, too.")]
HtmlOption = Annotated[Path | None, typer.Option("--html", help="Write the report to this file, too.")]


@app.command(no_args_is_help=True)
@acts("aigc_bench.cli.actions.scoring:Score")
def score(
    fake: FakeArgument,
    real: RealOption,
    holdout: HoldoutOption = None,
    protocol: ProtocolOption = None,
    features: FeaturesOption = None,
    metrics: MetricsOption = None,
    limit: LimitOption = None,
    per_class: PerClassOption = False,
    paired: PairedOption = False,
    precision: PrecisionOption = "fp32",
    on_bad_image: BadImageOption = "error",
    weights: WeightsOption = None,
    download: DownloadOption = False,
    store: StoreOption = Path("runs"),
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    output: OutputOption = None,
    html: HtmlOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Score samples that exist already against real ones, with error bars."""


@app.command(no_args_is_help=True)
@acts("aigc_bench.cli.actions.scoring:extract")
def extract(
    real: Annotated[str, typer.Argument(help="Folder, zip, tar, npz or npy of real samples.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A .safetensors file, for `score --real`.")],
    protocol: Annotated[
        str | None, typer.Option(help="The code whose features are kept, as in `score`; not all. Default: tf.")
    ] = None,
    features: Annotated[
        str | None, typer.Option(help="An extractor instead of a protocol: its name or pkg.module:build.")
    ] = None,
    precision: PrecisionOption = "fp32",
    on_bad_image: BadImageOption = "error",
    weights: WeightsOption = None,
    download: DownloadOption = False,
    store: StoreOption = Path("runs"),
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Extract the features of real images once, into a file that `score --real` reads."""


@app.command()
@acts("aigc_bench.cli.actions.scoring:selftest")
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

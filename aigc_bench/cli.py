"""Words in, words out, exit codes.

Results go to stdout; progress and messages to stderr. Heavy imports stand inside the commands that need them, so
that `--help` answers at once.
"""

from __future__ import annotations

import functools
import json
import os
import shlex
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer
from rich.console import Console

from aigc_bench.errors import (
    AigcBenchError,
    ConfigurationError,
    IncompleteRunError,
    InterruptedRunError,
    RegressionError,
)

if TYPE_CHECKING:
    from aigc_bench.store import Run

app = typer.Typer(
    name="aigc-bench",
    help="Scores generative models, with error bars, and guards them against getting worse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cache_app = typer.Typer(help="What finished stages left behind, for the next run.", no_args_is_help=True)
app.add_typer(cache_app, name="cache")

P = ParamSpec("P")

StoreOption = Annotated[
    Path, typer.Option("--store", envvar="AIGC_BENCH_STORE", help="Folder of runs and cached stages.")
]
DeviceOption = Annotated[str, typer.Option(envvar="AIGC_BENCH_DEVICE", help="auto, cpu, cuda, cuda:1 …")]
ThreadsOption = Annotated[int | None, typer.Option(envvar="AIGC_BENCH_THREADS", help="CPU threads of torch.")]
DataOption = Annotated[
    Path | None, typer.Option(envvar="AIGC_BENCH_DATA", help="Where data sets lie that are not embedded.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", envvar="AIGC_BENCH_QUIET", help="No progress.")]


ASK_AGAIN_S = 2.0
"""after an interrupt that somebody else's code has swallowed"""


def _interrupt(signum: int, frame: FrameType | None) -> None:
    # Imports of others and callbacks from C++ now and then catch everything: asked again until we are out.
    signal.setitimer(signal.ITIMER_REAL, ASK_AGAIN_S)
    raise KeyboardInterrupt


def main() -> None:
    """The entry point of `aigc-bench`."""
    for number in (signal.SIGINT, signal.SIGALRM):
        signal.signal(number, _interrupt)
    try:
        app()
    except SystemExit as end:
        if end.code != InterruptedRunError.exit_code:
            raise
        # Where the interrupt fell into code that an extension runs, CPython remembers it as unhandled though it was
        # caught, and would kill itself by SIGINT instead of ending with our code.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(InterruptedRunError.exit_code)


def reported(command: Callable[P, None]) -> Callable[P, None]:
    """Turn our errors and Ctrl-C into a message and an exit code; anything else is a bug and shows its traceback."""

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            signal.setitimer(signal.ITIMER_REAL, 0)
            _fail(InterruptedRunError("interrupted; the same command goes on from here"), kwargs)
        except AigcBenchError as error:
            _fail(error, kwargs)

    return wrapper


def _fail(error: AigcBenchError, options: dict[str, Any]) -> None:
    _stderr().print(f"[bold red]error[/] ({error.reason}): ", end="")
    _stderr().print(str(error), markup=False, highlight=False, soft_wrap=True)
    # An incomplete run or a failed self-test has been printed, with the reasons in it.
    if options.get("as_json") and not isinstance(error, IncompleteRunError | RegressionError):
        print(json.dumps({"reason": error.reason, "message": str(error), "exit_code": error.exit_code}))
    raise typer.Exit(error.exit_code)


def _stderr() -> Console:
    return Console(stderr=True)


@app.command(no_args_is_help=True)
@reported
def run(
    suite: Annotated[str, typer.Argument(help="A bundled suite (see `list`) or a TOML file.")],
    store: StoreOption = Path("runs"),
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    data_dir: DataOption = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch missing data sets, checksum-verified.")] = False,
    set_: Annotated[list[str] | None, typer.Option("--set", help="path.to.key=value; may be repeated.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Training seeds per generator.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many samples per row.")] = None,
    generator: Annotated[
        list[str] | None, typer.Option(help="Score this one too: an entry point or pkg.module:build.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and what is cached.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the run's JSON here, too.")] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train, sample and score every generator of SUITE, and write a report."""
    from aigc_bench import api, progress
    from aigc_bench.report.terminal import summary_table

    sys.path.insert(0, os.getcwd())  # so that --generator finds a module of the working directory
    options = api.Options(store, device, threads, data_dir, download)
    resolved = api.resolve_suite(suite, overrides=set_ or (), seeds=seeds, limit=limit, generators=generator or ())
    if dry_run:
        _print_plan(api.prepare(resolved, options), as_json)
        return
    with progress.shown(_stderr(), quiet=quiet) as on_event:
        found, folder = api.run(resolved, options, on_event=on_event, command=_command())
    if output is not None:
        api.write_json(found, output)
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        Console().print(summary_table(found))
        print(f"Report: {folder / 'report.html'}")
    api.check_complete(found)


ProtocolOption = Annotated[
    list[str] | None,
    typer.Option(
        "--protocol",
        help="tf, torch-fidelity, pytorch-fid, clean, adm, improved-gan, studiogan, all; repeatable. [default: tf]",
    ),
]
FeaturesOption = Annotated[
    list[str] | None, typer.Option("--features", help="An extractor instead: its name or pkg.module:build.")
]
WeightsOption = Annotated[
    Path | None, typer.Option("--weights", envvar="AIGC_BENCH_WEIGHTS", help="Inception's published weights.")
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
    from aigc_bench import api, progress

    sys.path.insert(0, os.getcwd())  # so that a generator or --features is found in the working directory
    _use_weights(weights)
    with progress.shown(_stderr(), quiet=quiet) as on_event:
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
            command=_command(),
        )
    if output is not None:
        api.write_json(found, output)
    if html is not None:
        api.copy_report(folder, html)
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        _print_tables(found)
        print(f"Report: {folder / 'report.html'}")
    api.check_complete(found)


def _print_tables(found: Run) -> None:
    """The table of scores, and what whose code would have printed where there is more than one protocol."""
    from aigc_bench.report.terminal import code_table, summary_table

    for table in (summary_table(found), code_table(found)):
        if table is not None:
            Console().print(table)


@app.command(no_args_is_help=True)
@reported
def stats(
    real: Annotated[str, typer.Argument(help="Folder, zip, tar, npz or npy of real images.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A .safetensors file, for `score --real`.")],
    protocol: Annotated[str | None, typer.Option(help="As of `score`, but all. [default: tf]")] = None,
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
    from aigc_bench import api, progress

    sys.path.insert(0, os.getcwd())
    _use_weights(weights)
    with progress.shown(_stderr(), quiet=quiet) as on_event:
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


def _use_weights(weights: Path | None) -> None:
    if weights is not None:
        os.environ["AIGC_BENCH_WEIGHTS"] = str(weights)


def _on_bad_image(text: str) -> Any:
    if text not in ("error", "skip"):
        raise ConfigurationError(f"expected --on-bad-image error or skip, got {text!r}")
    return text


@app.command()
@reported
def report(
    run_name: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, its folder, or latest.")] = "latest",
    store: StoreOption = Path("runs"),
) -> None:
    """Draw the report of a stored run again."""
    from aigc_bench import api
    from aigc_bench.store import Store

    print(f"Report: {api.redraw(Store(store).resolve(run_name))}")


@app.command()
@reported
def show(
    run_name: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, its folder, or latest.")] = "latest",
    store: StoreOption = Path("runs"),
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of run.json.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the scores of a stored run."""
    from aigc_bench.store import Run, Store, load_run

    if schema:
        print(json.dumps(Run.model_json_schema(), indent=2))
        return
    found = load_run(Store(store).resolve(run_name))
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        _print_tables(found)


@app.command("list")
@reported
def list_(store: StoreOption = Path("runs"), as_json: JsonOption = False) -> None:
    """List suites, generators, metrics, features, data sets, and the runs in the store."""
    from aigc_bench import plugins, suite
    from aigc_bench.store import Store

    found: dict[str, dict[str, str]] = {
        "suites": {name: suite.load_suite(name).description for name in suite.bundled_suites()}
    }
    for kind in plugins.GROUPS:
        found[kind] = {name: point.value for name, point in plugins.installed(kind).items()}
    found["runs"] = dict.fromkeys(Store(store).runs() if store.is_dir() else [], "")
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for title, entries in found.items():
        print(f"{title}:")
        for name, text in entries.items():
            print(f"  {name:<20} {text}".rstrip())


@app.command()
@reported
def doctor(device: DeviceOption = "auto", data_dir: DataOption = None, as_json: JsonOption = False) -> None:
    """Say what machine, versions, device and data sets are seen, and what is missing."""
    from dataclasses import asdict

    from aigc_bench import plugins
    from aigc_bench.machine import choose_device, environment

    found: dict[str, Any] = asdict(environment(choose_device(device)))
    for name in plugins.installed("dataset"):
        found[f"data set {name}"] = _dataset_state(name, data_dir)
    found["numbers"] = "not looked at here: aigc-bench selftest"
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for key, value in found.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        print(f"{key:<18} {text}")


def _dataset_state(name: str, data_dir: Path | None) -> str:
    from aigc_bench import plugins

    try:
        data = plugins.load("dataset", name)(data_dir=data_dir, download=False)
    except AigcBenchError as error:
        return f"missing: {error}"
    return f"ready: {len(data.fit.samples)} to fit, {data.spec.shape}"


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
    from aigc_bench import api, progress
    from aigc_bench.report.terminal import selftest_table
    from aigc_bench.selftest.rows import check_passed

    _use_weights(weights)
    with progress.shown(_stderr(), quiet=quiet) as on_event:
        found = api.selftest(api.Options(store, device, threads, data_dir, download), on_event=on_event)
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        Console().print(selftest_table(found))
    check_passed(found)


@cache_app.command("list")
@reported
def cache_list(store: StoreOption = Path("runs"), as_json: JsonOption = False) -> None:
    """List cached stages with their sizes."""
    from aigc_bench.store import Cache, Store

    entries = Cache(Store(store)).entries()
    if as_json:
        print(json.dumps([{"stage": s, "digest": d, "bytes": b} for s, d, b in entries]))
        return
    for stage, digest, size in entries:
        print(f"{stage:<16} {digest:<40} {size:>12,} bytes")
    print(f"{len(entries)} entries, {sum(size for _, _, size in entries):,} bytes")


@cache_app.command("prune")
@reported
def cache_prune(store: StoreOption = Path("runs")) -> None:
    """Delete every cached stage; runs stay."""
    from aigc_bench.store import Cache, Store

    print(f"freed {Cache(Store(store)).prune():,} bytes")


def _print_plan(bench: Any, as_json: bool) -> None:
    from dataclasses import asdict

    from aigc_bench.plan import planned

    lines = planned(bench)
    if as_json:
        print(json.dumps({"suite": bench.suite.model_dump(), "cases": [asdict(line) for line in lines]}))
        return
    for line in lines:
        seed = "" if line.training_seed is None else f"seed {line.training_seed}"
        done = ", ".join(line.cached) or "nothing"
        time = f"no estimate: {line.reason}" if line.estimate_s is None else f"about {line.estimate_s:.0f} s"
        print(f"{line.name:<16} {seed:<8} stages: {', '.join(line.stages)}; cached: {done}; {time}")
    known = sum(line.estimate_s or 0.0 for line in lines)
    unknown = sum(line.estimate_s is None for line in lines)
    more = f", and {unknown} cases without an estimate" if unknown else ""
    print(f"{len(lines)} cases; about {timedelta(seconds=round(known))} (h:mm:ss), as rehearsed just now{more}")


def _command() -> str:
    return shlex.join(["aigc-bench", *sys.argv[1:]])


if __name__ == "__main__":
    main()

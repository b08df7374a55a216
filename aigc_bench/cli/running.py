"""`run`: a suite, from data to report."""

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
    acts,
    app,
)


@app.command(no_args_is_help=True)
@acts("aigc_bench.cli.actions.running:run")
def run(
    suite: Annotated[
        str,
        typer.Argument(help="Name of a bundled suite (see `list`), or a TOML file.", autocompletion=completion.suites),
    ],
    store: StoreOption = Path("runs"),
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    data_dir: DataOption = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch missing data sets, checksum-verified.")] = False,
    set_: Annotated[list[str] | None, typer.Option("--set", help="path.to.key=value; may be repeated.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Number of training seeds of every generator.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most this many samples in every row.")] = None,
    generator: Annotated[
        list[str] | None,
        typer.Option(
            help="Score this generator, too, as built: an entry point or pkg.module:build.",
            autocompletion=completion.plugin("generators"),
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be done, what is cached, and how long it would take.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the run as JSON to this file, too.")
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train, sample and score every generator of SUITE, and write a report.

    Two rows are added to the generators.
    floor is held-out real data: the best that any model can do with as many samples.
    noise is uniform noise: what any model must beat.
    """

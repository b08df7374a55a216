"""`run`: a suite, from data to report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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

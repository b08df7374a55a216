"""`run`: a suite, from data to report."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
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
    app,
    command_line,
    reported,
    stderr,
)


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
    from aigc_bench.api import running as api
    from aigc_bench.cli import progress
    from aigc_bench.report.run.terminal import summary_table

    sys.path.insert(0, os.getcwd())  # so that --generator finds a module of the working directory
    options = api.Options(store, device, threads, data_dir, download)
    resolved = api.resolve_suite(suite, overrides=set_ or (), seeds=seeds, limit=limit, generators=generator or ())
    if dry_run:
        _print_plan(api.prepare(resolved, options), as_json)
        return
    with progress.shown(stderr(), quiet=quiet) as on_event:
        found, folder = api.run(resolved, options, on_event=on_event, command=command_line())
    if output is not None:
        api.write_json(found, output)
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        Console().print(summary_table(found))
        print(f"Report: {folder / 'report.html'}")
    api.check_complete(found)


def _print_plan(bench: Any, as_json: bool) -> None:
    from dataclasses import asdict

    from aigc_bench.runs.scoring.dry_run import planned

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

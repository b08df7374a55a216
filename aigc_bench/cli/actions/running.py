"""The work of `run`."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from aigc_bench.api import running as api
from aigc_bench.api.options import Options
from aigc_bench.cli import progress
from aigc_bench.cli.actions.outputs import write_json
from aigc_bench.cli.actions.tables import print_tables
from aigc_bench.cli.application import command_line, print_json, stderr
from aigc_bench.runs.scoring.dry_run import planned


def run(
    suite: str,
    store: Path,
    device: str,
    threads: int | None,
    data_dir: Path | None,
    download: bool,
    set_: list[str] | None,
    seeds: int | None,
    limit: int | None,
    generator: list[str] | None,
    dry_run: bool,
    output: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """See `aigc_bench.cli.running.run`."""
    sys.path.insert(0, os.getcwd())  # so that --generator finds a module of the working directory
    options = Options(store, device, threads, data_dir, download)
    resolved = api.resolve_suite(suite, overrides=set_ or (), seeds=seeds, limit=limit, generators=generator or ())
    if dry_run:
        _print_plan(api.prepare(resolved, options), as_json)
        return
    with progress.shown(stderr(), quiet=quiet) as on_event:
        found, folder = api.run(resolved, options, on_event=on_event, command=command_line())
    if output is not None:
        write_json(found, output)
    if as_json:
        print_json(found.model_dump_json(indent=2))
    else:
        print_tables(found)
        print(f"Report: {folder / 'report.html'}")
    api.check_complete(found)


def _print_plan(bench: Any, as_json: bool) -> None:
    plan = planned(bench)
    if as_json:
        cases = [asdict(line) for line in plan.cases]
        print_json(json.dumps({"suite": bench.suite.model_dump(), "cases": cases, "method": plan.method}))
        return
    for line in plan.cases:
        seed = "" if line.training_seed is None else f"seed {line.training_seed}"
        done = ", ".join(line.cached) or "nothing"
        time = f"no estimate: {line.reason}" if line.estimate_s is None else f"about {line.estimate_s:.0f} s"
        print(f"{line.name:<16} {seed:<8} stages: {', '.join(line.stages)}; cached: {done}; {time}")
    known = sum(line.estimate_s or 0.0 for line in plan.cases)
    unknown = sum(line.estimate_s is None for line in plan.cases)
    more = f", and {unknown} cases without an estimate" if unknown else ""
    print(f"{len(plan.cases)} cases; about {timedelta(seconds=round(known))} (h:mm:ss) in all{more}")
    print(plan.method)

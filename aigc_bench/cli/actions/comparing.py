"""The work of `compare` and `baseline`."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from aigc_bench.api import comparing
from aigc_bench.cli.actions.outputs import write_json
from aigc_bench.cli.actions.tables import print_tables
from aigc_bench.cli.application import print_json
from aigc_bench.report.run.comparison import comparison_tables
from aigc_bench.runs import baselines


def compare(
    base: str,
    head: str,
    store: Path,
    baselines: Path,
    output: Path | None,
    as_json: bool,
) -> None:
    """See `aigc_bench.cli.comparing.compare`."""
    found = comparing.compare(base, head, store=store, baselines=baselines)
    if output is not None:
        write_json(found, output)
    if as_json:
        print_json(found.model_dump_json(indent=2))
        return
    for table in comparison_tables(found):
        Console().print(table)


def set_(
    name: str,
    run_name: str,
    directory: Path,
    features: bool,
    store: Path,
) -> None:
    """See `aigc_bench.cli.comparing.set_`."""
    kept = baselines.keep(baselines.opened(run_name, store, directory), name, directory, features=features)
    print(f"{kept.folder}: {kept.num_bytes:,} bytes")
    if kept.without_features:
        print(f"Without features: {kept.without_features}")


def show_(
    name: str,
    directory: Path,
    as_json: bool,
) -> None:
    """See `aigc_bench.cli.comparing.show_`."""
    found = baselines.load(name, directory)
    if as_json:
        print_json(found.run.model_dump_json(indent=2))
        return
    print_tables(found.run)
    print(f"{found.folder}: run {found.run.id}, {'with' if found.kept else 'without'} features")


def list_(
    directory: Path,
    as_json: bool,
) -> None:
    """See `aigc_bench.cli.comparing.list_`."""
    names = baselines.names(directory)
    if as_json:
        print_json(json.dumps(names))
        return
    for name in names:
        print(name)
    if not names:
        print(f"no baseline in {directory}")

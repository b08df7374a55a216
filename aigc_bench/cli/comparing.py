"""`compare` and `baseline`: two runs side by side, and runs that are kept by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from aigc_bench.cli.application import JsonOption, StoreOption, app, print_tables, reported

BaselinesOption = Annotated[
    Path, typer.Option("--baselines", envvar="AIGC_BENCH_BASELINES", help="Folder of named baselines.")
]
DirOption = Annotated[Path, typer.Option("--dir", envvar="AIGC_BENCH_BASELINES", help="Folder of named baselines.")]
NameArgument = Annotated[str, typer.Argument(help="Letters, digits and . _ + -.")]

baseline_app = typer.Typer(help="Runs kept by name, in a folder that a repository can commit.", no_args_is_help=True)
app.add_typer(baseline_app, name="baseline")


@app.command(no_args_is_help=True)
@reported
def compare(
    base: Annotated[str, typer.Argument(help="A run's path or id, latest, or a baseline's name.")],
    head: Annotated[str, typer.Argument(help="The same of what is new.")] = "latest",
    store: StoreOption = Path("runs"),
    baselines: BaselinesOption = Path("baselines"),
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the comparison's JSON here, too.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what changed from BASE to HEAD, by how much, and how well that is known."""
    from aigc_bench.api import comparing
    from aigc_bench.api import running as api
    from aigc_bench.report.run.comparison import comparison_tables

    found = comparing.compare(base, head, store=store, baselines=baselines)
    if output is not None:
        api.write_json(found, output)
    if as_json:
        print(found.model_dump_json(indent=2))
        return
    for table in comparison_tables(found):
        Console().print(table)


@baseline_app.command("set")
@reported
def set_(
    name: NameArgument,
    run_name: Annotated[str, typer.Argument(metavar="RUN", help="A run's path or id, or latest.")] = "latest",
    directory: DirOption = Path("baselines"),
    features: Annotated[
        bool, typer.Option("--features/--no-features", help="With the features a gate needs, up to 16 MiB.")
    ] = True,
    store: StoreOption = Path("runs"),
) -> None:
    """Keep RUN as the baseline NAME, in place of an earlier one."""
    from aigc_bench.runs import baselines

    kept = baselines.keep(baselines.opened(run_name, store, directory), name, directory, features=features)
    print(f"{kept.folder}: {kept.num_bytes:,} bytes")
    if kept.without_features:
        print(f"Without features: {kept.without_features}")


@baseline_app.command("show")
@reported
def show_(name: NameArgument, directory: DirOption = Path("baselines"), as_json: JsonOption = False) -> None:
    """Show the scores of a baseline, after checking its files."""
    from aigc_bench.runs import baselines

    found = baselines.load(name, directory)
    if as_json:
        print(found.run.model_dump_json(indent=2))
        return
    print_tables(found.run)
    print(f"{found.folder}: run {found.run.id}, {'with' if found.kept else 'without'} features")


@baseline_app.command("list")
@reported
def list_(directory: DirOption = Path("baselines"), as_json: JsonOption = False) -> None:
    """List the baselines of a folder."""
    from aigc_bench.runs import baselines

    names = baselines.names(directory)
    if as_json:
        print(json.dumps(names))
        return
    for name in names:
        print(name)
    if not names:
        print(f"no baseline in {directory}")

"""`compare` and `baseline`: two runs side by side, and runs that are kept by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aigc_bench.cli import completion
from aigc_bench.cli.application import JsonOption, StoreOption, acts, app

BaselinesOption = Annotated[
    Path, typer.Option("--baselines", envvar="AIGC_BENCH_BASELINES", help="Folder of named baselines.")
]


DirOption = Annotated[Path, typer.Option("--dir", envvar="AIGC_BENCH_BASELINES", help="Folder of named baselines.")]


NameArgument = Annotated[str, typer.Argument(help="Letters, digits and . _ + -.")]


baseline_app = typer.Typer(help="Runs kept by name, in a folder that a repository can commit.", no_args_is_help=True)


app.add_typer(baseline_app, name="baseline")


@app.command(no_args_is_help=True)
@acts("aigc_bench.cli.actions.comparing:compare")
def compare(
    base: Annotated[
        str,
        typer.Argument(
            help="A run's path or id, latest, or a baseline's name.", autocompletion=completion.runs_and_baselines
        ),
    ],
    head: Annotated[
        str, typer.Argument(help="The same of what is new.", autocompletion=completion.runs_and_baselines)
    ] = "latest",
    store: StoreOption = Path("runs"),
    baselines: BaselinesOption = Path("baselines"),
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the comparison's JSON here, too.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what changed from BASE to HEAD, by how much, and how well that is known."""


@baseline_app.command("set")
@acts("aigc_bench.cli.actions.comparing:set_")
def set_(
    name: NameArgument,
    run_name: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's path or id, or latest.", autocompletion=completion.runs)
    ] = "latest",
    directory: DirOption = Path("baselines"),
    features: Annotated[
        bool, typer.Option("--features/--no-features", help="With the features a gate needs, up to 16 MiB.")
    ] = True,
    store: StoreOption = Path("runs"),
) -> None:
    """Keep RUN as the baseline NAME, in place of an earlier one."""


@baseline_app.command("show")
@acts("aigc_bench.cli.actions.comparing:show_")
def show_(name: NameArgument, directory: DirOption = Path("baselines"), as_json: JsonOption = False) -> None:
    """Show the scores of a baseline, after checking its files."""


@baseline_app.command("list")
@acts("aigc_bench.cli.actions.comparing:list_")
def list_(directory: DirOption = Path("baselines"), as_json: JsonOption = False) -> None:
    """List the baselines of a folder."""

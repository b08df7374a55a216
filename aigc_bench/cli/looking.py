"""`report`, `show`, `list`, `terms`, `doctor` and `cache`: what there is, and what words mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aigc_bench.cli import completion
from aigc_bench.cli.application import DataOption, DeviceOption, JsonOption, StoreOption, acts, app

cache_app = typer.Typer(help="What finished stages left behind, for the next run.", no_args_is_help=True)
RunArgument = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's id, its folder, or latest.", autocompletion=completion.runs),
]

app.add_typer(cache_app, name="cache")


@app.command()
@acts("aigc_bench.cli.actions.looking:report")
def report(
    run_name: RunArgument = "latest",
    store: StoreOption = Path("runs"),
) -> None:
    """Draw the report of a stored run again."""


@app.command()
@acts("aigc_bench.cli.actions.looking:show")
def show(
    run_name: RunArgument = "latest",
    store: StoreOption = Path("runs"),
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of run.json.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print every score as a line of CSV.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the scores of a stored run."""


@app.command("list")
@acts("aigc_bench.cli.actions.looking:list_")
def list_(store: StoreOption = Path("runs"), as_json: JsonOption = False) -> None:
    """List suites, generators, metrics, features, data sets, and the runs in the store."""


@app.command()
@acts("aigc_bench.cli.actions.looking:terms")
def terms(
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORD]...", help="A term, or a part of one.")] = None,
) -> None:
    """Explain the terms of tables, pages and messages; all of them, or those with these words."""


@app.command()
@acts("aigc_bench.cli.actions.looking:doctor")
def doctor(device: DeviceOption = "auto", data_dir: DataOption = None, as_json: JsonOption = False) -> None:
    """Say what machine, versions, device and data sets are seen, and what is missing."""


@cache_app.command("list")
@acts("aigc_bench.cli.actions.looking:cache_list")
def cache_list(store: StoreOption = Path("runs"), as_json: JsonOption = False) -> None:
    """List cached stages with their sizes."""


@cache_app.command("prune")
@acts("aigc_bench.cli.actions.looking:cache_prune")
def cache_prune(
    older_than: Annotated[
        str | None, typer.Option("--older-than", help="Only entries that no run has written for as long: 12h, 7d.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    store: StoreOption = Path("runs"),
) -> None:
    """Delete cached stages; runs stay.

    A run whose stages are gone is shown and compared as before.
    Gates on quality that need its features ask for them to be made again, and its checkpoints cannot be timed.
    """

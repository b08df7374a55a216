"""`gate speed`: whether head is as fast as base; and `gate error-rates`: how often that is wrong here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aigc_bench.cli import judging
from aigc_bench.cli.application import (
    DataOption,
    DeviceOption,
    JsonOption,
    QuietOption,
    StoreOption,
    acts,
)
from aigc_bench.cli.gating import gate_app

BudgetOption = Annotated[
    str | None,
    typer.Option(envvar="AIGC_BENCH_BUDGET", help="Time for measuring: 90s, 5m, 1h. Without: as long as it takes."),
]


ApartOption = Annotated[
    bool,
    typer.Option("--apart", envvar="AIGC_BENCH_APART", help="One process at a time, not both in turns: less memory."),
]


@gate_app.command(no_args_is_help=True)
@acts("aigc_bench.cli.actions.gate_speed:speed")
def speed(
    files: Annotated[list[str] | None, typer.Argument(help="pytest-benchmark files or folders.")] = None,
    base: Annotated[str | None, typer.Option(help="A git ref.")] = None,
    head: Annotated[str | None, typer.Option(help="A git ref; . is the working tree as it is.")] = None,
    base_python: Annotated[str | None, typer.Option(help="Or an interpreter, with base installed.")] = None,
    head_python: Annotated[str | None, typer.Option(help="An interpreter, with head installed.")] = None,
    base_command: Annotated[str | None, typer.Option(help="Or a command, whose wall time counts.")] = None,
    head_command: Annotated[str | None, typer.Option(help="A command.")] = None,
    build: Annotated[
        str | None, typer.Option(envvar="AIGC_BENCH_BUILD", help="Installs a ref, in place of python -m pip install .")
    ] = None,
    shared_environment: Annotated[
        bool, typer.Option("--shared-environment", help="This interpreter for both refs, with their sources.")
    ] = False,
    suite: Annotated[str | None, typer.Option(help="Time this suite's generators as built, in place of files.")] = None,
    pytest_args: Annotated[str, typer.Option(envvar="AIGC_BENCH_PYTEST_ARGS", help="More for pytest.")] = "",
    budget: BudgetOption = None,
    effect: Annotated[str, typer.Option(help="The slowdown that must be caught.")] = "5%",
    dead_zone: Annotated[str, typer.Option(help="A slowdown that is none.")] = "0.5%",
    timeout: Annotated[str, typer.Option(envvar="AIGC_BENCH_TIMEOUT", help="For one process.")] = "10m",
    seed: Annotated[int | None, typer.Option(help="Which side begins, and how hashes fall. Without: drawn.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget pairs of an earlier, interrupted gate.")] = False,
    apart: ApartOption = False,
    accept: judging.AcceptOption = None,
    fail_on_inconclusive: judging.InconclusiveOption = False,
    device: DeviceOption = "auto",
    data_dir: DataOption = None,
    store: StoreOption = Path("runs"),
    output: judging.OutputOption = None,
    markdown: judging.MarkdownOption = None,
    junit: judging.JunitOption = None,
    html: judging.HtmlOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Judge whether HEAD is slower than BASE, in pairs of fresh processes."""


@gate_app.command("error-rates")
@acts("aigc_bench.cli.actions.gate_speed:error_rates")
def error_rates(
    repeats: Annotated[int, typer.Option(min=1, help="Rounds, each a gate of its own.")] = 10,
    budget: BudgetOption = "5m",
    seed: Annotated[int, typer.Option(help="Of the order of the sides.")] = 0,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure on this machine how often the gate is wrong: false alarms, and +5 % of work that it misses."""

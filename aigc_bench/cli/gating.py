"""`gate`: verdicts on two sides. Here: on speed, and on the gate itself."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from aigc_bench.cli.application import (
    DataOption,
    DeviceOption,
    JsonOption,
    QuietOption,
    StoreOption,
    app,
    command_line,
    reported,
    stderr,
)
from aigc_bench.errors import ConfigurationError

if TYPE_CHECKING:
    from aigc_bench.gate.measure import Benchmarks
    from aigc_bench.gate.self_test import SelfTestOfGate
    from aigc_bench.gate.sides import Asked
    from aigc_bench.verdicts import Judgement

gate_app = typer.Typer(help="A verdict on two sides, with an exit code.", no_args_is_help=True)
app.add_typer(gate_app, name="gate")

BudgetOption = Annotated[
    str | None,
    typer.Option(envvar="AIGC_BENCH_BUDGET", help="Time for measuring: 90s, 5m, 1h. Without: as long as it takes."),
]

LEAST_TIMEOUT_S = 60.0
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@gate_app.command(no_args_is_help=True)
@reported
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
    fail_on_inconclusive: Annotated[
        bool, typer.Option("--fail-on-inconclusive", help="Exit code 3 where a benchmark is undecided.")
    ] = False,
    device: DeviceOption = "auto",
    data_dir: DataOption = None,
    store: StoreOption = Path("runs"),
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Judge whether HEAD is slower than BASE, in pairs of fresh processes."""
    from aigc_bench import progress
    from aigc_bench.gate.planning import Policy
    from aigc_bench.gate.sides import Asked
    from aigc_bench.gate.speed import Request, gate_speed

    asked = Asked(
        refs=both(base, head, "--base", "--head"),
        pythons=both(base_python, head_python, "--base-python", "--head-python"),
        commands=both(base_command, head_command, "--base-command", "--head-command"),
        build=build,
        shared_environment=shared_environment,
        folder=Path.cwd(),
    )
    asked.check()
    budget_s = None if budget is None else seconds(budget, "--budget")
    # A hang should not cost more than the whole gate may.
    timeout_s = min(seconds(timeout, "--timeout"), max(budget_s or math.inf, LEAST_TIMEOUT_S))
    if suite is None:
        benchmarks = _benchmarks(asked, files or [], pytest_args, timeout_s)
    elif files or asked.commands is not None:
        raise ConfigurationError("expected --suite, files or commands to be timed; got two of them")
    else:
        benchmarks = _generators(suite, device, data_dir, timeout_s)
    policy = Policy(
        dead_zone=log_ratio(dead_zone, "--dead-zone"),
        effect=log_ratio(effect, "--effect"),
        budget_s=budget_s,
        seed=seed,
        fresh=fresh,
        fail_on_inconclusive=fail_on_inconclusive,
    )
    with progress.shown(stderr(), quiet=quiet) as on_event:
        found = gate_speed(Request(asked, benchmarks, policy, store, command_line()), on_event)
    finish(found, as_json=as_json)


@gate_app.command("self-test")
@reported
def self_test(
    repeats: Annotated[int, typer.Option(min=1, help="Rounds, each a gate of its own.")] = 10,
    budget: BudgetOption = "5m",
    seed: Annotated[int, typer.Option(help="Of the order of the sides.")] = 0,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure on this machine how often the gate is wrong: false alarms, and +5 % of work that it misses."""
    from aigc_bench import progress
    from aigc_bench.gate import self_test as gate_self_test

    budget_s = None if budget is None else seconds(budget, "--budget")
    with progress.shown(stderr(), quiet=quiet) as on_event:
        found = gate_self_test.self_test(repeats, seed=seed, budget_s=budget_s, on_event=on_event)
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        _print_rates(found)


# ---- words into values ------------------------------------------------------------------------------


def both(base: str | None, head: str | None, base_option: str, head_option: str) -> tuple[str, str] | None:
    """Two sides, or neither.

    Raises:
        ConfigurationError: one without the other.
    """
    if base is None and head is None:
        return None
    if base is None or head is None:
        raise ConfigurationError(f"expected {base_option} and {head_option} together")
    return base, head


def seconds(text: str, option: str) -> float:
    """A time such as 90s, 5m or 1h; a bare number is seconds.

    Raises:
        ConfigurationError: it is none, or nothing.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([smh]?)\s*", text)
    found = float(match[1]) * UNITS[match[2] or "s"] if match else 0.0
    if found <= 0:
        raise ConfigurationError(f"expected {option} as 90s, 5m or 1h, got {text!r}")
    return found


def log_ratio(text: str, option: str) -> float:
    """A slowdown such as 5% or 0.05, as a log ratio.

    Raises:
        ConfigurationError: it is neither, or negative.
    """
    number, is_percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        found = float(number) / (100 if is_percent else 1)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise ConfigurationError(f"expected {option} as 5% or 0.05, got {text!r}")
    return math.log1p(found)


def _benchmarks(asked: Asked, files: list[str], pytest_args: str, timeout_s: float) -> Benchmarks:
    from aigc_bench.gate import repository
    from aigc_bench.gate.measure import Commands, PytestFiles, relative_paths

    if asked.commands is not None:
        if files:
            raise ConfigurationError("two commands are timed as they are: expected no files beside them")
        return Commands(timeout_s)
    top = repository.root_of(asked.folder) if asked.refs is not None else asked.folder
    return PytestFiles(relative_paths(files, asked.folder, top), tuple(shlex.split(pytest_args)), timeout_s)


def _generators(suite: str, device: str, data_dir: Path | None, timeout_s: float) -> Benchmarks:
    from aigc_bench.gate.measure import SuiteGenerators
    from aigc_bench.machine import choose_device
    from aigc_bench.suite import load_suite

    document = load_suite(suite).model_dump(mode="json", exclude_none=True)
    where = None if data_dir is None else str(data_dir.resolve())
    return SuiteGenerators(document, str(choose_device(device)), where, timeout_s)


# ---- what was found, in words -----------------------------------------------------------------------


def finish(judgement: Judgement, *, as_json: bool) -> None:
    """Print a judgement, and end with its exit code."""
    if as_json:
        print(judgement.model_dump_json(indent=2))
    else:
        _print_decisions(judgement)
    if judgement.exit_code:
        raise typer.Exit(judgement.exit_code)


def _print_decisions(judgement: Judgement) -> None:
    from rich.table import Column, Table

    table = Table(Column("benchmark", overflow="fold"), "verdict", "reason", box=None, pad_edge=False)
    for one in judgement.decisions:
        table.add_row(one.subject, one.verdict or "FAILED", one.reason)
    for what, names in (("new", judgement.new), ("removed", judgement.removed)):
        for name in names:
            table.add_row(name, what, f"only {'head' if what == 'new' else 'base'} has it")
    console = Console(markup=False, highlight=False)
    console.print(table)
    for statement in judgement.statements:
        console.print(statement, soft_wrap=True)
    console.print(f"{judgement.verdict or 'FAILED'}: {judgement.base.name} => {judgement.head.name}")


def _print_rates(found: SelfTestOfGate) -> None:
    from rich.table import Table

    table = Table("", "rate", "decisions", "95 % interval", "95 % over rounds", box=None, pad_edge=False)
    for rate in found.rates:
        over = "" if rate.clustered_low is None else f"{rate.clustered_low:.1%} to {rate.clustered_high:.1%}"
        interval = f"{rate.low:.1%} to {rate.high:.1%}"
        table.add_row(rate.what, f"{rate.value:.1%}", f"{rate.hits} of {rate.decisions}", interval, over)
    Console().print(table)
    pairs = f"{sum(found.pairs)} pairs of processes in {found.rounds} rounds and {found.wall_s:.0f} s"
    print(f"{pairs}; pairs differ by {found.spread:.2g} (median).")
    print("Intervals are exact; those over rounds allow for decisions of one round sharing their processes.")
    for statement in found.statements:
        print(statement)

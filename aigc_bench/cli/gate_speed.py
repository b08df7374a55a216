"""`gate speed`: whether head is as fast as base; and `gate self-test`: how often that is wrong here."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from aigc_bench.cli import judging
from aigc_bench.cli.application import (
    DataOption,
    DeviceOption,
    JsonOption,
    QuietOption,
    StoreOption,
    command_line,
    reported,
    stderr,
)
from aigc_bench.cli.gating import gate_app
from aigc_bench.core.errors import ConfigurationError

if TYPE_CHECKING:
    from aigc_bench.gate.sides.sides import Asked
    from aigc_bench.gate.speed.error_rates import SelfTestOfGate
    from aigc_bench.gate.speed.processes import Benchmarks

BudgetOption = Annotated[
    str | None,
    typer.Option(envvar="AIGC_BENCH_BUDGET", help="Time for measuring: 90s, 5m, 1h. Without: as long as it takes."),
]
ApartOption = Annotated[
    bool,
    typer.Option("--apart", envvar="AIGC_BENCH_APART", help="One process at a time, not both in turns: less memory."),
]

LEAST_TIMEOUT_S = 60.0


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
    from aigc_bench.cli import progress
    from aigc_bench.gate.sides.sides import Asked
    from aigc_bench.gate.speed.judge import gate_speed
    from aigc_bench.gate.speed.planning import SpeedPolicy
    from aigc_bench.gate.speed.session import Request
    from aigc_bench.report.judgement.files import Outputs

    judged = judging.prepared(
        Outputs(as_json, output, markdown, junit, html), accept, fail_on_inconclusive=fail_on_inconclusive
    )
    asked = Asked(
        refs=both(base, head, "--base", "--head"),
        pythons=both(base_python, head_python, "--base-python", "--head-python"),
        commands=both(base_command, head_command, "--base-command", "--head-command"),
        build=build,
        shared_environment=shared_environment,
        folder=Path.cwd(),
    )
    asked.check()
    budget_s = None if budget is None else judging.seconds(budget, "--budget")
    # A hang should not cost more than the whole gate may.
    timeout_s = min(judging.seconds(timeout, "--timeout"), max(budget_s or math.inf, LEAST_TIMEOUT_S))
    if suite is None:
        benchmarks = _benchmarks(asked, files or [], pytest_args, timeout_s)
    elif files or asked.commands is not None:
        raise ConfigurationError("expected --suite, files or commands to be timed; got two of them")
    else:
        benchmarks = _generators(suite, device, data_dir, timeout_s)
    policy = SpeedPolicy(
        dead_zone=judging.log_ratio(dead_zone, "--dead-zone"),
        effect=judging.log_ratio(effect, "--effect"),
        budget_s=budget_s,
        seed=seed,
        fresh=fresh,
        apart=apart,
    )
    with progress.shown(stderr(), quiet=quiet) as on_event:
        found = gate_speed(asked, Request(benchmarks, policy, store, command_line()), on_event)
    judging.finish(found, judged)


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
    from aigc_bench.cli import progress
    from aigc_bench.gate.speed import error_rates as gate_self_test

    budget_s = None if budget is None else judging.seconds(budget, "--budget")
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


def _benchmarks(asked: Asked, files: list[str], pytest_args: str, timeout_s: float) -> Benchmarks:
    from aigc_bench.gate.sides import repository
    from aigc_bench.gate.speed.measure import Commands, PytestFiles, relative_paths

    if asked.commands is not None:
        if files:
            raise ConfigurationError("two commands are timed as they are: expected no files beside them")
        return Commands(timeout_s)
    top = repository.root_of(asked.folder) if asked.refs is not None else asked.folder
    return PytestFiles(relative_paths(files, asked.folder, top), tuple(shlex.split(pytest_args)), timeout_s)


def _generators(suite: str, device: str, data_dir: Path | None, timeout_s: float) -> Benchmarks:
    from aigc_bench.gate.speed.measure import SuiteGenerators
    from aigc_bench.runs.suites.loading import load_suite
    from aigc_bench.system.machine import choose_device

    document = load_suite(suite).model_dump(mode="json", exclude_none=True)
    where = None if data_dir is None else str(data_dir.resolve())
    return SuiteGenerators(document, str(choose_device(device)), where, timeout_s)


# ---- what was found, in words -----------------------------------------------------------------------


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

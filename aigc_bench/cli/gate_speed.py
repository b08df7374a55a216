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
    typer.Option(
        envvar="AIGC_BENCH_BUDGET", help="Time limit for measuring, such as 90s, 5m or 1h. Default: no limit."
    ),
]


ApartOption = Annotated[
    bool,
    typer.Option(
        "--apart",
        envvar="AIGC_BENCH_APART",
        help="Run one process at a time instead of both with alternating blocks: half the memory, noisier.",
    ),
]


FilesArgument = Annotated[list[str] | None, typer.Argument(help="Files or folders of pytest-benchmark tests.")]
BaseOption = Annotated[str | None, typer.Option(help="Git ref of the version that is known.")]
HeadOption = Annotated[
    str | None, typer.Option(help="Git ref of the version that is judged; . is the working tree with its changes.")
]
BasePythonOption = Annotated[
    str | None, typer.Option(help="Instead of --base: a Python interpreter with base installed.")
]
HeadPythonOption = Annotated[
    str | None, typer.Option(help="Instead of --head: a Python interpreter with head installed.")
]
BaseCommandOption = Annotated[
    str | None, typer.Option(help="Instead of --base: a command whose wall time is measured.")
]
HeadCommandOption = Annotated[
    str | None, typer.Option(help="Instead of --head: a command whose wall time is measured.")
]
BuildOption = Annotated[
    str | None,
    typer.Option(
        envvar="AIGC_BENCH_BUILD", help="Command that installs a checked-out ref. Default: python -m pip install ."
    ),
]
SharedEnvironmentOption = Annotated[
    bool,
    typer.Option(
        "--shared-environment", help="Do not build environments: run both refs' sources with this interpreter."
    ),
]
SuiteOption = Annotated[
    str | None, typer.Option(help="Instead of files: time the generators of this suite, untrained.")
]
BenchmarksOption = Annotated[
    str,
    typer.Option(
        "--benchmarks",
        envvar="AIGC_BENCH_BENCHMARKS",
        help="Whose benchmark files both sides run: head, base, or own: each its own. What base cannot run is compared "
        "by each side's own.",
    ),
]
PytestArgsOption = Annotated[str, typer.Option(envvar="AIGC_BENCH_PYTEST_ARGS", help="Further arguments for pytest.")]
TimeoutOption = Annotated[str, typer.Option(envvar="AIGC_BENCH_TIMEOUT", help="Time limit for one process.")]
SeedOption = Annotated[
    int | None, typer.Option(help="Seed of which side begins, and of Python's hashes. Default: random.")
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Discard the measurements of an earlier, interrupted gate.")]


@gate_app.command(no_args_is_help=True)
@acts("aigc_bench.cli.actions.gate_speed:Speed")
def speed(
    files: FilesArgument = None,
    base: BaseOption = None,
    head: HeadOption = None,
    base_python: BasePythonOption = None,
    head_python: HeadPythonOption = None,
    base_command: BaseCommandOption = None,
    head_command: HeadCommandOption = None,
    build: BuildOption = None,
    shared_environment: SharedEnvironmentOption = False,
    suite: SuiteOption = None,
    benchmarks: BenchmarksOption = "head",
    pytest_args: PytestArgsOption = "",
    budget: BudgetOption = None,
    tolerance: judging.ToleranceOption = "2%",
    detect: judging.DetectOption = "5%",
    timeout: TimeoutOption = "10m",
    seed: SeedOption = None,
    fresh: FreshOption = False,
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
    """Judge whether HEAD is slower than BASE.

    Both versions run the same benchmarks in pairs of fresh processes, whose timed blocks of 20 ms alternate.
    A group-sequential test decides as soon as it can, after 8 pairs at the earliest.
    Where nothing changed, at most 1 % of gates report a regression.
    """


RatesBudgetOption = Annotated[
    str | None, typer.Option(envvar="AIGC_BENCH_BUDGET", help="Time limit for measuring, such as 90s, 5m or 1h.")
]


@gate_app.command("error-rates")
@acts("aigc_bench.cli.actions.gate_speed:error_rates")
def error_rates(
    repeats: Annotated[int, typer.Option(min=1, help="Rounds; each is a complete gate.")] = 10,
    budget: RatesBudgetOption = "5m",
    seed: Annotated[int, typer.Option(help="Seed of the order of the sides.")] = 0,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure how often the gate on speed is wrong on this machine.

    The false-alarm rate is measured on identical work, the power on 5 % more work.
    """

"""The work of `gate speed` and `gate error-rates`."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from rich.console import Console
from rich.table import Table

from aigc_bench.cli import progress
from aigc_bench.cli.actions import judging
from aigc_bench.cli.application import command_line, print_json, stderr
from aigc_bench.core.errors import ConfigurationError
from aigc_bench.gate.sides import repository
from aigc_bench.gate.sides.sides import Asked
from aigc_bench.gate.speed.benchmark_files import FilesOf
from aigc_bench.gate.speed.error_rates import ErrorRates, measured_error_rates
from aigc_bench.gate.speed.judge import gate_speed
from aigc_bench.gate.speed.measure import Commands, PytestFiles, SuiteGenerators, relative_paths
from aigc_bench.gate.speed.planning import SpeedPolicy
from aigc_bench.gate.speed.processes import Benchmarks
from aigc_bench.gate.speed.session import Request
from aigc_bench.runs.suites.loading import load_suite
from aigc_bench.system.machine import choose_device

LEAST_TIMEOUT_S = 60.0
"""for one process, however small the budget is"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed(judging.JudgingOptions):
    """What `gate speed` was asked for, as it was typed; see `aigc_bench.cli.gate_speed.speed`."""

    files: list[str] | None
    base: str | None
    head: str | None
    base_python: str | None
    head_python: str | None
    base_command: str | None
    head_command: str | None
    build: str | None
    shared_environment: bool
    suite: str | None
    benchmarks: str
    pytest_args: str
    budget: str | None
    detect: str
    tolerance: str
    timeout: str
    seed: int | None
    fresh: bool
    apart: bool
    device: str
    data_dir: Path | None
    store: Path
    quiet: bool

    def __call__(self) -> None:
        """Measure, judge, print, write, and end with the verdict's exit code."""
        prepared = self.prepared()
        asked = self._sides()
        policy = self._policy()
        benchmarks = self._benchmarks(asked)
        with progress.shown(stderr(), quiet=self.quiet) as on_event:
            judgement = gate_speed(asked, Request(benchmarks, policy, self.store, command_line()), on_event)
        judging.finish(judgement, prepared)

    def _sides(self) -> Asked:
        asked = Asked(
            refs=both(self.base, self.head, "--base", "--head"),
            pythons=both(self.base_python, self.head_python, "--base-python", "--head-python"),
            commands=both(self.base_command, self.head_command, "--base-command", "--head-command"),
            build=self.build,
            shared_environment=self.shared_environment,
            folder=Path.cwd(),
        )
        asked.check()
        return asked

    def _policy(self) -> SpeedPolicy:
        return SpeedPolicy(
            tolerance=judging.log_ratio(self.tolerance, "--tolerance"),
            detect=judging.log_ratio(self.detect, "--detect"),
            budget_s=self._budget_s(),
            seed=self.seed,
            fresh=self.fresh,
            apart=self.apart,
        )

    def _budget_s(self) -> float | None:
        return None if self.budget is None else judging.seconds(self.budget, "--budget")

    def _benchmarks(self, asked: Asked) -> Benchmarks:
        # A hang should not cost more than the whole gate may.
        longest_s = max(self._budget_s() or math.inf, LEAST_TIMEOUT_S)
        timeout_s = min(judging.seconds(self.timeout, "--timeout"), longest_s)
        if self.suite is not None:
            if self.files or asked.commands is not None:
                raise ConfigurationError("expected --suite, files or commands to be timed; got two of them")
            document = load_suite(self.suite).model_dump(mode="json", exclude_none=True)
            data_dir = None if self.data_dir is None else str(self.data_dir.resolve())
            return SuiteGenerators(document, str(choose_device(self.device)), data_dir, timeout_s)
        if asked.commands is not None:
            if self.files:
                raise ConfigurationError("two commands are timed as they are: expected no files beside them")
            return Commands(timeout_s)
        top = repository.root_of(asked.folder) if asked.refs is not None else asked.folder
        files = relative_paths(self.files or [], asked.folder, top)
        if self.benchmarks not in get_args(FilesOf):
            raise ConfigurationError(f"expected --benchmarks head, base or own, got {self.benchmarks!r}")
        files_of = cast(FilesOf, self.benchmarks)
        return PytestFiles(files, tuple(shlex.split(self.pytest_args)), timeout_s, files_of)


def error_rates(
    repeats: int,
    budget: str | None,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """See `aigc_bench.cli.gate_speed.error_rates`."""
    budget_s = None if budget is None else judging.seconds(budget, "--budget")
    with progress.shown(stderr(), quiet=quiet) as on_event:
        found = measured_error_rates(repeats, seed=seed, budget_s=budget_s, on_event=on_event)
    if as_json:
        print_json(found.model_dump_json(indent=2))
    else:
        _print_rates(found)


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


def _print_rates(found: ErrorRates) -> None:
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

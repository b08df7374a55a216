"""The application every command belongs to: its errors, its exit codes, Ctrl-C, and options that several share."""

from __future__ import annotations

import functools
import importlib
import json
import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, ParamSpec

import typer
from rich.console import Console

from aigc_bench.core.errors import AigcBenchError, InterruptedRunError

app = typer.Typer(
    name="aigc-bench",
    help="Scores generative models, with error bars, and guards them against getting worse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

P = ParamSpec("P")

StoreOption = Annotated[
    Path, typer.Option("--store", envvar="AIGC_BENCH_STORE", help="Folder of runs and cached stages.")
]
DeviceOption = Annotated[str, typer.Option(envvar="AIGC_BENCH_DEVICE", help="auto, cpu, cuda, cuda:1 …")]
ThreadsOption = Annotated[int | None, typer.Option(envvar="AIGC_BENCH_THREADS", help="CPU threads of torch.")]
DataOption = Annotated[
    Path | None, typer.Option(envvar="AIGC_BENCH_DATA", help="Where data sets lie that are not embedded.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", envvar="AIGC_BENCH_QUIET", help="No progress.")]

WeightsOption = Annotated[
    Path | None, typer.Option("--weights", envvar="AIGC_BENCH_WEIGHTS", help="Inception's published weights.")
]

ACTIONS: dict[str, Callable[..., object]] = {}
"""action => its declaration"""

ASK_AGAIN_S = 2.0
"""after an interrupt that somebody else's code has swallowed"""


def _interrupt(signum: int, frame: FrameType | None) -> None:
    # Imports of others and callbacks from C++ now and then catch everything: asked again until we are out.
    signal.setitimer(signal.ITIMER_REAL, ASK_AGAIN_S)
    raise KeyboardInterrupt


def main() -> None:
    """The entry point of `aigc-bench`."""
    for number in (signal.SIGINT, signal.SIGALRM):
        signal.signal(number, _interrupt)
    try:
        app()
    except SystemExit as end:
        if end.code != InterruptedRunError.exit_code:
            raise
        # Where the interrupt fell into code that an extension runs, CPython remembers it as unhandled though it was
        # caught, and would kill itself by SIGINT instead of ending with our code.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(InterruptedRunError.exit_code)


def reported(command: Callable[P, None]) -> Callable[P, None]:
    """Turn our errors and Ctrl-C into a message and an exit code; anything else is a bug and shows its traceback."""

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            signal.setitimer(signal.ITIMER_REAL, 0)
            _fail(InterruptedRunError("interrupted; the same command goes on from here"), kwargs)
        except AigcBenchError as error:
            _fail(error, kwargs)

    return wrapper


def acts(action: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Declare a command: options and help stand in its module, which imports nothing heavy; what it does elsewhere.

    Args:
        action: "package.module:function" with the parameters of the declaration, imported when the command is run; or
            a class with these fields, where they are many, whose instance is called.
    """

    def declared(declaration: Callable[P, None]) -> Callable[P, None]:
        ACTIONS[action] = declaration

        @functools.wraps(declaration)
        def command(*args: P.args, **kwargs: P.kwargs) -> None:
            module, _, function = action.partition(":")
            work = getattr(importlib.import_module(module), function)(*args, **kwargs)
            if callable(work):
                work()

        return reported(command)

    return declared


def _fail(error: AigcBenchError, options: dict[str, Any]) -> None:
    stderr().print(f"[bold red]error[/] ({error.reason}): ", end="")
    stderr().print(str(error), markup=False, highlight=False, soft_wrap=True)
    if options.get("as_json") and not error.printed:
        print(json.dumps({"reason": error.reason, "message": str(error), "exit_code": error.exit_code}))
    raise typer.Exit(error.exit_code)


def stderr() -> Console:
    """Where progress and messages go."""
    return Console(stderr=True)


def command_line() -> str:
    """What was typed, for the record of a run."""
    return shlex.join(["aigc-bench", *sys.argv[1:]])

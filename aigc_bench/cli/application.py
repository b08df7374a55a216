"""The application every command belongs to: its errors, its exit codes, Ctrl-C, and options that several share."""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from importlib import metadata
from pathlib import Path
from types import FrameType, ModuleType
from typing import IO, Annotated, Any, ParamSpec

import typer
from rich.console import Console

from aigc_bench.core.errors import BUG_EXIT_CODE, AigcBenchError, ConfigurationError, InterruptedRunError
from aigc_bench.core.wording import printable

app = typer.Typer(
    name="aigc-bench",
    help="Scores generative models, with error bars, and guards them against getting worse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

P = ParamSpec("P")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"aigc-bench {metadata.version('aigc-bench')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version, and end.")
    ] = False,
) -> None:
    """Options before any command; the application's own help stands above."""


StoreOption = Annotated[
    Path, typer.Option("--store", envvar="AIGC_BENCH_STORE", help="Folder of runs and cached stages.")
]
DeviceOption = Annotated[str, typer.Option(envvar="AIGC_BENCH_DEVICE", help="auto, cpu, cuda, cuda:1 …")]
ThreadsOption = Annotated[
    int | None,
    typer.Option(envvar="AIGC_BENCH_THREADS", help="CPU threads of torch; default: its CPUs, or a container's quota."),
]
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

ISSUES = "https://github.com/aigc-bench/aigc-bench/issues"
"""as pyproject.toml says"""
POSIX_MODULES = ("fcntl", "resource")

ASK_AGAIN_S = 2.0
"""after an interrupt that somebody else's code has swallowed"""


def _interrupt(signum: int, frame: FrameType | None) -> None:
    # Imports of others and callbacks from C++ now and then catch everything: asked again until we are out.
    _ask_again_in(ASK_AGAIN_S)
    raise KeyboardInterrupt


def _ask_again_in(seconds: float) -> None:
    if hasattr(signal, "setitimer"):  # not on Windows
        signal.setitimer(signal.ITIMER_REAL, seconds)


def main() -> None:
    """The entry point of `aigc-bench`."""
    for name in ("SIGINT", "SIGALRM"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)
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
    except Exception:  # outside of any command: the interpreter would end with 1, the gate's word for a regression
        traceback.print_exc()
        sys.exit(BUG_EXIT_CODE)


def reported(command: Callable[P, None]) -> Callable[P, None]:
    """Turn our errors and Ctrl-C into a message and an exit code; anything else is a bug and shows its traceback."""

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        with _results_apart(apart=bool(kwargs.get("as_json"))):
            _ended(command, args, kwargs)

    return wrapper


def _ended(command: Callable[..., None], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    try:
        command(*args, **kwargs)
    except KeyboardInterrupt:
        _ask_again_in(0)
        _fail(InterruptedRunError("interrupted; the same command goes on from here"), kwargs)
    except AigcBenchError as error:
        _fail(error, kwargs)
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except BrokenPipeError:  # the reader of our output has gone, as `head` does; click would end with 1
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise typer.Exit(128 + 13) from None
    except Exception as error:
        _bug(error, kwargs)


RESULTS: ContextVar[IO[str] | None] = ContextVar("results", default=None)
"""where JSON goes, while everything else that is printed goes to stderr"""


@contextlib.contextmanager
def _results_apart(*, apart: bool) -> Iterator[None]:
    """Keep stdout for what `print_json` prints: plug-ins print, too, and so may processes that they start."""
    if not apart:
        yield
        return
    printed, sys.stdout = sys.stdout, sys.stderr
    kept = None
    with contextlib.ExitStack() as stack:
        stack.callback(setattr, sys, "stdout", printed)
        if _is_descriptor(printed, 1):
            printed.flush()
            kept = os.dup(1)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, 1)
            os.dup2(2, 1)
            printed = stack.enter_context(os.fdopen(os.dup(kept), "w", encoding="utf-8"))
        token = RESULTS.set(printed)
        stack.callback(RESULTS.reset, token)
        yield


def _is_descriptor(stream: IO[str], number: int) -> bool:
    try:
        return stream.fileno() == number
    except (OSError, ValueError, AttributeError):
        return False  # a test's


def print_json(text: str) -> None:
    """Print JSON where nothing else is printed."""
    print(text, file=RESULTS.get() or sys.stdout, flush=True)


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
            work = getattr(_imported(module), function)(*args, **kwargs)
            if callable(work):
                work()

        return reported(command)

    return declared


def _imported(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in POSIX_MODULES:
            raise
        raise ConfigurationError(
            f"this command needs a POSIX system, such as Linux or macOS, and here is no {error.name!r}; `run`, "
            "`score`, `compare`, `report` and `gate quality` work without"
        ) from error


def _fail(error: AigcBenchError, options: Mapping[str, Any]) -> None:
    stderr().print(f"[bold red]error[/] ({error.reason}): ", end="")
    stderr().print(printable(str(error)), markup=False, highlight=False, soft_wrap=True)
    if options.get("as_json") and not error.printed:
        print_json(json.dumps({"reason": error.reason, "message": printable(str(error)), "exit_code": error.exit_code}))
    raise typer.Exit(error.exit_code)


def _bug(error: Exception, options: Mapping[str, Any]) -> None:
    """Not the user's to mend: the traceback, and a code that nobody takes for a verdict."""
    traceback.print_exception(error)
    message = f"{type(error).__name__}: {error}"
    stderr().print("[bold red]bug[/]: ", end="")
    stderr().print(
        f"{printable(message)}. This is a fault of aigc-bench or of a plug-in; please report it with what stands above "
        f"({ISSUES})",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    if options.get("as_json"):
        print_json(json.dumps({"reason": "bug", "message": printable(message), "exit_code": BUG_EXIT_CODE}))
    raise typer.Exit(BUG_EXIT_CODE)


def stderr() -> Console:
    """Where progress and messages go."""
    return Console(stderr=True)


def command_line() -> str:
    """What was typed, for the record of a run."""
    return printable(shlex.join(["aigc-bench", *sys.argv[1:]]))

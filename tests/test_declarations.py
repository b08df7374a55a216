"""Commands are declared in one place and do their work in another: both agree, and help waits for nothing heavy."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

from aigc_bench.cli import app  # noqa: F401 (importing it declares every command)
from aigc_bench.cli.application import ACTIONS

HELP = """
import contextlib, io, sys
import typer
from aigc_bench.cli import app

def leaves(command, words):
    for name, child in getattr(command, "commands", {}).items():
        yield from leaves(child, [*words, name])
    yield words

num = 0
for words in leaves(typer.main.get_command(app), []):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        app([*words, "--help"], standalone_mode=True)
    assert "Usage" in out.getvalue(), words
    num += 1
heavy = {"torch", "numpy", "scipy", "matplotlib", "pandas", "sklearn", "PIL", "safetensors"}
print(num, sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_an_action_takes_what_its_command_declares(action: str) -> None:
    """The same parameters, given by name; the defaults are the declaration's alone."""
    module, _, name = action.partition(":")
    function = getattr(importlib.import_module(module), name)
    assert set(inspect.signature(function).parameters) == set(inspect.signature(ACTIONS[action]).parameters)


def test_help_of_every_command_loads_nothing_heavy() -> None:
    """Of all commands and groups, one after the other in one process."""
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    num, loaded = done.stdout.split(maxsplit=1)
    assert int(num) > len(ACTIONS)  # the groups, too
    assert loaded.strip() == "[]"

"""`gate`: verdicts on two sides."""

from __future__ import annotations

import typer

from aigc_bench.cli.application import app

gate_app = typer.Typer(help="Compare two versions and end with a verdict and an exit code.", no_args_is_help=True)
app.add_typer(gate_app, name="gate")

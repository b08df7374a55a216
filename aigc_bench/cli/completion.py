"""What a shell offers for a word that is half typed: names of suites, runs, plug-ins, protocols and claims.

It is asked for at every press of the tab key, so nothing heavy is imported: files and entry points are listed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from pathlib import Path

import typer

CLAIMS = ("weights", "checkpoint", "recipe")
PRECISIONS = ("fp32", "tf32", "fp16", "bf16")
PROTOCOLS = ("tf", "torch-fidelity", "pytorch-fid", "clean", "adm", "improved-gan", "studiogan", "all")
BAD_IMAGES = ("error", "skip")
SUITES = Path(__file__).parents[1] / "runs" / "suites"

Completer = Callable[[str], list[str]]


def one_of(names: Iterable[str]) -> Completer:
    """These names."""

    def offered(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return offered


def plugin(kind: str) -> Completer:
    """Entry points of `aigc_bench.KIND`."""

    def offered(incomplete: str) -> list[str]:
        return one_of(sorted(entry_points(group=f"aigc_bench.{kind}").names))(incomplete)

    return offered


def metrics(incomplete: str) -> list[str]:
    """Names of metrics after those that stand already, separated by commas."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in plugin("metrics")(last) if name not in before.split(",")]


def suites(incomplete: str) -> list[str]:
    """Bundled suites, and TOML files that begin so."""
    bundled = sorted(path.stem for path in SUITES.glob("*.toml"))
    return [*one_of(bundled)(incomplete), *_paths(incomplete, "*.toml")]


def runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Runs of the store, newest first, and `latest`."""
    store = Path(ctx.params.get("store") or os.environ.get("AIGC_BENCH_STORE") or "runs")
    found = sorted((path.parent.name for path in store.glob("*/run.json")), reverse=True)
    return one_of([*(["latest"] if found else []), *found])(incomplete)


def runs_and_baselines(ctx: typer.Context, incomplete: str) -> list[str]:
    """Runs of the store, and named baselines."""
    folder = Path(ctx.params.get("baselines") or os.environ.get("AIGC_BENCH_BASELINES") or "baselines")
    named = sorted(path.parent.name for path in folder.glob("*/run.json"))
    return [*runs(ctx, incomplete), *one_of(named)(incomplete)]


def samples(incomplete: str) -> list[str]:
    """Generators that are installed, and what lies in the folder that is being typed."""
    return [*plugin("generators")(incomplete), *_paths(incomplete, "*")]


def _paths(incomplete: str, pattern: str) -> list[str]:
    folder, _, name = incomplete.rpartition("/")
    where = Path(folder or ("/" if incomplete.startswith("/") else "."))
    try:
        entries = sorted(entry for entry in where.iterdir() if entry.name.startswith(name) and entry.name[0] != ".")
    except OSError:
        return []
    prefix = incomplete[: len(incomplete) - len(name)]
    wanted = [entry for entry in entries if entry.is_dir() or entry.match(pattern)]
    return [f"{prefix}{entry.name}{'/' if entry.is_dir() else ''}" for entry in wanted]

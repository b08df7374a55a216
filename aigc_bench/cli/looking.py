"""`report`, `show`, `list`, `doctor` and `cache`: what there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from aigc_bench.cli.application import DataOption, DeviceOption, JsonOption, StoreOption, app, print_tables, reported
from aigc_bench.core.errors import AigcBenchError

cache_app = typer.Typer(help="What finished stages left behind, for the next run.", no_args_is_help=True)
app.add_typer(cache_app, name="cache")


@app.command()
@reported
def report(
    run_name: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, its folder, or latest.")] = "latest",
    store: StoreOption = Path("runs"),
) -> None:
    """Draw the report of a stored run again."""
    from aigc_bench.api import running as api
    from aigc_bench.runs.store import Store

    print(f"Report: {api.redraw(Store(store).resolve(run_name))}")


@app.command()
@reported
def show(
    run_name: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, its folder, or latest.")] = "latest",
    store: StoreOption = Path("runs"),
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of run.json.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the scores of a stored run."""
    from aigc_bench.runs.records import Run
    from aigc_bench.runs.store import Store, load_run

    if schema:
        print(json.dumps(Run.model_json_schema(), indent=2))
        return
    found = load_run(Store(store).resolve(run_name))
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        print_tables(found)


@app.command("list")
@reported
def list_(store: StoreOption = Path("runs"), as_json: JsonOption = False) -> None:
    """List suites, generators, metrics, features, data sets, and the runs in the store."""
    from aigc_bench.core import plugins
    from aigc_bench.runs.store import Store
    from aigc_bench.runs.suites import loading

    found: dict[str, dict[str, str]] = {
        "suites": {name: loading.load_suite(name).description for name in loading.bundled_suites()}
    }
    for kind in plugins.GROUPS:
        found[kind] = {name: point.value for name, point in plugins.installed(kind).items()}
    found["runs"] = dict.fromkeys(Store(store).runs() if store.is_dir() else [], "")
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for title, entries in found.items():
        print(f"{title}:")
        for name, text in entries.items():
            print(f"  {name:<20} {text}".rstrip())


@app.command()
@reported
def doctor(device: DeviceOption = "auto", data_dir: DataOption = None, as_json: JsonOption = False) -> None:
    """Say what machine, versions, device and data sets are seen, and what is missing."""
    from dataclasses import asdict

    from aigc_bench.core import plugins
    from aigc_bench.system.machine import choose_device, environment

    found: dict[str, Any] = asdict(environment(choose_device(device)))
    for name in plugins.installed("dataset"):
        found[f"data set {name}"] = _dataset_state(name, data_dir)
    found["numbers"] = "not looked at here: aigc-bench selftest"
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for key, value in found.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        print(f"{key:<18} {text}")


def _dataset_state(name: str, data_dir: Path | None) -> str:
    from aigc_bench.core import plugins

    try:
        data = plugins.load("dataset", name)(data_dir=data_dir, download=False)
    except AigcBenchError as error:
        return f"missing: {error}"
    return f"ready: {data.fit.num_samples} to fit, {data.spec.shape}"


@cache_app.command("list")
@reported
def cache_list(store: StoreOption = Path("runs"), as_json: JsonOption = False) -> None:
    """List cached stages with their sizes."""
    from aigc_bench.runs.store import Store

    entries = Store(store).cache.entries()
    if as_json:
        print(json.dumps([{"stage": s, "digest": d, "bytes": b} for s, d, b in entries]))
        return
    for stage, digest, size in entries:
        print(f"{stage:<16} {digest:<40} {size:>12,} bytes")
    print(f"{len(entries)} entries, {sum(size for _, _, size in entries):,} bytes")


@cache_app.command("prune")
@reported
def cache_prune(store: StoreOption = Path("runs")) -> None:
    """Delete every cached stage; runs stay."""
    from aigc_bench.runs.store import Store

    print(f"freed {Store(store).cache.prune():,} bytes")

"""The work of `report`, `show`, `list`, `terms`, `doctor` and `cache`."""

from __future__ import annotations

import importlib
import inspect
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from aigc_bench.api import running as api
from aigc_bench.api.frames import frame
from aigc_bench.cli.actions.judging import duration
from aigc_bench.cli.actions.tables import print_tables
from aigc_bench.cli.application import print_json
from aigc_bench.core import plugins
from aigc_bench.core.errors import AigcBenchError, UnknownNameError
from aigc_bench.report.terms import TERMS, explained
from aigc_bench.runs.records import Run
from aigc_bench.runs.store import Store, load_run
from aigc_bench.runs.suites import loading
from aigc_bench.system.machine import choose_device, environment


def report(
    run_name: str,
    store: Path,
) -> None:
    """See `aigc_bench.cli.looking.report`."""
    print(f"Report: {api.redraw(Store(store).resolve(run_name))}")


def show(
    run_name: str,
    store: Path,
    schema: bool,
    csv: bool,
    as_json: bool,
) -> None:
    """See `aigc_bench.cli.looking.show`."""
    if schema:
        print_json(json.dumps(Run.model_json_schema(), indent=2))
        return
    found = load_run(Store(store).resolve(run_name))
    if as_json:
        print_json(found.model_dump_json(indent=2))
    elif csv:
        print(frame(found).to_csv(index=False), end="")
    else:
        print_tables(found)


def terms(words: list[str] | None) -> None:
    """See `aigc_bench.cli.looking.terms`."""
    wanted = " ".join(words or [])
    found = explained(wanted)
    if not found:
        raise UnknownNameError.of("term", wanted, [term.name for term in TERMS])
    console = Console()
    for term in found:
        console.print(Text(term.name, "bold"))
        console.print(Padding(Text(term.meaning), (0, 0, 0, 2)))


def list_(
    store: Path,
    as_json: bool,
) -> None:
    """See `aigc_bench.cli.looking.list_`."""
    found: dict[str, dict[str, str]] = {
        "suites": {name: loading.load_suite(name).description for name in loading.bundled_suites()}
    }
    for kind in plugins.GROUPS:
        found[kind] = {name: _what_it_is(kind, name) for name in plugins.installed(kind)}
    found["runs"] = dict.fromkeys(Store(store).runs() if store.is_dir() else [], "")
    if as_json:
        print_json(json.dumps(found, indent=2))
        return
    for title, entries in found.items():
        print(f"{title}:")
        width = max(map(len, entries), default=0)
        for name, text in entries.items():
            print(f"  {name:<{width}}  {text}".rstrip())


def _what_it_is(kind: plugins.Kind, name: str) -> str:
    """A sentence about something installed: a metric's own, or the first of its builder's or module's docstring."""
    try:
        item = plugins.load(kind, name)
    except AigcBenchError as error:
        return str(error)
    module = importlib.import_module(plugins.installed(kind)[name].value.partition(":")[0])
    texts = (getattr(item, "description", ""), inspect.getdoc(item) if callable(item) else "", inspect.getdoc(module))
    first = next((text for text in texts if text and not text.startswith("Build")), "") or ""
    return " ".join(first.partition("\n\n")[0].split())


def doctor(
    device: str,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """See `aigc_bench.cli.looking.doctor`."""
    found: dict[str, Any] = asdict(environment(choose_device(device)))
    for name in plugins.installed("dataset"):
        found[f"data set {name}"] = _dataset_state(name, data_dir)
    found["numbers"] = "not looked at here: aigc-bench selftest"
    if as_json:
        print_json(json.dumps(found, indent=2))
        return
    for key, value in found.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        print(f"{key:<18} {text}")


def _dataset_state(name: str, data_dir: Path | None) -> str:

    try:
        data = plugins.load("dataset", name)(data_dir=data_dir, download=False)
    except AigcBenchError as error:
        return f"missing: {error}"
    return f"ready: {data.fit.num_samples} to fit, {data.spec.shape}"


def cache_list(
    store: Path,
    as_json: bool,
) -> None:
    """See `aigc_bench.cli.looking.cache_list`."""
    entries = Store(store).cache.entries()
    if as_json:
        print_json(json.dumps([{"stage": s, "digest": d, "bytes": b} for s, d, b in entries]))
        return
    for stage, digest, size in entries:
        print(f"{stage:<16} {digest:<40} {size:>12,} bytes")
    print(f"{len(entries)} entries, {sum(size for _, _, size in entries):,} bytes")


def cache_prune(older_than: str | None, yes: bool, store: Path) -> None:
    """See `aigc_bench.cli.looking.cache_prune`."""
    cache = Store(store).cache
    age_s = 0.0 if older_than is None else duration(older_than, "--older-than")
    old = cache.entries(older_than_s=age_s)
    size = sum(num_bytes for _, _, num_bytes in old)
    if not old:
        print("nothing to delete")
        return
    print(
        f"{len(old)} entries, {size:,} bytes. Runs stay; gates on quality that need their features ask for them to be "
        "made again, and their checkpoints cannot be timed any more."
    )
    if not yes and not typer.confirm("Delete them?", default=False):
        print("kept")
        return
    print(f"freed {cache.prune(older_than_s=age_s):,} bytes")

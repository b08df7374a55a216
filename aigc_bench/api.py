"""What the command line and `import aigc_bench` share: run a suite, keep the run, draw the report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from aigc_bench.bench import Bench
from aigc_bench.core import OnEvent
from aigc_bench.errors import ConfigurationError, IncompleteRunError
from aigc_bench.harness import run_bench
from aigc_bench.machine import choose_device
from aigc_bench.report.html import write_report
from aigc_bench.store import Cache, Run, Store, load_exhibits, load_run, writing
from aigc_bench.suite import GeneratorEntry, Suite, load_suite, parse_suite


@dataclass(frozen=True, slots=True)
class Options:
    """Where and how a suite runs; what is measured stands in the suite."""

    store: Path = Path("runs")
    device: str = "auto"
    threads: int | None = None
    """None: as many as torch takes"""
    data_dir: Path | None = None
    """where data sets lie that are not embedded"""
    download: bool = False


def resolve_suite(
    name: str,
    *,
    overrides: Sequence[str] = (),
    seeds: int | None = None,
    limit: int | None = None,
    generators: Sequence[str] = (),
) -> Suite:
    """A suite with everything the command line says about it applied.

    `limit` caps N and the number of reconstructions. `generators` are entry points or "pkg.module:build": they are
    scored beside the suite's own, as built.

    Raises:
        ConfigurationError: see `load_suite`; or a number out of range.
    """
    suite = load_suite(name, overrides)
    document = suite.model_dump(exclude_none=True)
    if seeds is not None:
        document["seeds"] = seeds
    if limit is not None:
        for key in ("num_samples", "num_reconstructions"):
            document[key] = min(document[key], limit)
    added = [GeneratorEntry(build=build).model_dump(exclude_none=True) for build in generators]
    document["generators"] = [*document["generators"], *added]
    return parse_suite(document, source=name)


def prepare(suite: Suite, options: Options, on_event: OnEvent = lambda event: None) -> Bench:
    """Resolve every name of a suite on this machine; nothing is measured yet."""
    if options.threads is not None:
        if options.threads < 1:
            raise ConfigurationError(f"expected --threads of at least 1, got {options.threads}")
        torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    data: dict[str, Any] = {"data_dir": options.data_dir, "download": options.download}
    return Bench.prepare(suite, Cache(Store(options.store)), device, data, on_event)


def run(
    suite: Suite | str = "digits",
    options: Options | None = None,
    *,
    on_event: OnEvent = lambda event: None,
    command: str | None = None,
) -> tuple[Run, Path]:
    """Run a suite; the run and the folder that holds run.json, report.html and figures/.

    Raises:
        AigcBenchError: see `aigc_bench.errors`. A failed case does not raise: it is in `run.cases`.
    """
    options = options or Options()
    resolved = load_suite(suite) if isinstance(suite, str) else suite
    bench = prepare(resolved, options, on_event)
    found, exhibits = run_bench(bench, command or f"aigc-bench run {shlex.quote(resolved.name)}")
    folder = Store(options.store).write(found, exhibits)
    write_report(found, exhibits, folder)
    return found, folder


def redraw(folder: Path) -> Path:
    """Draw the report of a stored run again; the HTML file."""
    return write_report(load_run(folder), load_exhibits(folder), folder)


def check_complete(run: Run) -> None:
    """Raise if a case or a score of the run failed; a NaN is a failed benchmark, never a pass.

    Raises:
        IncompleteRunError: names every failure.
    """
    failures = [
        f"{case.generator}{'' if case.training_seed is None else f', seed {case.training_seed}'}: {case.reason}"
        for case in run.cases
        if case.status == "failed"
    ]
    failures += [f"{s.generator}, {s.metric}: {s.reason}" for s in run.scores if s.status == "failed"]
    if failures:
        raise IncompleteRunError(f"{len(failures)} failed: " + "; ".join(failures))


def write_json(run: Run, path: Path) -> None:
    """Write the run's JSON exactly there.

    Raises:
        StoreError: it cannot be written.
    """
    with writing(path):
        path.write_text(run.model_dump_json(indent=2) + "\n", encoding="utf-8")

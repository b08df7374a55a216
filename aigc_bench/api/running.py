"""Running a suite, and what becomes of a finished run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aigc_bench.api.options import Options, place_of
from aigc_bench.core import OnEvent
from aigc_bench.core.errors import IncompleteRunError
from aigc_bench.core.suites import GeneratorEntry, Suite, parse_suite
from aigc_bench.report.run.page import write_report
from aigc_bench.runs.records import Run
from aigc_bench.runs.scoring.cases import SuiteRows
from aigc_bench.runs.scoring.suite import run_suite
from aigc_bench.runs.store import Store, load_exhibits, load_run
from aigc_bench.runs.suites.loading import load_suite


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


def prepare(suite: Suite, options: Options, on_event: OnEvent = lambda event: None) -> SuiteRows:
    """Resolve every name of a suite on this machine; nothing is measured yet."""
    data: dict[str, Any] = {"data_dir": options.data_dir, "download": options.download}
    return SuiteRows.prepare(suite, place_of(options, on_event), data)


def run(
    suite: Suite | str = "digits",
    options: Options | None = None,
    *,
    on_event: OnEvent = lambda event: None,
    command: str | None = None,
) -> tuple[Run, Path]:
    """Run a suite; the run and the folder that holds run.json, report.html and figures/.

    Raises:
        AigcBenchError: see `aigc_bench.core.errors`. A failed case does not raise: it is in `run.cases`.
    """
    options = options or Options()
    resolved = load_suite(suite) if isinstance(suite, str) else suite
    rows = prepare(resolved, options, on_event)
    found, exhibits = run_suite(rows, command or f"aigc-bench run {shlex.quote(resolved.name)}")
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
    failures += [
        f"{s.generator}, {s.metric}{'' if s.class_name is None else f' of class {s.class_name}'}: {s.reason}"
        for s in run.scores
        if s.status == "failed"
    ]
    if failures:
        raise IncompleteRunError(f"{len(failures)} failed: " + "; ".join(failures))

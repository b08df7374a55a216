"""The work of `score`, `extract` and `selftest`."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from aigc_bench.api import running as api
from aigc_bench.api.checking import selftest as selftest_
from aigc_bench.api.options import Options
from aigc_bench.api.scoring import by_name, save_features
from aigc_bench.api.scoring import score as score_
from aigc_bench.cli import progress
from aigc_bench.cli.actions.judging import names
from aigc_bench.cli.actions.outputs import copy_report, write_json
from aigc_bench.cli.actions.tables import print_tables
from aigc_bench.cli.application import command_line, print_json, stderr
from aigc_bench.core.errors import ConfigurationError
from aigc_bench.report.run.terminal import selftest_table
from aigc_bench.runs.records import Run
from aigc_bench.selftest.rows import check_passed


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What `score` was asked for, as it was typed; see `aigc_bench.cli.scoring.score`."""

    fake: list[str]
    real: str
    holdout: str | None
    protocol: list[str] | None
    features: list[str] | None
    metrics: str | None
    limit: int | None
    per_class: bool
    paired: bool
    precision: str
    on_bad_image: str
    weights: Path | None
    download: bool
    store: Path
    device: str
    threads: int | None
    output: Path | None
    html: Path | None
    as_json: bool
    quiet: bool

    def __call__(self) -> None:
        """Score, print and write."""
        sys.path.insert(0, os.getcwd())  # so that a generator or --features is found in the working directory
        with progress.shown(stderr(), quiet=self.quiet) as on_event:
            run, folder = score_(
                by_name(self.fake),
                self.real,
                holdout=self.holdout,
                protocols=self.protocol or (),
                features=self.features or (),
                metrics=names(self.metrics) or None,
                limit=self.limit,
                per_class=self.per_class,
                paired=self.paired,
                precision=self.precision,
                on_bad_image=_on_bad_image(self.on_bad_image),
                options=Options(self.store, self.device, self.threads, weights=self.weights, download=self.download),
                on_event=on_event,
                command=command_line(),
            )
        self._show(run, folder)
        api.check_complete(run)

    def _show(self, run: Run, folder: Path) -> None:
        if self.output is not None:
            write_json(run, self.output)
        if self.html is not None:
            copy_report(folder, self.html)
        if self.as_json:
            print_json(run.model_dump_json(indent=2))
        else:
            print_tables(run)
            print(f"Report: {folder / 'report.html'}")


def extract(
    real: str,
    output: Path,
    protocol: str | None,
    features: str | None,
    precision: str,
    on_bad_image: str,
    weights: Path | None,
    download: bool,
    store: Path,
    device: str,
    threads: int | None,
    quiet: bool,
) -> None:
    """See `aigc_bench.cli.scoring.extract`."""
    sys.path.insert(0, os.getcwd())
    with progress.shown(stderr(), quiet=quiet) as on_event:
        found = save_features(
            real,
            output,
            protocol=protocol,
            features=features,
            precision=precision,
            on_bad_image=_on_bad_image(on_bad_image),
            options=Options(store, device, threads, weights=weights, download=download),
            on_event=on_event,
        )
    num, width = found.features.pool.shape
    print(f"{output}: {num} × {width} features by {found.extractor} ({found.extractor_digest[:8]})")


def _on_bad_image(text: str) -> Any:
    if text not in ("error", "skip"):
        raise ConfigurationError(f"expected --on-bad-image error or skip, got {text!r}")
    return text


def selftest(
    weights: Path | None,
    data_dir: Path | None,
    download: bool,
    store: Path,
    device: str,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """See `aigc_bench.cli.scoring.selftest`."""
    with progress.shown(stderr(), quiet=quiet) as on_event:
        found = selftest_(Options(store, device, threads, data_dir, download, weights), on_event=on_event)
    if as_json:
        print_json(found.model_dump_json(indent=2))
    else:
        Console().print(selftest_table(found))
    check_passed(found)

"""The work of `score`, `extract` and `selftest`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from aigc_bench.api import running as api
from aigc_bench.api.checking import selftest as selftest_
from aigc_bench.api.options import Options
from aigc_bench.api.scoring import by_name, save_features
from aigc_bench.api.scoring import score as score_
from aigc_bench.cli import progress
from aigc_bench.cli.actions.outputs import copy_report, write_json
from aigc_bench.cli.actions.tables import print_tables
from aigc_bench.cli.application import (
    command_line,
    stderr,
)
from aigc_bench.core.errors import ConfigurationError
from aigc_bench.report.run.terminal import selftest_table
from aigc_bench.selftest.rows import check_passed


def score(
    fake: list[str],
    real: str,
    holdout: str | None,
    protocol: list[str] | None,
    features: list[str] | None,
    metrics: str | None,
    limit: int | None,
    per_class: bool,
    paired: bool,
    precision: str,
    on_bad_image: str,
    weights: Path | None,
    store: Path,
    device: str,
    threads: int | None,
    output: Path | None,
    html: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """See `aigc_bench.cli.scoring.score`."""
    sys.path.insert(0, os.getcwd())  # so that a generator or --features is found in the working directory
    with progress.shown(stderr(), quiet=quiet) as on_event:
        found, folder = score_(
            by_name(fake),
            real,
            holdout=holdout,
            protocols=protocol or (),
            features=features or (),
            metrics=metrics.split(",") if metrics else None,
            limit=limit,
            per_class=per_class,
            paired=paired,
            precision=precision,
            on_bad_image=_on_bad_image(on_bad_image),
            options=Options(store, device, threads, weights=weights),
            on_event=on_event,
            command=command_line(),
        )
    if output is not None:
        write_json(found, output)
    if html is not None:
        copy_report(folder, html)
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        print_tables(found)
        print(f"Report: {folder / 'report.html'}")
    api.check_complete(found)


def extract(
    real: str,
    output: Path,
    protocol: str | None,
    features: str | None,
    precision: str,
    on_bad_image: str,
    weights: Path | None,
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
            options=Options(store, device, threads, weights=weights),
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
        print(found.model_dump_json(indent=2))
    else:
        Console().print(selftest_table(found))
    check_passed(found)

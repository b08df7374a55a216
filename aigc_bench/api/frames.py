"""A run as a table of pandas, for whatever nobody has thought of here."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from aigc_bench.runs.records import Run

COLUMNS = (
    "generator", "training_seed", "class_name", "metric", "kind", "unit", "higher_is_better", "status", "reason",
    "extractor", "value", "standard_error", "low", "high", "level", "num_samples", "method", "estimand",
)  # fmt: skip


def frame(run: Run) -> pd.DataFrame:
    """Every score of a run as a row: whose it is, its value with its interval, or why there is none."""
    rows = []
    for score in run.scores:
        found = asdict(score)
        rows.append({**found, **(found.pop("estimate") or {})})
    return pd.DataFrame(rows).reindex(columns=list(COLUMNS))

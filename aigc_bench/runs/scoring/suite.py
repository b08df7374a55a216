"""A prepared suite => Run."""

from __future__ import annotations

from aigc_bench.core import Dataset
from aigc_bench.runs.records import DatasetRecord, Exhibits, Run
from aigc_bench.runs.scoring.assembly import Begun, assembled
from aigc_bench.runs.scoring.cases import SuiteRows
from aigc_bench.runs.scoring.loop import Findings, score_rows
from aigc_bench.runs.scoring.rehearsal import expected


def run_suite(rows: SuiteRows, command: str) -> tuple[Run, Exhibits]:
    """Measure every case of a prepared suite.

    Raises:
        NothingMeasuredError: not one score has an estimate.
    """
    begun = Begun()
    rows.place.on_event({"event": "plan", "rows": list(expected(rows))})
    findings = score_rows(list(rows.planned()), rows.bench)
    run = assembled(
        findings,
        begun,
        suite=rows.suite,
        dataset=_record(rows.dataset, findings),
        command=command,
        device=rows.place.device,
    )
    return run, findings.exhibits


def _record(data: Dataset, findings: Findings) -> DatasetRecord:
    return DatasetRecord(
        name=data.name,
        digest=data.digest,
        modality=data.spec.modality,
        shape=data.spec.shape,
        sample_rate=data.spec.sample_rate,
        num_fit=data.fit.num_samples,
        num_reference=data.reference.num_samples,
        num_holdout=data.holdout.num_samples,
        num_classes=data.num_classes,
        notes=(*data.notes, *findings.drifts, *findings.notes),
    )

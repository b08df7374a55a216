"""Files that several commands write beside the store."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from aigc_bench.system.files import writing


def write_json(found: BaseModel, path: Path) -> None:
    """Write the JSON of a run or comparison exactly there.

    Raises:
        StoreError: it cannot be written.
    """
    with writing(path):
        path.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")


def copy_report(folder: Path, output: Path) -> None:
    """Write the report of a stored run exactly there.

    Raises:
        StoreError: it cannot be written.
    """
    with writing(output):
        output.write_bytes((folder / "report.html").read_bytes())

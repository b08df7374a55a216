"""Judgement => files: every output that was asked for, and none of them at the cost of another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aigc_bench.core.errors import StoreError, UnwrittenReportError
from aigc_bench.gate.verdicts import Judgement
from aigc_bench.report.judgement.junit import junit
from aigc_bench.report.judgement.markdown import MAX_BYTES, markdown
from aigc_bench.report.judgement.page import Pictures, page
from aigc_bench.system.files import writing

ELSEWHERE = "another path"


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a judgement becomes beside the terminal's table."""

    as_json: bool = False
    """stdout gets the JSON, and nothing else"""
    json: Path | None = None
    markdown: Path | None = None
    junit: Path | None = None
    html: Path | None = None
    summary: Path | None = None
    """Markdown is appended to it: GITHUB_STEP_SUMMARY"""

    @property
    def paths(self) -> list[Path]:
        """Every file that will be written."""
        return [path for path in (self.json, self.markdown, self.junit, self.html, self.summary) if path is not None]

    def check(self) -> None:
        """Find out now, not after minutes of measuring, what cannot be written.

        Raises:
            StoreError: a folder has that name, or the folder it belongs in is none or is not writable.
        """
        for path in self.paths:
            folder = next(parent for parent in path.absolute().parents if parent.exists())
            if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
                what = f"{path} is a folder" if path.is_dir() else f"{folder} is no folder that can be written to"
                raise StoreError(f"cannot write {path}: {what}; choose {ELSEWHERE}")


def write_judgement(judgement: Judgement, outputs: Outputs, pictures: Pictures | None = None) -> None:
    """Write every file that was asked for; one that cannot be written does not keep the others from it.

    Raises:
        UnwrittenReportError: names each that could not be written.
    """
    failed = []
    for path, write in _writers(judgement, outputs, pictures):
        try:
            with writing(path, ELSEWHERE):
                path.parent.mkdir(parents=True, exist_ok=True)
                write(path)
        except StoreError as error:
            failed.append(str(error))
    if failed:
        raise UnwrittenReportError("; ".join(failed))


def _writers(
    judgement: Judgement, outputs: Outputs, pictures: Pictures | None
) -> Iterator[tuple[Path, Callable[[Path], None]]]:
    """The page last: it takes longest."""
    texts: list[tuple[Path | None, Callable[[], bytes]]] = [
        (outputs.json, lambda: (judgement.model_dump_json(indent=2) + "\n").encode()),
        (outputs.markdown, lambda: markdown(judgement).encode()),
        (outputs.junit, lambda: junit(judgement)),
        (outputs.html, lambda: page(judgement, pictures).encode()),
    ]
    if outputs.summary is not None:
        yield outputs.summary, lambda path: _append(path, judgement)
    for path, content in texts:
        if path is not None:
            yield path, lambda path, content=content: _write(path, content())  # type: ignore[misc]


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing: half a file would be taken for the whole."""
    try:
        path.write_bytes(content)
    except OSError:
        if path.is_file():
            path.unlink()
        raise


def _append(path: Path, judgement: Judgement) -> None:
    """After what other commands of the step wrote, within what is left of the limit on all of it."""
    before = path.stat().st_size if path.exists() else 0
    text = markdown(judgement, MAX_BYTES - before - 1).encode()
    try:
        with path.open("ab") as file:
            file.write(b"\n" + text if before and text else text)
    except OSError:
        os.truncate(path, before)
        raise

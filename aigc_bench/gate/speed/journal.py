"""The journal of finished pairs, from which an interrupted gate resumes without measuring them again.

A file of JSON lines below STORE/gate/journals, under the digest of everything the pairs depend on. Every line is on the
disk before the next pair begins. A last line that was torn by a crash is dropped.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from aigc_bench.core.errors import StoreError
from aigc_bench.system.cache import digest_of
from aigc_bench.system.files import writing

Record = dict[str, Any]


class Journal:
    """Records in the order they were made, read back one by one, then written."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self.path = path
        self._file = file
        self._ahead = list(_records(file, path))
        self.num_read = 0
        """records of an earlier gate that were good"""
        self._num_records = 0

    def peek(self) -> Record | None:
        """The next record of an earlier gate; None where there is no more."""
        return self._ahead[0] if self._ahead else None

    def take(self) -> Record:
        """The next record, which is good: what was measured need not be measured again."""
        self.num_read += 1
        self._num_records += 1
        return self._ahead.pop(0)

    def append(self, record: Record) -> None:
        """Keep a record; it is on the disk when this returns. What was ahead is no longer true, and dropped.

        Raises:
            StoreError: the disk is full.
        """
        line = json.dumps(record, allow_nan=False).encode() + b"\n"
        with writing(self.path):
            if self._ahead:
                self._ahead = []
                self._file.seek(0)
                kept = self._file.read().splitlines(keepends=True)[: 1 + self._num_records]
                self._file.truncate(sum(map(len, kept)))
            end = self._file.seek(0, os.SEEK_END)
            try:
                _write(self._file, line)
                os.fsync(self._file.fileno())
            except OSError:
                self._file.truncate(end)
                raise
        self._num_records += 1


@contextmanager
def journal(root: Path, inputs: Mapping[str, Any], *, fresh: bool = False) -> Iterator[Journal]:
    """The journal of what depends on `inputs`; `fresh` forgets what is in it.

    Raises:
        StoreError: damaged, in use by another gate, or not to be written.
    """
    path = root / f"{digest_of(inputs)[:32]}.jsonl"
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b", buffering=0)
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"another gate is measuring the same now ({path}); wait for it, or end it") from None
        if fresh:
            file.truncate(0)
        _begin(file, path, inputs)
        yield Journal(file, path)


def _begin(file: IO[bytes], path: Path, inputs: Mapping[str, Any]) -> None:
    """The first line says what the others depend on, for whoever looks."""
    file.seek(0)
    content = file.read()
    whole = content[: content.rfind(b"\n") + 1]
    with writing(path):
        if len(whole) < len(content):
            file.truncate(len(whole))
        if not whole:
            _write(file, json.dumps({"inputs": inputs}, sort_keys=True, default=str).encode() + b"\n")


def _write(file: IO[bytes], line: bytes) -> None:
    """All of it: a file without a buffer may take a part, and refuse the rest the next time."""
    while line:
        line = line[file.write(line) :]


def _records(file: IO[bytes], path: Path) -> Iterator[Record]:
    file.seek(0)
    for number, line in enumerate(file.read().splitlines(), 1):
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError("expected an object")
        except ValueError as error:
            raise StoreError(f"{path}, line {number}, is damaged: {error}; delete the file to measure anew") from error
        if number > 1:
            yield record

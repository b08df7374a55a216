"""The folder a gate works in, with its worktrees; gone in the end, and if the gate was killed, when the next begins.

STORE/gate/workplaces/NAME/
  lock              held while the gate lives, by the kernel: it cannot be left behind by `kill -9`
  repository        path of the repository whose worktrees these are
  base/ head/       worktrees
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from aigc_bench.gate.sides import repository
from aigc_bench.system.files import writing

SIDES = ("base", "head")


@contextlib.contextmanager
def workplace(root: Path, of: Path | None) -> Iterator[Path]:
    """A fresh folder below `root`, for worktrees of the repository `of`; what dead gates left there goes first.

    Raises:
        StoreError: the disk is full or not writable.
    """
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        with _alone(root):
            sweep(root)
            folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root)).resolve()
            lock = _locked(folder)
        assert lock is not None  # nobody else looks for folders meanwhile
        if of is not None:
            (folder / "repository").write_text(str(of), encoding="utf-8", errors="surrogateescape")
    try:
        yield folder
    finally:
        with _uninterrupted():
            _remove(folder)
        lock.close()


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One gate at a time: a folder without its lock yet would be swept by another."""
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Cleaning up is the way out: who asks again meanwhile, as the command line does by SIGALRM, has to wait for it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals come to the main thread alone
        return
    # Ignored, not handled: git inherits that, too.
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGALRM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def sweep(root: Path) -> None:
    """Remove the folders of gates that are no more."""
    for folder in sorted(root.iterdir()):
        lock = _locked(folder) if folder.is_dir() else None
        if lock is not None:
            _remove(folder.resolve())
            lock.close()


def _locked(folder: Path) -> IO[str] | None:
    """The folder's lock, or None if somebody holds it."""
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _remove(folder: Path) -> None:
    note = folder / "repository"
    of = Path(note.read_text(encoding="utf-8", errors="surrogateescape")) if note.is_file() else None
    if of is not None:
        for side in SIDES:
            repository.remove_worktree(of, folder / side)
    shutil.rmtree(folder, ignore_errors=True)
    if of is not None:
        repository.prune_worktrees(of)  # one that git was killed in the middle of is known, and not yet a worktree

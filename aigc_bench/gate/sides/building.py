"""Environments of commits: built once each, and kept under the digest of what they were built from."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from aigc_bench.core import OnEvent
from aigc_bench.core.errors import BenchmarkFailedError
from aigc_bench.system.cache import digest_of
from aigc_bench.system.files import writing
from aigc_bench.system.processes import ended

INSTALL = "python -m pip install --quiet ."
PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
INSTRUMENT = ("pytest", "pytest-benchmark")
"""the same versions on both sides, those that this program has"""
FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit's files, to be built."""

    label: str
    """which side, for messages: "base (v1.2)" """
    folder: Path
    identity: str
    below: str = "."
    """where in the repository the project lies that is built and measured"""

    @property
    def project(self) -> Path:
        """The folder of the project: the one the gate was called in, where there is one, or the top."""
        below = self.folder / self.below
        return below if any((below / name).is_file() for name in PROJECT_FILES) else self.folder


@dataclass(frozen=True, slots=True)
class Builder:
    """How checkouts are built, and where environments are kept."""

    root: Path
    command: str = INSTALL
    timeout_s: float | None = None
    on_event: OnEvent = lambda event: None

    def environment(self, checkout: Checkout) -> Path:
        """The interpreter of the checkout's own environment.

        Raises:
            BenchmarkFailedError: it does not build.
            StoreError: the disk is full or not writable.
        """
        folder = self.root / digest_of(self._inputs(checkout))[:24]
        interpreter = folder.resolve() / "bin" / "python"
        with writing(folder):
            self.root.mkdir(parents=True, exist_ok=True)
            with folder.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not (folder / FINISHED).exists():
                    self._build(checkout, folder.resolve())
        return interpreter

    def _inputs(self, checkout: Checkout) -> dict[str, object]:
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        constraints = Path(os.environ.get("PIP_CONSTRAINT", ""))
        return {
            "identity": checkout.identity,
            "project": checkout.project.relative_to(checkout.folder).as_posix(),
            "python": (sys.version, os.path.realpath(sys.executable)),
            "build": self.command,
            "instrument": _instrument(),
            "pip": pip,
            "constraints": hashlib.sha256(constraints.read_bytes()).hexdigest() if constraints.is_file() else None,
        }

    def _build(self, checkout: Checkout, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)  # what a killed gate left half built
        self.on_event({"event": "note", "text": f"Building {checkout.label} with {self.command!r} …"})
        self._step(checkout, [sys.executable, "-m", "venv", str(folder)])
        path = {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
        within = path | {"VIRTUAL_ENV": str(folder)}
        python = str(folder / "bin" / "python")
        command = shlex.split(self.command)
        # The child's PATH is not where its own name is looked for.
        program = shutil.which(command[0], path=path["PATH"]) or command[0]
        self._step(checkout, [program, *command[1:]], within)
        # Last: whatever the project asks for, both sides are measured by the same.
        self._step(checkout, [python, "-m", "pip", "install", "--quiet", *_instrument()], within)
        if not _points_to(folder, checkout.folder):
            (folder / FINISHED).touch()

    def _step(self, checkout: Checkout, argv: list[str], environment: dict[str, str] | None = None) -> None:
        done = ended(argv, cwd=checkout.project, environment=environment, timeout_s=self.timeout_s)
        if done.returncode != 0:
            raise BenchmarkFailedError(
                f"{checkout.label} does not build: {done.failure(shlex.join(argv))}. Another way to install it: --build"
            )


def _instrument() -> list[str]:
    return [f"{name}=={version(name)}" for name in INSTRUMENT]


def _points_to(folder: Path, checkout: Path) -> bool:
    """Whether something was installed to be edited: then the environment is worth nothing without the checkout."""
    for note in folder.glob("lib/python*/site-packages/*.dist-info/direct_url.json"):
        if '"editable": true' in note.read_text(encoding="utf-8"):
            return True
    paths = folder.glob("lib/python*/site-packages/*.pth")
    return any(str(checkout) in path.read_text(encoding="utf-8", errors="replace") for path in paths)

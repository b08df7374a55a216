"""What is compared: two git refs, two interpreters, or two commands, each made ready to run."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from aigc_bench.core import OnEvent
from aigc_bench.core.errors import ConfigurationError
from aigc_bench.gate.sides import repository
from aigc_bench.gate.sides.building import INSTALL, Builder, Checkout
from aigc_bench.gate.sides.workplace import workplace
from aigc_bench.system.cache import digest_of

IN_PLACE = "."
WAYS = "--base REF --head REF, --base-python PATH --head-python PATH, or --base-command '…' --head-command '…'"


@dataclass(frozen=True, slots=True)
class Runnable:
    """A side that is ready to run."""

    name: str
    """as it was asked for"""
    identity: str
    """what exactly it is"""
    argv: tuple[str, ...]
    """an interpreter, or a whole command"""
    cwd: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """what is set beside this process's own"""
    is_worktree: bool = False
    """whether `cwd` is a checkout of ours, in which files may be replaced"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be compared; exactly one of the three pairs is given."""

    refs: tuple[str, str] | None = None
    """the second may be ".", the working tree as it is"""
    pythons: tuple[str, str] | None = None
    commands: tuple[str, str] | None = None
    build: str | None = None
    """replaces `pip install .`; run in the checkout's project folder, its environment's bin first on PATH"""
    shared_environment: bool = False
    """this interpreter for both, each with its own sources first"""
    folder: Path = Path()
    """where it was asked: inside the repository, and where the other two ways run"""
    build_timeout_s: float | None = 1800.0

    def check(self) -> None:
        """Refuse what makes no sense together.

        Raises:
            ConfigurationError: not exactly one way, or options of another one.
        """
        given = sum(way is not None for way in (self.refs, self.pythons, self.commands))
        if given != 1:
            raise ConfigurationError(f"expected one of {WAYS}; got {given} of them")
        if self.refs is None and (self.build or self.shared_environment):
            raise ConfigurationError("--build and --shared-environment belong to --base REF --head REF")
        if self.build and self.shared_environment:
            raise ConfigurationError("expected --build or --shared-environment: what is shared is not built")


@contextlib.contextmanager
def opened(asked: Asked, store: Path, on_event: OnEvent = lambda event: None) -> Iterator[tuple[Runnable, Runnable]]:
    """Base and head, ready to run; worktrees are gone afterwards, whatever happens.

    Raises:
        ConfigurationError: no such ref or interpreter, or options that make no sense together.
        BenchmarkFailedError: a side does not build.
        StoreError: the disk is full or not writable.
    """
    asked.check()
    if asked.commands is not None:
        yield _pair(_command(name, asked.folder) for name in asked.commands)
    elif asked.pythons is not None:
        yield _pair(_interpreter(name, asked.folder) for name in asked.pythons)
    else:
        with _of_refs(asked, store, on_event) as pair:
            yield pair


def _pair(sides: Iterator[Runnable]) -> tuple[Runnable, Runnable]:
    base, head = sides
    return base, head


def _command(text: str, folder: Path) -> Runnable:
    try:
        argv = shlex.split(text)
    except ValueError as error:
        raise ConfigurationError(f"the command {text!r} cannot be read: {error}") from error
    if not argv:
        raise ConfigurationError("expected a command, got an empty one")
    return Runnable(text, text, tuple(argv), folder)


def _interpreter(name: str, folder: Path) -> Runnable:
    # A virtual environment's python is a link: resolved, it would be the one that the environment was made from.
    path = Path(os.path.abspath(folder / (name if os.sep in name else shutil.which(name) or name)))
    if not os.access(path, os.X_OK) or path.is_dir():
        raise ConfigurationError(f"expected the path of a Python interpreter, got {name!r}, which cannot be executed")
    return Runnable(name, f"{path} {_installed_digest(path)}", (str(path),), folder)


def _installed_digest(python: Path) -> str:
    """What an environment holds, by entries and their dates: pairs of another state are not gone on with."""
    places = sorted(python.parent.parent.glob("lib/python*/site-packages/*"))
    return digest_of([(place.name, place.stat().st_mtime_ns) for place in places])[:12]


# ---- refs -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _of_refs(asked: Asked, store: Path, on_event: OnEvent) -> Iterator[tuple[Runnable, Runnable]]:
    assert asked.refs is not None
    root = repository.root_of(asked.folder)
    below = asked.folder.resolve().relative_to(root.resolve()).as_posix()
    commits = [None if ref == IN_PLACE else repository.commit_of(root, ref) for ref in asked.refs]
    with workplace(store / "gate" / "workplaces", root) as place:
        checkouts = []
        for side, ref, commit in zip(("base", "head"), asked.refs, commits, strict=True):
            if commit is None:
                identity = repository.identity_of(root, store.resolve())
                checkouts.append(Checkout(f"{side} ({ref})", root, identity, below))
                continue
            repository.add_worktree(root, place / side, commit)
            checkouts.append(Checkout(f"{side} ({ref})", place / side, commit, below))
        builder = Builder(store / "gate" / "environments", asked.build or INSTALL, asked.build_timeout_s, on_event)
        make = _sharing if asked.shared_environment else builder.environment
        yield _pair(
            replace(
                _of_checkout(ref, checkout, make(checkout), shared=asked.shared_environment),
                is_worktree=commit is not None,
            )
            for ref, commit, checkout in zip(asked.refs, commits, checkouts, strict=True)
        )


def _sharing(checkout: Checkout) -> Path:
    return Path(sys.executable)


def _of_checkout(ref: str, checkout: Checkout, python: Path, *, shared: bool) -> Runnable:
    if shared:
        roots = [str(path) for path in source_roots(checkout.project)]
        inherited = os.environ.get("PYTHONPATH")
        paths = os.pathsep.join([*roots, *([inherited] if inherited else [])])
        return Runnable(ref, checkout.identity, (str(python),), checkout.folder, {"PYTHONPATH": paths})
    # What was built is measured: not the sources beside it, which `python -m` would put first.
    return Runnable(ref, checkout.identity, (str(python),), checkout.folder, {"PYTHONSAFEPATH": "1", "PYTHONPATH": ""})


def source_roots(checkout: Path) -> list[Path]:
    """Folders that a checkout's packages are imported from: as setuptools is told, or `src` and the top.

    Raises:
        ConfigurationError: a pyproject.toml that is not TOML.
    """
    path = checkout / "pyproject.toml"
    where: object = None
    if path.is_file():
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
            where = document.get("tool", {}).get("setuptools", {}).get("packages", {}).get("find", {}).get("where")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError) as error:
            raise ConfigurationError(f"{path} cannot be read for its source roots: {error}") from error
    names = [str(name) for name in where] if isinstance(where, list) else ["src", "."]
    return [checkout / name for name in names if (checkout / name).is_dir()]

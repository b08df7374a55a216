"""git, without a shell in between: what a ref is, what a working tree is, and worktrees of commits."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
from pathlib import Path

from aigc_bench.core.errors import ConfigurationError

FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
"""set where a git hook runs us, and meant for the repository of the hook"""


def root_of(folder: Path) -> Path:
    """The top of the working tree that a folder is in.

    Raises:
        ConfigurationError: it is in none.
    """
    return Path(_git(folder, "rev-parse", "--show-toplevel").removesuffix("\n"))


def commit_of(repository: Path, ref: str) -> str:
    """The commit that a ref names: a branch, tag, hash, `HEAD~3`, `:/words of a message`, whatever it begins with.

    Raises:
        ConfigurationError: there is none.
    """
    try:
        # In two steps: to `:/words` a suffix would be more words.
        full = _git(repository, "rev-parse", "--verify", "--end-of-options", ref).strip()
        return _git(repository, "rev-parse", "--verify", f"{full}^{{commit}}").strip()
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{repository} has no commit named {ref!r}; expected a branch, a tag or a hash that is there (a shallow "
            f"clone has only the newest: git fetch --unshallow). {error}"
        ) from error


def identity_of(repository: Path, without: Path) -> str:
    """The commit of a working tree, and a digest of what differs from it, but for what is below `without`."""
    commit = _git(repository, "rev-parse", "--verify", "HEAD").strip()
    pathspec = ["--", "."]
    if without.is_relative_to(repository) and without != repository:
        pathspec += [f":(exclude,literal){without.relative_to(repository).as_posix()}"]
    changes = _git(repository, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", *pathspec)
    unknown = _git(repository, "ls-files", "--others", "--exclude-standard", "-z", *pathspec).split("\0")[:-1]
    if not changes and not unknown:
        return commit
    digest = hashlib.sha256(changes.encode(errors="surrogateescape"))
    for name in unknown:
        # By their dates, not their contents: somebody's data may lie there.
        there = (repository / name).lstat()
        digest.update(f"{name}\0{there.st_size}\0{there.st_mtime_ns}\0".encode(errors="surrogateescape"))
    return f"{commit}-dirty-{digest.hexdigest()[:12]}"


def add_worktree(repository: Path, folder: Path, commit: str) -> None:
    """Check a commit out in a folder of its own; the repository's hooks do not run."""
    _git(repository, "worktree", "add", "--quiet", "--detach", str(folder), commit)


def restore(folder: Path) -> None:
    """Make a worktree again what its commit says."""
    _git(folder, "reset", "--quiet", "--hard")
    _git(folder, "clean", "--quiet", "-d", "--force")


def remove_worktree(repository: Path, folder: Path) -> None:
    """Forget a worktree, whatever was changed in it; nothing happens where there is none, or no repository."""
    with contextlib.suppress(ConfigurationError):
        _git(repository, "worktree", "remove", "--force", "--force", str(folder))


def prune_worktrees(repository: Path) -> None:
    """Forget worktrees whose folders are gone."""
    with contextlib.suppress(ConfigurationError):
        _git(repository, "worktree", "prune")


def _git(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    try:
        done = subprocess.run(
            ["git", "-c", "core.hooksPath=/dev/null", *arguments],
            cwd=folder,
            env={**environment, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
    except OSError as error:
        raise ConfigurationError(f"git cannot be run in {folder}: {error}") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise ConfigurationError(f"git {arguments[0]} in {folder} says: {said}") from error
    return done.stdout.decode(errors="surrogateescape")

"""Downloads: only when told to, checksum-verified, written atomically."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from pathlib import Path

from aigc_bench.errors import DataError

TIMEOUT_S = 60


def cache_folder() -> Path:
    """Where downloads go: $XDG_CACHE_HOME/aigc-bench, or ~/.cache/aigc-bench."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aigc-bench"


def fetch(url: str, path: Path, md5: str) -> Path:
    """Download `url` to `path` unless it is there; the path.

    Raises:
        DataError: the address does not answer, or the content's MD5 is not `md5`; nothing is kept then.
    """
    if path.is_file():
        return path
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read()
    except (OSError, ValueError) as error:
        raise DataError(f"cannot download {url}: {error}; put the file into {path.parent} by hand") from error
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DataError(f"checksum mismatch: {url} has MD5 {found}, expected {md5}; nothing was kept")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    os.replace(partial, path)
    return path

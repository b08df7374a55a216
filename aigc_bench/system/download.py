"""Downloads: only when told to, checksum-verified, written atomically."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.request
from pathlib import Path
from typing import Literal

from aigc_bench.core.errors import DataError

TIMEOUT_S = 60


def cache_folder(kind: Literal["data", "weights"]) -> Path:
    """Where downloads go: $XDG_CACHE_HOME/aigc-bench/<kind>, or ~/.cache/aigc-bench/<kind>."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aigc-bench" / kind


def fetch(url: str, path: Path, checksum: str) -> Path:
    """Download `url` to `path` unless it is there; the path. `checksum` is hexadecimal, MD5 or SHA-256 by its length.

    Raises:
        DataError: the address does not answer, `path` cannot be written, or the content, found or fetched, is not
            what `checksum` says; nothing is kept then.
    """
    try:
        if path.is_file():
            _verify(path.read_bytes(), checksum, f"{path}, already there,", "remove it and try again")
            return path
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DataError(f"cannot download {url}: {error}; put the file into {path.parent} by hand") from error
    _verify(content, checksum, url, "nothing was kept")
    _write(content, path)
    return path


def _verify(content: bytes, checksum: str, what: str, way_out: str) -> None:
    if len(checksum) == 64:
        kind, found = "SHA-256", hashlib.sha256(content).hexdigest()
    else:
        kind, found = "MD5", hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != checksum.lower():
        raise DataError(f"checksum mismatch: {what} has {kind} {found}, expected {checksum}; {way_out}")


def _write(content: bytes, path: Path) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error}") from error
    finally:
        # A parent that is no folder has no partial file either, and says so with another error than "missing".
        if partial.parent.is_dir():
            partial.unlink(missing_ok=True)

"""Finding things by name: `importlib.metadata` is the registry.

A plain name is an entry point of one of the groups below; a name with a colon ("pkg.module:attribute") is
imported without registration. Built-ins go through the same door as outsiders.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

from aigc_bench.core.errors import AigcBenchError, ConfigurationError, UnknownNameError

Kind = Literal["generator", "metric", "features", "dataset", "modality"]

GROUPS: Mapping[Kind, str] = {
    "generator": "aigc_bench.generators",
    "metric": "aigc_bench.metrics",
    "features": "aigc_bench.features",
    "dataset": "aigc_bench.datasets",
    "modality": "aigc_bench.modalities",
}


def installed(kind: Kind) -> dict[str, EntryPoint]:
    """Name => entry point of everything installed of this kind, sorted by name."""
    return {point.name: point for point in sorted(entry_points(group=GROUPS[kind]), key=lambda p: p.name)}


def load(kind: Kind, name: str) -> Any:
    """The object behind an entry point's name or "pkg.module:attribute".

    Raises:
        UnknownNameError: no such entry point; names the nearest one.
        ConfigurationError: the module or attribute cannot be imported.
    """
    points = installed(kind)
    if name in points:
        point = points[name]
    elif ":" in name:
        point = EntryPoint(name=name, value=name, group=GROUPS[kind])
    else:
        raise UnknownNameError.of(kind, name, points)
    try:
        return point.load()
    except AigcBenchError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"{kind} {name!r} ({point.value}) cannot be imported: {type(error).__name__}: {error}"
        ) from error


def check_options(kind: Kind, name: str, builder: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Refuse options that the builder's signature does not name.

    Raises:
        UnknownNameError: an option nobody asked for; names the nearest one.
    """
    parameters = inspect.signature(builder).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    reserved = {"spec", "device", "data_dir", "download"}
    known = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY} - reserved
    for option in options:
        if option not in known:
            raise UnknownNameError.of(f"option of {kind} {name!r}", option, known)


def source_digest(*objects: Any) -> str:
    """SHA-256 over the source files that define `objects` (callables, classes or modules).

    A module stands for its file, a package for all Python files below its folder. It is part of every cached
    stage's key, so an edit is never answered from the cache.
    """
    digest = hashlib.sha256()
    for path in sorted({path for item in objects for path in _source_files(item)}):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _source_files(item: Any) -> list[Path]:
    # A metric is a value: what computes it has the source.
    module = inspect.getmodule(getattr(item, "compute", item)) or inspect.getmodule(type(item))
    file = getattr(module, "__file__", None)
    if file is None:
        return []
    path = Path(file)
    return sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]

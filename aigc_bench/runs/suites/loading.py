"""Suites by bundled name or TOML file, with overrides from the command line applied."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from aigc_bench.core.errors import ConfigurationError, UnknownNameError
from aigc_bench.core.suites import Suite, parse_suite


def bundled_suites() -> dict[str, Path]:
    """Name => TOML file of the suites that ship with the package."""
    folder = Path(str(resources.files("aigc_bench.runs.suites")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_suite(name_or_path: str, overrides: Sequence[str] = ()) -> Suite:
    """Read a suite by bundled name or TOML path, with `path.to.key=value` overrides applied.

    Raises:
        UnknownNameError: neither a bundled suite nor a file.
        ConfigurationError: not TOML, an unknown key, or a wrong type.
    """
    bundled = bundled_suites()
    path = bundled.get(name_or_path, Path(name_or_path))
    if not path.is_file():
        raise UnknownNameError.of("suite", name_or_path, bundled)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from error
    for override in overrides:
        _override(document, override)
    return parse_suite(document, source=str(path))


def _override(document: dict[str, Any], override: str) -> None:
    """Apply one `generators.gan.budget.steps=100`; a list of tables is entered by name or index."""
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigurationError(f"expected path.to.key=value, got {override!r}")
    node: Any = document
    for key in keys[:-1]:
        node = _child(node, key, override)
    if not isinstance(node, dict):
        raise ConfigurationError(f"{override!r}: there is no table at {'.'.join(keys[:-1])!r}")
    node[keys[-1]] = _toml_value(text.strip())


def _child(node: Any, key: str, override: str) -> Any:
    if isinstance(node, dict):
        return node.setdefault(key, {})
    if isinstance(node, list):
        names = {str(item.get("name") or item.get("build")): item for item in node}
        names |= {str(index): item for index, item in enumerate(node)}
        if key in names:
            return names[key]
        raise UnknownNameError.of(f"entry (in {override!r})", key, names)
    raise ConfigurationError(f"{override!r}: {key!r} is below a value, not a table")


def _toml_value(text: str) -> Any:
    """What TOML reads there; a bare word is a string, so that `--set name=mine` needs no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text

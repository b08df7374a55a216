"""Whose code would have printed which number: the published protocols of one metric, and their names.

A protocol is an extractor with its options. `fid` without more is that of TensorFlow's original, with its weights; on
any other extractor the same statistic is `fd_<extractor>`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aigc_bench.errors import UnknownNameError


@dataclass(frozen=True, slots=True)
class Protocol:
    """An extractor, its options, and what its scores are called."""

    name: str
    features: str
    """entry point of `aigc_bench.features`, or "pkg.module:build" """
    options: Mapping[str, Any] = field(default_factory=dict)
    published: Mapping[str, str] = field(default_factory=dict)
    """a score's name by its statistic and extractor => its name in papers"""
    description: str = ""


def _inception(name: str, kernel: str, suffix: str, description: str) -> Protocol:
    extractor = "inception" if kernel == "tf1-bilinear" else f"inception-{kernel}"
    published = {f"fd_{extractor}": f"fid{suffix}", f"kd_{extractor}": f"kid{suffix}"}
    return Protocol(name, "inception", {"resize": kernel}, published, description)


PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        _inception("tf", "tf1-bilinear", "", "TensorFlow's, as in Heusel et al. 2017 and torch-fidelity"),
        _inception("pytorch-fid", "torch-bilinear", "@pytorch-fid", "pytorch-fid's resize and scaling"),
        _inception("clean", "pil-bicubic-float", "@clean", "clean-fid's antialiased resize (Parmar et al. 2022)"),
    )
}

_PUBLISHED = {ours: theirs for protocol in PROTOCOLS.values() for ours, theirs in protocol.published.items()}


def published_name(metric: str) -> str:
    """What papers call a score, where they have a name for exactly this: "fd_inception" => "fid"."""
    return _PUBLISHED.get(metric, metric)


def selected(names: Sequence[str], features: Sequence[str]) -> tuple[Protocol, ...]:
    """Protocols by name ("all": every published one) and extractors by name; the first protocol where none is named.

    Raises:
        UnknownNameError: no such protocol.
    """
    wanted: list[Protocol] = []
    for name in names or ([] if features else ["tf"]):
        if name == "all":
            wanted += PROTOCOLS.values()
        elif name in PROTOCOLS:
            wanted.append(PROTOCOLS[name])
        else:
            raise UnknownNameError.of("protocol", name, [*PROTOCOLS, "all"])
    wanted += [Protocol(name, name) for name in features]
    return tuple({protocol.name: protocol for protocol in wanted}.values())

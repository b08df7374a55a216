"""Whose code would have printed which number: the published protocols, and what they call their scores.

A protocol is an extractor with its options, the metrics that its code prints, and their names. `fid` without more is
that of TensorFlow's original, with its weights; on any other extractor the same statistic is `fd_<extractor>`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aigc_bench.core import plugins
from aigc_bench.core.errors import ConfigurationError, UnknownNameError


@dataclass(frozen=True, slots=True)
class Protocol:
    """An extractor, its options, the metrics that are printed, and what they are called."""

    name: str
    features: str
    """entry point of `aigc_bench.features`, or "pkg.module:build" """
    options: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    """entry points of what this code prints; empty: whatever is asked for"""
    published: Mapping[str, str] = field(default_factory=dict)
    """our name of a score => the name that this code gives it"""
    mark: str = ""
    """what tells its scores from those of other codes: "@adm" """
    description: str = ""
    variants: Mapping[str, str] = field(default_factory=dict)
    """entry point that is asked for => the one that this code computes under that name"""
    paired: bool = False
    """the samples are reconstructions of the real ones: a Fréchet distance is called `rfid`"""

    def variant(self, metric: str) -> str:
        """What this code computes where `metric` is asked for: "inception_score" => "inception_score_adm"."""
        return self.variants.get(metric, metric)

    def called(self, metric: str) -> str:
        """What a score is called: "fd_inception" => "fid@adm"."""
        prefix = "r" if self.paired and metric.startswith("fd_") else ""
        name = prefix + self.published.get(metric, metric)
        says_it = name.endswith(f"_{self.mark[1:]}")  # "fd_pixels" does
        if self.mark == f"@{self.features}":
            says_it = says_it or metric.endswith(f"_{self.features}")  # and "fid", which is "fd_inception"
        return name if says_it else name + self.mark

    def shares_a_pass_with(self, other: Protocol) -> bool:
        """Whether one forward pass serves both."""
        return self.features == other.features and self.options == other.options


def _inception(
    name: str,
    kernel: str,
    mark: str,
    description: str,
    metrics: tuple[str, ...] = (),
    variants: Mapping[str, str] | None = None,
    **published: str,
) -> Protocol:
    extractor = "inception" if kernel == "tf1-bilinear" else f"inception-{kernel}"
    families = {"fd": "fid", "fd_infinity": "fid_infinity", "sfd": "sfid", "kd": "kid", "kd_subsets": "kid_subsets"}
    names = {**{f"{ours}_{extractor}": theirs for ours, theirs in families.items()}, **published}
    return Protocol(name, "inception", {"resize": kernel}, metrics, names, mark, description, variants or {})


PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        _inception("tf", "tf1-bilinear", "", "TensorFlow's, as in Heusel et al. 2017"),
        _inception("pytorch-fid", "torch-bilinear", "@pytorch-fid", "pytorch-fid's resize and scaling", ("fd",)),
        _inception(
            "clean",
            "pil-bicubic-float",
            "@clean",
            "clean-fid's antialiased resize (Parmar et al. 2022)",
            ("fd", "kd"),
        ),
        _inception(
            "torch-fidelity",
            "tf1-bilinear",
            "@torch-fidelity",
            "torch-fidelity's KID over 100 subsets",
            ("fd", "kd_subsets", "inception_score"),
            {"kd": "kd_subsets"},
            kd_subsets_inception="kid",
        ),
        replace(
            _inception(
                "adm",
                "tf1-bilinear",
                "@adm",
                "OpenAI's evaluator of guided diffusion (Dhariwal and Nichol 2021)",
                ("fd", "sfd", "inception_score_adm", "precision", "recall"),
                {"inception_score": "inception_score_adm"},
                inception_score_adm="inception_score",
            ),
            options={"resize": "tf1-bilinear", "spatial": True},
        ),
        _inception(
            "improved-gan",
            "tf1-bilinear",
            "@improved-gan",
            "the first Inception Score (Salimans et al. 2016)",
            ("inception_score_improved_gan",),
            {"inception_score": "inception_score_improved_gan"},
            inception_score_improved_gan="inception_score",
        ),
        # Its network is fed as pytorch-fid's is, not as TensorFlow's.
        _inception(
            "studiogan",
            "torch-bilinear",
            "@studiogan",
            "PyTorch-StudioGAN's Inception Score",
            ("inception_score_studiogan",),
            {"inception_score": "inception_score_studiogan"},
            inception_score_studiogan="inception_score",
        ),
    )
}


PRECISIONS = ("fp32", "tf32", "fp16", "bf16")
"""of an extractor's arithmetic, where it has such an option; another than the first is part of its name"""


def selected(names: Sequence[str], features: Sequence[str], precision: str = "fp32") -> tuple[Protocol, ...]:
    """Protocols by name ("all": every published one) and extractors by name; the first protocol where none is named.

    Raises:
        UnknownNameError: no such protocol.
        ConfigurationError: an extractor without this precision.
    """
    wanted: list[Protocol] = []
    for name in names or ([] if features else ["tf"]):
        if name == "all":
            wanted += PROTOCOLS.values()
        elif name in PROTOCOLS:
            wanted.append(PROTOCOLS[name])
        else:
            raise UnknownNameError.of("protocol", name, [*PROTOCOLS, "all"])
    # Scores without their extractor in their name would be one column with another extractor's.
    wanted += [Protocol(name, name, mark=f"@{name}" if len(wanted) + len(features) > 1 else "") for name in features]
    wanted = [_with_precision(protocol, precision) for protocol in wanted]
    return _with_shared_outputs(list({protocol.name: protocol for protocol in wanted}.values()))


def of_suite(features: Sequence[str]) -> tuple[Protocol, ...]:
    """A protocol per extractor of a suite, in its order; scores of `inception` have their published names.

    Raises:
        UnknownNameError: no such extractor.
    """
    published = PROTOCOLS["tf"].published
    mark = len(features) > 1
    return tuple(Protocol(name, name, published=published, mark=f"@{name}" if mark else "") for name in features)


def passes(protocols: Sequence[Protocol]) -> list[list[Protocol]]:
    """Protocols in groups that one forward pass serves, in order of their first."""
    found: list[list[Protocol]] = []
    for protocol in protocols:
        group = next((group for group in found if protocol.shares_a_pass_with(group[0])), None)
        if group is None:
            found.append([protocol])
        else:
            group.append(protocol)
    return found


def _with_precision(protocol: Protocol, precision: str) -> Protocol:
    """The protocol with its extractor's arithmetic in another precision; float32 is what all have."""
    if precision == "fp32":
        return protocol
    if precision not in PRECISIONS:
        raise ConfigurationError(f"expected precision to be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if not _has_precision(protocol.features):
        able = [name for name in plugins.installed("features") if _has_precision(name)]
        raise ConfigurationError(
            f"extractor {protocol.features!r} has no option 'precision' and works in fp32 alone; expected "
            f"--precision fp32, or an extractor that has it: {', '.join(able)}"
        )
    return replace(protocol, options={**protocol.options, "precision": precision})


def _has_precision(features: str) -> bool:
    return "precision" in inspect.signature(plugins.load("features", features)).parameters


def _with_shared_outputs(protocols: list[Protocol]) -> tuple[Protocol, ...]:
    """A further output that one protocol needs is asked for by all that otherwise share its pass."""

    def without(options: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in options.items() if key != "spatial"}

    found = []
    for protocol in protocols:
        for other in protocols:
            alike = protocol.features == other.features and without(protocol.options) == without(other.options)
            if alike and other.options.get("spatial"):
                protocol = replace(protocol, options=other.options)
        found.append(protocol)
    return tuple(found)

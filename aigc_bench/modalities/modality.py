"""What a modality is: everything that the harness has to know about one kind of samples, as one value.

A modality is found by name through the entry-point group `aigc_bench.modalities`, as metrics and extractors are. No
other part of the harness asks which modality it works on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from aigc_bench.core import ReconstructionErrors, SampleSpec, plugins
from aigc_bench.core.errors import ConfigurationError
from aigc_bench.samples.sets import OnBadImage, SampleSet


class Opener(Protocol):
    """Opens anybody's samples as a stream of canonical ones."""

    def __call__(self, source: Any, *, on_bad_image: OnBadImage = "error") -> SampleSet:
        """A path, an array, a tensor, a data set …: whatever the modality says it reads.

        Raises:
            DataError: nothing there, unsafe, damaged, empty, or no such samples.
        """
        ...


@dataclass(frozen=True, slots=True)
class Modality:
    """One kind of samples.

    The outside package of tests/modalities/test_outside_modality.py brings points in the plane, and is an example.
    """

    name: str
    dtype: torch.dtype
    """of canonical samples"""
    check_shape: Callable[[tuple[int, ...]], str | None]
    """what is wrong with a sample's shape: "expected images (C, H, W) with C = 1 or 3"; None where it fits"""
    check_values: Callable[[Tensor], str | None]
    """what is wrong with canonical samples (N, *shape) of the right type, in words; None where they are sound"""
    quantise: str
    """how authors of generators make canonical samples: "x.mul(255).round().to(torch.uint8)" """
    tolerance: float
    """how far a sample may move with the batch that it is drawn in, in canonical units"""
    open: Opener
    claims: Callable[[Any], bool]
    """whether a source looks like samples of this modality, judged by a glance at names and headers"""
    noise: Callable[[Tensor, SampleSpec], Tensor]
    """seeds (N,) int64 => (N, *shape): samples without any structure, the anchor that every model must beat"""
    pairwise_errors: Callable[[Tensor, Tensor], ReconstructionErrors]
    """originals and reconstructions (N, *shape) => how far each reconstruction is from its original"""
    sheet: Callable[[Sequence[Tensor]], Tensor]
    """samples of any shapes => (n, …) of one shape, small enough to be kept with a run and shown later"""
    picture: Callable[[Tensor, int, int | None], bytes]
    """what `sheet` gave, how many stand in a row, and a scale or None => PNG"""
    difference: Callable[[Tensor, Tensor], str]
    """what `sheet` gave of the same seeds on two sides => how far apart they are, in words"""
    corruptions: Mapping[str, Callable[[Tensor, float], Tensor]] = field(default_factory=dict)
    """name => (N, *shape) and a strength from 0 to 1 => the same, deliberately made worse"""
    features: tuple[str, ...] = ()
    """extractors of `score` where nobody names one; none: those of the first published protocol"""
    metrics: tuple[str, ...] | None = None
    """metrics of `score` where nobody names one; None: those of any protocol"""
    is_default: bool = False
    """opens what no modality claims, and says what is wrong with it"""


def modality_of(spec: SampleSpec) -> Modality:
    """The modality of samples like these.

    Raises:
        UnknownNameError: none of that name is installed.
    """
    return named(spec.modality)


def named(name: str) -> Modality:
    """The installed modality of that name.

    Raises:
        UnknownNameError: there is none; names the nearest.
    """
    modality: Modality = plugins.load("modality", name)
    return modality


def recorded(name: str) -> Modality:
    """The modality that a run's record names; the default one of records that are older than modalities."""
    return named(name) if name else _default()


def claiming(source: Any) -> Modality:
    """The modality whose samples a source holds; the default one where none claims it.

    Raises:
        ConfigurationError: several claim it.
    """
    installed = [named(name) for name in plugins.installed("modality")]
    claims = [modality for modality in installed if modality.claims(source)]
    if len(claims) > 1:
        names = ", ".join(modality.name for modality in claims)
        raise ConfigurationError(
            f"{source} may hold samples of several modalities ({names}); expected a form that one of them alone reads"
        )
    return claims[0] if claims else _default()


def _default() -> Modality:
    return next(modality for name in plugins.installed("modality") if (modality := named(name)).is_default)

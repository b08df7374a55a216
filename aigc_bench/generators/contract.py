"""The promise of a generator, checked: a seed names a sample, whatever else is drawn with it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from aigc_bench.core import Generator
from aigc_bench.core.errors import GeneratorError
from aigc_bench.generators import drawing
from aigc_bench.modalities.modality import modality_of


def departure(generator: Generator, seeds: Tensor, drawn: Tensor | None = None) -> str | None:
    """How a generator departs from the contract, in words; None where these few draws show nothing.

    Args:
        generator: draws the seeds again: twice, in reverse, the first ones alone.
        seeds: (n,) int64, all different, n ≥ 2.
        drawn: (n, *shape) their samples as they were drawn before, in whatever batches.
    """
    for complaint, ours, theirs in _pairs(generator, seeds, drawn):
        apart = float((ours.to(torch.float32) - theirs.to(torch.float32)).abs().max())
        if apart > (allowed := modality_of(generator.spec).tolerance):
            return f"{complaint} (they differ by up to {apart:g}, allowed {allowed:g})"
    again = drawing.samples_of(generator, seeds)
    if bool((again[1:] == again[:1]).all()):
        return "every seed gave the same sample: expected the sample to depend on its seed"
    return None


def _pairs(generator: Generator, seeds: Tensor, drawn: Tensor | None) -> Iterator[tuple[str, Tensor, Tensor]]:
    samples = drawing.samples_of(generator, seeds)
    yield "the same seeds, drawn twice, gave other samples", drawing.samples_of(generator, seeds), samples
    yield "samples depend on the order of the seeds", drawing.samples_of(generator, seeds.flip(0)), samples.flip(0)
    alone = torch.cat([drawing.samples_of(generator, seed[None]) for seed in seeds[:3]])
    yield "a sample depends on the batch it is drawn in", alone, samples[:3]
    if drawn is not None:
        yield "a sample depends on the batch it is drawn in", samples, drawn.to(samples.device)


def checked_row(generator: Generator, seeds: Tensor, drawn: Tensor | None) -> str | None:
    """The same as a sentence for a report; a check that fails by itself is said, too."""
    try:
        found = departure(generator, seeds, drawn)
    except GeneratorError as error:
        return f"whether a seed names a sample could not be checked: {error}"
    return (
        None if found is None else f"a seed does not name a sample here, so that no pairs by seed are claimed: {found}"
    )

"""What a generator's encoder and decoder make of held-out samples."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from aigc_bench.core import Generator, ReconstructionErrors, SampleSpec
from aigc_bench.core.errors import NotAvailableError
from aigc_bench.generators.drawing import SAMPLE_BATCH, checked
from aigc_bench.modalities.modality import modality_of

NUM_RECONSTRUCTIONS_SHOWN = 16


def reconstructions(generator: Generator, original: Tensor) -> dict[str, Tensor]:
    """What the generator's encoder and decoder make of held-out samples.

    Returns:
        squared, ssim: (N,) float64, see `ReconstructionErrors`.
        originals, reconstructions: the first few, (n, C, H, W) uint8, to look at.

    Raises:
        NotAvailableError: the generator has no `reconstruct`.
    """
    reconstruct = getattr(generator, "reconstruct", None)
    if reconstruct is None:
        raise NotAvailableError("it has no `reconstruct`")
    squared, similarity, shown = [], [], original[:0]
    for chunk in original.split(SAMPLE_BATCH):
        found = checked(generator, "reconstruct", partial(reconstruct, chunk), len(chunk))
        errors = modality_of(generator.spec).pairwise_errors(chunk, found)
        squared.append(errors.squared)
        similarity.append(errors.ssim)
        shown = torch.cat([shown, found])[:NUM_RECONSTRUCTIONS_SHOWN]
    return {
        "squared": torch.cat(squared),
        "ssim": torch.cat(similarity),
        "originals": original[: len(shown)].clone(),
        "reconstructions": shown.clone(),
    }


def reconstruction_errors(found: dict[str, Tensor], spec: SampleSpec) -> ReconstructionErrors:
    """The evidence among what `reconstructions` returned."""
    shown = modality_of(spec).pairwise_errors(found["originals"], found["reconstructions"])
    return replace(shown, squared=found["squared"], ssim=found["ssim"])

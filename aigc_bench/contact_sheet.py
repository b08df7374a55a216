"""What a report of scored samples shows beside the scores: a few of them, and their predicted classes.

The keys are described at `aigc_bench.store.Exhibits`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_bench.core import Features
from aigc_bench.inputs.samples import SampleSet
from aigc_bench.store import Exhibits

NUM_SHOWN = 64
THUMBNAIL_PX = 64
MAX_CLASSES = 100
"""a histogram of more predicted classes than that shows nothing"""


def exhibits_of(name: str, samples: SampleSet, fake: Features) -> Exhibits:
    """The first samples of a set, and how many of it the classifier counts to which class."""
    found = classes_of(name, fake)
    if samples.shape is not None:
        found[f"samples/{name}/-"] = thumbnails(next(samples.batches(NUM_SHOWN)))
    return found


def classes_of(name: str, features: Features) -> Exhibits:
    """Predicted classes; nothing where there is no classifier, or it has too many."""
    if features.logits is None or features.logits.shape[1] > MAX_CLASSES:
        return {}
    return {f"classes/{name}/-": torch.bincount(features.logits.argmax(1), minlength=features.logits.shape[1])}


def thumbnails(samples: Tensor) -> Tensor:
    """(N, C, H, W) uint8, scaled down where a side is longer than a thumbnail's."""
    side = max(samples.shape[2:])
    if side <= THUMBNAIL_PX:
        return samples.contiguous()
    size = [max(1, length * THUMBNAIL_PX // side) for length in samples.shape[2:]]
    small = F.interpolate(samples.float(), size=size, mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).to(torch.uint8).contiguous()

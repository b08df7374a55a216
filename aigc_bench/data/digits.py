"""scikit-learn's 1,797 handwritten digits of 8 × 8 (UCI "Optical Recognition of Handwritten Digits", test part).

They ship inside scikit-learn, so the main job runs on real input with no download.
"""

from __future__ import annotations

from pathlib import Path

import torch
from sklearn.datasets import load_digits

from aigc_bench.core import Dataset, SampleSpec
from aigc_bench.data.splits import digest_of, split
from aigc_bench.modalities.image import NAME as IMAGE

SIZES = (897, 450, 450)
SPLIT_SEED = 0

NOTES = (
    "The pixels have 17 grey levels spread over 0…255: an 8-bit likelihood can learn that 239 levels never occur, so "
    "bits/dim compare between rows of this table only, not with figures on natural images.",
    "8 × 8 pixels are smaller than SSIM's usual 11 × 11 Gaussian window; a uniform 7 × 7 window is used.",
    "There are 450 samples on each side: intervals are wide, and small differences are not seen.",
)


def build(*, data_dir: Path | None = None, download: bool = False) -> Dataset:
    """897 digits to fit, 450 as reference, 450 held out; uint8 (1, 8, 8). Nothing is read from `data_dir`."""
    bunch = load_digits()
    samples = torch.from_numpy(bunch.images).mul(255 / 16).round().to(torch.uint8)[:, None]
    fit, reference, holdout = split(samples, torch.from_numpy(bunch.target).long(), SIZES, SPLIT_SEED)
    return Dataset(
        name="digits",
        spec=SampleSpec(IMAGE, (1, 8, 8)),
        fit=fit,
        reference=reference,
        holdout=holdout,
        digest=digest_of(fit, reference, holdout),
        num_classes=10,
        notes=NOTES,
    )

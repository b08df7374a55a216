"""A folder of images as a data set: nested, sorted by path, of one size, read when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from aigc_bench.core import Dataset, SampleSpec
from aigc_bench.core.errors import ConfigurationError, DataError
from aigc_bench.data.splits import split
from aigc_bench.modalities.image import NAME as IMAGE
from aigc_bench.modalities.image.decoding import IMAGES
from aigc_bench.modalities.image.encoded import EncodedSamples
from aigc_bench.samples.members import FolderMembers
from aigc_bench.samples.subset import Prepared, SubsetSamples
from aigc_bench.system.cache import digest_of

MIN_IMAGES = 10


def build(
    *,
    data_dir: Path | None = None,
    download: bool = False,
    mode: Literal["RGB", "L"] = "RGB",
    size: int | None = None,
    shares: Sequence[float] = (0.6, 0.2, 0.2),
    split_seed: int = 0,
) -> Dataset:
    """Split the images into `shares` of fit, reference and holdout. `size` crops the centre square and resizes it.

    Files are found, checked and decoded as those of `aigc-bench score` are, and when they are asked for: no split is in
    memory but `fit` while something is trained. Where the images lie in several subfolders, a folder is a class.

    Raises:
        ConfigurationError: an option has no meaning.
        DataError: no images, an unreadable one, or unequal sizes.
    """
    if mode not in ("RGB", "L") or (size is not None and size < 1):
        raise ConfigurationError(f"expected mode 'RGB' or 'L' and a size of at least 1, got {mode!r} and {size}")
    if data_dir is None or not data_dir.is_dir():
        raise DataError(f"expected a folder of images, got {data_dir}; name one with --data-dir or AIGC_BENCH_DATA")
    images = EncodedSamples(FolderMembers(data_dir, IMAGES), "error")
    num = images.num_listed
    if num < MIN_IMAGES:
        raise DataError(f"{data_dir} holds {num} images; at least {MIN_IMAGES} are needed to make three splits")
    height, width = _one_size(images) if size is None else (size, size)
    spec = SampleSpec(IMAGE, (1 if mode == "L" else 3, height, width))
    names = sorted(set(images.labels or ()))
    labels = torch.tensor([names.index(label) for label in images.labels]) if images.labels else None
    digest = digest_of([images.digest, mode, size, list(shares), split_seed])
    parts = split(torch.arange(num), labels, _sizes(num, shares), split_seed)
    prepare = partial(_prepared, mode, size)
    fit, reference, holdout = (
        SubsetSamples(images, part.samples, prepared=Prepared(spec, f"{digest}-{name}", prepare, part.labels))
        for name, part in zip(("fit", "reference", "holdout"), parts, strict=True)
    )
    notes = tuple(f"Images: {policy}." for policy in images.policies)
    return Dataset("folder", spec, fit, reference, holdout, digest, len(names) or None, notes)


def _sizes(num: int, shares: Sequence[float]) -> tuple[int, int, int]:
    if len(shares) != 3 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise ConfigurationError(f"expected three shares above 0 that sum to 1, got {list(shares)}")
    reference, holdout = round(num * shares[1]), round(num * shares[2])
    sizes = (num - reference - holdout, reference, holdout)
    if min(sizes) < 1:
        raise ConfigurationError(f"the shares {list(shares)} of {num} images leave a split empty: {sizes}")
    return sizes


def _one_size(images: EncodedSamples) -> tuple[int, int]:
    """The (height, width) of all of them."""
    sizes = images.sizes
    (first, expected), *others = sizes.items()
    for name, found in others:
        if found != expected:
            raise DataError(
                f"{name} is {found[1]} × {found[0]} pixels, but {first} is {expected[1]} × {expected[0]}; expected "
                "images of one size: give the data set the option size, e.g. --set data.options.size=64"
            )
    return expected


def _prepared(mode: str, size: int | None, image: Tensor) -> Tensor:
    """(C, H, W) uint8 as decoded => as the data set has it."""
    if size is None and len(image) == (1 if mode == "L" else 3):
        return image
    pixels = image[0].numpy() if len(image) == 1 else image.permute(1, 2, 0).numpy()
    picture = Image.fromarray(pixels).convert(mode)
    if size is not None:
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        square = picture.crop((left, top, left + side, top + side))
        picture = square.resize((size, size), Image.Resampling.BICUBIC)
    array = np.array(picture)
    return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())

"""A folder of images as a data set: nested, sorted by path, of one size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from aigc_bench.core import Dataset, SampleSpec
from aigc_bench.core.errors import ConfigurationError, DataError
from aigc_bench.data.splits import digest_of, split
from aigc_bench.modalities.image import NAME as IMAGE

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm", ".pgm", ".tif", ".tiff"}


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

    Where the images lie in several subfolders, the first folder's name is the class.

    Raises:
        ConfigurationError: an option has no meaning.
        DataError: no images, an unreadable one, or unequal sizes.
    """
    if mode not in ("RGB", "L") or (size is not None and size < 1):
        raise ConfigurationError(f"expected mode 'RGB' or 'L' and a size of at least 1, got {mode!r} and {size}")
    if data_dir is None or not data_dir.is_dir():
        raise DataError(f"expected a folder of images, got {data_dir}; name one with --data-dir or AIGC_BENCH_DATA")
    paths = sorted(path for path in data_dir.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if len(paths) < 10:
        raise DataError(f"{data_dir} holds {len(paths)} images; at least 10 are needed to make three splits")
    sizes = _sizes(len(paths), shares)
    samples = _stacked([_read(path, mode, size) for path in paths], paths)
    folders = [path.relative_to(data_dir).parts[0] for path in paths]
    names = sorted(set(folders))
    classified = len(names) > 1 and all(len(path.relative_to(data_dir).parts) > 1 for path in paths)
    labels = torch.tensor([names.index(folder) for folder in folders]) if classified else None
    fit, reference, holdout = split(samples, labels, sizes, split_seed)
    return Dataset(
        name="folder",
        spec=SampleSpec(IMAGE, tuple(samples.shape[1:])),
        fit=fit,
        reference=reference,
        holdout=holdout,
        digest=digest_of(fit, reference, holdout),
        num_classes=len(names) if classified else None,
    )


def _sizes(num: int, shares: Sequence[float]) -> tuple[int, int, int]:
    if len(shares) != 3 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise ConfigurationError(f"expected three shares above 0 that sum to 1, got {list(shares)}")
    reference, holdout = round(num * shares[1]), round(num * shares[2])
    sizes = (num - reference - holdout, reference, holdout)
    if min(sizes) < 1:
        raise ConfigurationError(f"the shares {list(shares)} of {num} images leave a split empty: {sizes}")
    return sizes


def _read(path: Path, mode: str, size: int | None) -> Tensor:
    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                # Pillow would clip, not scale: a 16-bit picture would come out white.
                raise DataError(f"{path} has more than 8 bits per channel; convert it to 8 bits first")
            picture = image.convert(mode)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} is not a readable image: {error}") from error
    if size is not None:
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        square = picture.crop((left, top, left + side, top + side))
        picture = square.resize((size, size), Image.Resampling.BICUBIC)
    pixels = np.array(picture)
    return torch.from_numpy(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1).copy())


def _stacked(images: list[Tensor], paths: list[Path]) -> Tensor:
    for image, path in zip(images, paths, strict=True):
        if image.shape != images[0].shape:
            raise DataError(
                f"{path} is {tuple(image.shape)}, but {paths[0]} is {tuple(images[0].shape)}; expected images of one "
                "size: give the data set the option size, e.g. --set data.options.size=64"
            )
    return torch.stack(images)

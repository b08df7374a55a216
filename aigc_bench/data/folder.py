"""A folder of images as a data set: nested, sorted by path, of one size."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from aigc_bench.core import Dataset, SampleSpec
from aigc_bench.data.splits import digest_of, split
from aigc_bench.errors import DataError

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm", ".pgm", ".tif", ".tiff"}


def build(
    *,
    data_dir: Path | None = None,
    download: bool = False,
    mode: Literal["RGB", "L"] = "RGB",
    size: int | None = None,
    split_seed: int = 0,
) -> Dataset:
    """60 % of the images to fit, 20 % reference, 20 % held out. `size` crops the centre square and resizes it.

    Where the images lie in several subfolders, the first folder's name is the class.

    Raises:
        DataError: no images, an unreadable one, or unequal sizes.
    """
    if data_dir is None or not data_dir.is_dir():
        raise DataError(f"expected a folder of images, got {data_dir}; name one with --data-dir or AIGC_BENCH_DATA")
    paths = sorted(path for path in data_dir.rglob("*") if path.suffix.lower() in SUFFIXES)
    if len(paths) < 10:
        raise DataError(f"{data_dir} holds {len(paths)} images; at least 10 are needed to make three splits")
    samples = torch.stack(_equal([_read(path, mode, size) for path in paths], paths))
    folders = [path.relative_to(data_dir).parts[0] for path in paths]
    names = sorted(set(folders))
    classified = len(names) > 1 and all(len(path.relative_to(data_dir).parts) > 1 for path in paths)
    labels = torch.tensor([names.index(folder) for folder in folders]) if classified else None
    fifth = len(paths) // 5
    sizes = (len(paths) - 2 * fifth, fifth, fifth)
    fit, reference, holdout = split(samples, labels, sizes, split_seed)
    return Dataset(
        name="folder",
        spec=SampleSpec("image", tuple(samples.shape[1:])),
        fit=fit,
        reference=reference,
        holdout=holdout,
        digest=digest_of(fit, reference, holdout),
        num_classes=len(names) if classified else None,
    )


def _read(path: Path, mode: str, size: int | None) -> Tensor:
    try:
        with Image.open(path) as image:
            picture = image.convert(mode)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} is not a readable image: {error}") from error
    if size is not None:
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        square = picture.crop((left, top, left + side, top + side))
        picture = square.resize((size, size), Image.Resampling.BICUBIC)
    pixels = np.array(picture)
    return torch.from_numpy(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1).copy())


def _equal(images: list[Tensor], paths: list[Path]) -> list[Tensor]:
    for image, path in zip(images, paths, strict=True):
        if image.shape != images[0].shape:
            raise DataError(
                f"{path} is {tuple(image.shape)}, but {paths[0]} is {tuple(images[0].shape)}; expected images of one "
                "size: give the data set the option size, e.g. --set data.options.size=64"
            )
    return images

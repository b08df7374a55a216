"""From the bytes of an image file to uint8 pixels, and the policy for formats that are neither grey nor RGB.

Decoding is that of clean-fid and torch-fidelity, `Image.open(...).convert("RGB")`, with two exceptions: a set that is
grey throughout keeps its one channel, and 16-bit grey is scaled where Pillow would clip it. Like theirs it ignores EXIF
rotation and colour profiles.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from aigc_bench.samples.members import BadFileError, FileKind

IMAGES = FileKind(
    "images",
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tiff", ".tif", ".ppm", ".pgm"),
    (".gif", ".apng", ".avif", ".heic", ".heif", ".jp2", ".j2k", ".jpx", ".jxl", ".pbm", ".pnm", ".pfm", ".tga", ".ico",
     ".svg", ".dds", ".exr", ".hdr", ".pcx", ".sgi", ".qoi"),
)  # fmt: skip
"""Pillow decodes others, too, with codecs that are rarely used and were often found unsafe."""
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM")
"""The only decoders that are tried: others, such as EPS, start foreign programs."""
MAX_PIXELS = 89_478_485
"""Pillow's own threshold, at which it warns of a decompression bomb: a quarter of a gigabyte of RGB"""

SENTENCES = {
    "transparency": "transparency is dropped, not composited, as clean-fid and torch-fidelity do",
    "palette": "palette images are read as RGB",
    "16-bit grey": "16-bit grey is scaled to 8 bits: divided by 257 and rounded",
    "16-bit colour": "16-bit colour is cut to its upper 8 bits, as Pillow decodes it",
    "CMYK": "CMYK is converted to RGB by Pillow, without a colour profile",
    "frames": "of several frames or pages the first is read",
    "other": "other colour spaces are converted to RGB by Pillow",
}
GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N")
TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")


class Header(NamedTuple):
    """What an image file says about itself before its pixels are decoded."""

    height: int
    width: int
    grey: bool
    remarks: tuple[str, ...]
    """keys of SENTENCES"""


def header(data: bytes) -> Header:
    """Read the header of an image file.

    Raises:
        BadFileError: no image, too large, or pixels of no stated range.
    """
    with _opened(data) as image:
        return Header(image.height, image.width, image.mode in GREY, tuple(_remarks(image)))


def decoded(data: bytes, *, grey: bool) -> Tensor:
    """Decode an image file to (H, W, C) uint8: C = 1 where `grey`, otherwise 3.

    Raises:
        BadFileError: as `header`, and where the pixels are damaged or missing.
    """
    with _opened(data) as image:
        image.load()
        return from_pillow(image, grey=grey)


def from_pillow(image: Image.Image, *, grey: bool) -> Tensor:
    """Convert a loaded picture to (H, W, C) uint8; see `decoded`."""
    if _is_deep(image):
        wide = np.array(image).astype(np.uint32)
        # 65535 = 255 × 257; 257 is odd, so that there are no ties to round.
        plane = ((wide + 128) // 257).astype(np.uint8)[..., None]
        return torch.from_numpy(plane if grey else plane.repeat(3, axis=2))
    # Without its transparency a palette's colours are the same, and Pillow does not warn that it is lost.
    image.info.pop("transparency", None)
    pixels: NDArray[np.uint8] = np.array(image.convert("L" if grey else "RGB"))
    return torch.from_numpy(pixels[..., None] if grey else pixels)


def policies(counts: dict[str, int], num_grey: int, num_images: int) -> tuple[str, ...]:
    """State what is done with a set of which `num_grey` images are grey and `counts` carry a remark."""
    sentences = [f"{SENTENCES[key]} ({counts[key]} of {num_images} images)" for key in SENTENCES if counts.get(key)]
    if num_grey == num_images:
        sentences.append("one channel, since every image is grey")
    elif num_grey:
        sentences.append(
            f"grey is repeated over three channels, since other images have colour ({num_grey} of {num_images} images)"
        )
    return tuple(sentences)


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadFileError(f"{image.width} × {image.height} pixels, more than {MAX_PIXELS}")
            if image.mode == "F" or (image.mode == "I" and not _is_deep(image)):
                raise BadFileError(f"pixels of mode {image.mode!r} have no stated range; save them as 8 or 16 bits")
            yield image
    except (BadFileError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadFileError(f"a decompression bomb: {error}") from error
    except UnidentifiedImageError as error:
        raise BadFileError(f"none of {', '.join(FORMATS)}") from error
    except Exception as error:  # what the decoders raise on damaged bytes is not documented
        raise BadFileError(str(error) or type(error).__name__) from error


def _is_deep(image: Image.Image) -> bool:
    # Pillow hands out 16 bits from PGM, and in older releases from PNG, as 32-bit integers.
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))


def _remarks(image: Image.Image) -> Iterator[str]:
    if image.mode in TRANSPARENT or "transparency" in image.info:
        yield "transparency"
    if image.mode in ("P", "PA"):
        yield "palette"
    if _is_deep(image):
        yield "16-bit grey"
    elif any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())):
        yield "16-bit colour"
    if image.mode == "CMYK":
        yield "CMYK"
    elif image.mode not in (*GREY, *TRANSPARENT, "P", "RGB", "RGBX"):
        yield "other"
    if getattr(image, "is_animated", False):
        yield "frames"

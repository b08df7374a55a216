"""One door for every kind of image samples: look at what it is, refuse what could do harm, open the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from aigc_bench.core.errors import DataError
from aigc_bench.modalities.image.arrays import of_array, of_npy, of_npz, of_tensor
from aigc_bench.modalities.image.cifar10 import of_cifar10
from aigc_bench.modalities.image.datasets import DatasetSamples, LoaderSamples
from aigc_bench.modalities.image.decoding import IMAGES
from aigc_bench.modalities.image.encoded import EncodedSamples
from aigc_bench.samples.archives import TarMembers, ZipMembers
from aigc_bench.samples.members import FolderMembers
from aigc_bench.samples.sets import OnBadImage, SampleSet, Source

PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib")
TARS = (".tar", ".tar.gz", ".tgz")
KINDS = "a folder, .zip, .tar, .tar.gz or .tgz of images, an .npz with arr_0, an .npy, or a .bin of CIFAR-10"


def open_samples(source: Source, *, on_bad_image: OnBadImage = "error") -> SampleSet:
    """Open image samples, without reading them into memory, running anything in them, or unpacking to a folder.

    Args:
        source: a path to a folder of images (nested, sorted by relative path), to a zip or tar archive of them (sorted
            by name), to an npz file with uint8 `arr_0` (N, H, W, C), an npy file, or a bin file of CIFAR-10; an array
            or tensor of uint8; a torch data set whose items are images or (image, label); or a loader of such.
        on_bad_image: "error" stops at an image that cannot be decoded, "skip" leaves it out, counted and listed.

    Raises:
        DataError: nothing there, unsafe, damaged, empty, or not uint8 images of one or three channels.
    """
    if on_bad_image not in ("error", "skip"):
        raise DataError(f"expected on_bad_image 'error' or 'skip', got {on_bad_image!r}")
    if isinstance(source, str | Path):
        return _open_path(Path(source), on_bad_image)
    if isinstance(source, Tensor):
        return of_tensor(source)
    if isinstance(source, np.ndarray):
        return of_array(source)
    if isinstance(source, DataLoader):
        return LoaderSamples(source, on_bad_image)
    if isinstance(source, TorchDataset):
        return DatasetSamples(source, on_bad_image)
    raise DataError(
        f"cannot read samples from {type(source).__name__}; expected the path of {KINDS}, an array, a tensor, a torch "
        "Dataset or a DataLoader"
    )


def _open_path(path: Path, on_bad_image: OnBadImage) -> SampleSet:
    name = path.name.lower()
    if path.is_dir():
        return EncodedSamples(FolderMembers(path, IMAGES), on_bad_image)
    if name.endswith(PICKLES):
        raise DataError(f"{path} is a pickle or checkpoint, and opening one can run code; save the samples as {KINDS}")
    if not path.is_file():
        raise DataError(f"no samples at {path}; expected {KINDS}")
    if name.endswith(".npz"):
        return of_npz(path)
    if name.endswith(".npy"):
        return of_npy(path)
    if name.endswith(".bin"):
        return of_cifar10(path)
    if name.endswith(".zip"):
        return EncodedSamples(ZipMembers(path, IMAGES), on_bad_image)
    if name.endswith(TARS):
        return EncodedSamples(TarMembers(path, IMAGES), on_bad_image)
    if IMAGES.reads(name):
        raise DataError(f"{path} is a single image; expected {KINDS}")
    raise DataError(f"{path} is of no known kind; expected {KINDS}")

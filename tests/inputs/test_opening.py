"""Every kind of input gives the same samples, in the same order, under the same names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from inputs_kit import Pairs, png
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from aigc_bench.errors import DataError
from aigc_bench.inputs.opening import Source, open_samples

Images = NDArray[np.uint8]
Pack = Callable[[dict[str, bytes], str], Path]

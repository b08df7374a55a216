"""What the tests of scoring share: extractors that ask little, real digits, and the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from inputs_kit import Images
from torch import Tensor

import aigc_bench
from aigc_bench.core import Features, SampleSpec
from aigc_bench.data import digits
from aigc_bench.runs.records import Run


class Corner:
    """The four corners' grey levels, of images of any size."""

    resizes = True
    name, digest = "corner", "c" * 64

    def __call__(self, batch: Tensor) -> Features:
        """(N, C, H, W) => (N, 4)."""
        return Features(batch[:, 0][:, [0, 0, -1, -1], [0, -1, 0, -1]].float())


def build_corner(spec: SampleSpec, *, device: torch.device) -> Corner:
    """Build it."""
    return Corner()


class Halves:
    """The upper half of an 8 × 8 image as pooled features, the lower as spatial ones."""

    name, digest = "halves", "d" * 64

    def __call__(self, batch: Tensor) -> Features:
        """(N, 1, 8, 8) => (N, 32) and (N, 32)."""
        flat = batch.flatten(1).float() / 255
        return Features(flat[:, :32], None, flat[:, 32:])


def build_halves(spec: SampleSpec, *, device: torch.device) -> Halves:
    """Build it."""
    return Halves()


def labelled_digits(split: str) -> tuple[Images, list[int]]:
    """450 real digits (N, H, W, C) of a split, and what they are."""
    batch = getattr(digits.build(), split)
    assert batch.labels is not None
    return batch.samples.permute(0, 2, 3, 1).numpy().copy(), batch.labels.tolist()


def noisy(images: Images, levels: int = 40) -> Images:
    """The same with uniform noise on them."""
    noise = np.random.default_rng(0).integers(-levels, levels + 1, images.shape)
    return np.clip(images.astype(int) + noise, 0, 255).astype(np.uint8)


def options(folder: Path) -> aigc_bench.Options:
    """A fresh store."""
    return aigc_bench.Options(store=folder / "store")


def values(run: Run, row: str = "samples") -> dict[str, float]:
    """Metric => value of a row, over all classes."""
    found = (s for s in run.scores if s.generator == row and s.class_name is None)
    return {s.metric: s.estimate.value for s in found if s.estimate}


def call(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does, without the settings of this machine's user."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AIGC_BENCH_")}
    env = {**clean, "NO_COLOR": "1", "COLUMNS": "200", "XDG_CACHE_HOME": str(cwd), **environment}
    command = [sys.executable, "-m", "aigc_bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd, timeout=300, check=False)


class Rounded:
    """Grey levels over 255, in one of two precisions."""

    def __init__(self, precision: str) -> None:
        self.name = "rounded" + ("" if precision == "fp32" else f"-{precision}")
        self.digest = {"fp32": "a", "bf16": "b"}[precision] * 64
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32

    def __call__(self, batch: Tensor) -> Features:
        """(N, C, H, W) => (N, C · H · W)."""
        return Features((batch.flatten(1).to(self._dtype) / 255).float())


def build_rounded(spec: SampleSpec, *, device: torch.device, precision: str = "fp32") -> Rounded:
    """Build it."""
    return Rounded(precision)


class Given:
    """An extractor of whatever a function makes."""

    name, digest = "given", "e" * 64
    function: Callable[[Tensor], Any] = staticmethod(lambda x: Features(x.float().flatten(1)))

    def __call__(self, batch: Tensor) -> Any:
        """What the function makes."""
        return type(self).function(batch)


class Nameless:
    """No extractor: nothing tells its features apart."""

    def __call__(self, batch: Tensor) -> Features:
        """Flattened."""
        return Features(batch.flatten(1).float())


def build_given(spec: SampleSpec, *, device: torch.device) -> Given:
    """Build it."""
    return Given()


def build_nameless(spec: SampleSpec, *, device: torch.device) -> Nameless:
    """Build it."""
    return Nameless()


class Resizing(Given):
    """One that says so."""

    resizes = True
    function = staticmethod(lambda x: Features(torch.nn.functional.interpolate(x.float(), (4, 4)).flatten(1)))


def build_resizing(spec: SampleSpec, *, device: torch.device) -> Resizing:
    """Build it."""
    return Resizing()

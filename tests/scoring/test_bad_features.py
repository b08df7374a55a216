"""What an extractor returns is checked: one row of numbers per sample, of samples that compare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scoring_kit import Given, labelled_digits, options, values
from torch import Tensor

import aigc_bench
from aigc_bench.core import Features
from aigc_bench.core.errors import AigcBenchError, ConfigurationError, DataError

REAL, _ = labelled_digits("reference")
FAKE, _ = labelled_digits("holdout")
MADE: dict[str, Callable[[Tensor], Any]] = {
    "three axes": lambda x: Features(x.float().flatten(2).repeat(1, 3, 1).transpose(1, 2)),
    "one axis": lambda x: Features(x.float().flatten(1).mean(1)),
    "a row too few": lambda x: Features(x.float().flatten(1)[1:]),
    "no columns": lambda x: Features(x.float().flatten(1)[:, :0]),
    "integers": lambda x: Features(x.flatten(1)),
    "a list": lambda x: [x.float().flatten(1)],
    "a tensor": lambda x: x.float().flatten(1),
    "an array": lambda x: Features(x.float().flatten(1).numpy()),  # type: ignore[arg-type]
    "logits of another number": lambda x: Features(x.float().flatten(1), x.float().flatten(1)[:3]),
    "NaN": lambda x: Features(x.float().flatten(1) * torch.nan),
}


def scored(tmp_path: Path, fake: Any = FAKE, real: Any = REAL, features: str = "scoring_kit:build_given") -> Any:
    """The run of a Fréchet distance."""
    return aigc_bench.score(fake, real, features=[features], metrics=["fd"], options=options(tmp_path))[0]


@pytest.mark.parametrize("what", MADE)
def test_what_is_not_one_row_per_sample_is_refused(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows were written over one another, and the distance of the first 64 of 192 numbers was printed."""
    monkeypatch.setattr(Given, "function", staticmethod(MADE[what]))
    with pytest.raises(AigcBenchError, match=r"extractor .given. (gave|returned)") as caught:
        scored(tmp_path)
    assert "expected" in str(caught.value) or what == "NaN"


def test_trailing_axes_of_length_one_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As networks that end in a global pooling return them."""
    plain = values(scored(tmp_path / "a"))
    monkeypatch.setattr(Given, "function", staticmethod(lambda x: Features(x.float().flatten(1)[:, :, None, None])))
    assert values(scored(tmp_path / "b")) == plain


def test_an_extractor_without_name_or_digest_is_refused_before_anything_is_extracted(tmp_path: Path) -> None:
    """And not by a traceback after it."""
    with pytest.raises(ConfigurationError, match="Nameless, which has no name and no digest"):
        scored(tmp_path, features="scoring_kit:build_nameless")


@pytest.mark.parametrize(
    ("fake", "real"),
    [((32, 16, 1), (16, 32, 1)), ((24, 24, 1), (24, 8, 3)), ((8, 8, 1), (4, 16, 1))],
)
def test_equal_numbers_of_values_in_other_shapes_do_not_compare(
    fake: tuple[int, ...], real: tuple[int, ...], tmp_path: Path
) -> None:
    """Fd 67.7 and exit code 0."""
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 256, (40, *shape), dtype=np.uint8) for shape in (fake, real))
    with pytest.raises(DataError, match="takes them as they are, so that their features do not compare"):
        scored(tmp_path, a, b, "pixels")
    stored = aigc_bench.save_features(b, tmp_path / "real.safetensors", features="pixels", options=options(tmp_path))
    assert stored.shape == (real[2], *real[:2])
    with pytest.raises(DataError, match="do not compare"):
        scored(tmp_path, a, tmp_path / "real.safetensors", "pixels")


def test_one_odd_size_among_many_is_found(tmp_path: Path) -> None:
    """Though the extractor would take it: `mnist-cnn` was built for the first image and given the others."""
    for number in range(60):
        side = 28 if number == 0 else 30
        image = np.random.default_rng(number).integers(0, 256, (side, side), dtype=np.uint8)
        Image.fromarray(image).save(tmp_path / f"{number:02}.png")
    one = {"features": ["scoring_kit:build_given"], "metrics": ["duplicates"], "options": options(tmp_path / "s")}
    with pytest.raises(DataError, match=r"\(1, 28, 28\) and samples of .* \(1, 30, 30\)"):
        aigc_bench.score(tmp_path, tmp_path, **one)  # type: ignore[arg-type]
    resizing = {**one, "features": ["scoring_kit:build_resizing"]}
    aigc_bench.score(tmp_path, tmp_path, **resizing)  # type: ignore[arg-type]

"""Which reconstruction is of which original: by names, by numbers, by position, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inputs_kit import encoded
from scoring_kit import labelled_digits, noisy, options, values

import aigc_bench
from aigc_bench.core.errors import DataError

REAL = labelled_digits("reference")[0][:60]
FAKE = noisy(REAL, 3)
NEAR = {"features": ("pixels",), "metrics": ("fd",), "paired": True}


def saved(folder: Path, images: Any, name: Callable[[int], str]) -> Path:
    """The images as files."""
    for number, image in enumerate(images):
        path = folder / name(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(image[..., 0]))
    return folder


@pytest.mark.parametrize(
    ("mine", "theirs", "how"),
    [
        ("r_{}.png", "{:04}.png", "the numbers in their files' names: r_0.png is of 0000.png"),
        ("{}.png", "{}.bmp", "the names of their files: 0.png is of 0.bmp"),
        ("out/x{}.png", "in/x{}.png", "the names of their files, folders apart"),
        ("img{}_v2/rec-{}.png", "{:05}.png", "the numbers"),
        ("{:03}.png", "t{:03}.png", "the numbers"),
    ],
)
def test_names_say_it(tmp_path: Path, mine: str, theirs: str, how: str) -> None:
    """Though the sorted names do not: PSNR was 9 dB in the place of 42."""
    fake = saved(tmp_path / "fake", FAKE, lambda number: mine.format(number, number))
    real = saved(tmp_path / "real", REAL, lambda number: theirs.format(number, number))
    run, _ = aigc_bench.score(fake, real, **NEAR, options=options(tmp_path))
    errors = ((REAL / 255 - FAKE / 255) ** 2).mean((1, 2, 3))
    assert values(run)["mse"] == pytest.approx(errors.mean(), rel=1e-12)
    assert any(how in note for note in run.dataset.notes)


def test_reconstructions_of_some_originals_are_held_against_these(tmp_path: Path) -> None:
    """Every other one, by name; the real side is these alone."""
    fake = saved(tmp_path / "fake", FAKE[::2], lambda number: f"{2 * number}.png")
    real = saved(tmp_path / "real", REAL, lambda number: f"{number}.png")
    run, _ = aigc_bench.score(fake, real, **NEAR, options=options(tmp_path))
    assert values(run)["mse"] == pytest.approx(((REAL[::2] / 255 - FAKE[::2] / 255) ** 2).mean(), rel=1e-12)
    assert run.dataset.num_reference == 30
    other = saved(tmp_path / "other", FAKE[1::2], lambda number: f"{2 * number + 1}.png")
    with pytest.raises(DataError, match="reconstructions of different originals"):
        aigc_bench.score({"a": fake, "b": other}, real, **NEAR, options=options(tmp_path))


def test_orders_that_disagree_are_refused(tmp_path: Path) -> None:
    """Numbers without zeros beside an array, or beside names without the same numbers."""
    fake = saved(tmp_path / "fake", FAKE, lambda number: f"r_{number}.png")
    np.save(tmp_path / "real.npy", REAL)
    with pytest.raises(DataError, match=r"not clear: by name, the files of .* come as r_0.png, r_1.png, r_10.png"):
        aigc_bench.score(fake, tmp_path / "real.npy", **NEAR, options=options(tmp_path))
    shifted = saved(tmp_path / "shifted", REAL, lambda number: f"{number + 1:04}.png")
    with pytest.raises(DataError, match="not clear"):
        aigc_bench.score(fake, shifted, **NEAR, options=options(tmp_path))


def test_orders_that_agree_pair_by_position(tmp_path: Path) -> None:
    """Padded numbers beside an array, and names without numbers: it is said which is taken to be of which."""
    fake = saved(tmp_path / "fake", FAKE, lambda number: f"r_{number:03}.png")
    run, _ = aigc_bench.score(fake, REAL, **NEAR, options=options(tmp_path))
    assert values(run)["mse"] == pytest.approx(((REAL / 255 - FAKE / 255) ** 2).mean(), rel=1e-12)
    assert any("pairs are made by position" in note for note in run.dataset.notes)
    letters = [f"{a}{b}" for a in "abcdefgh" for b in "abcdefgh"]
    real = saved(tmp_path / "real", REAL, lambda number: f"x{letters[number]}.png")
    fake = saved(tmp_path / "letters", FAKE, lambda number: f"y{letters[number]}.png")
    run, _ = aigc_bench.score(fake, real, **NEAR, options=options(tmp_path))
    assert any(
        "by position, the first with the first: yaa.png is taken to be of xaa.png" in n for n in run.dataset.notes
    )

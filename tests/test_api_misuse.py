"""The Python interface takes what people give it, or says what it expected before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scoring_kit import call, labelled_digits, values
from torch.utils.data import Dataset

import aigc_bench
from aigc_bench.core.errors import ConfigurationError, DataError
from aigc_bench.modalities.image.opening import open_samples

REAL, _ = labelled_digits("reference")
FAKE, _ = labelled_digits("holdout")


def test_paths_and_single_names_may_be_texts(tmp_path: Path) -> None:
    """A store, a file of features, an extractor."""
    options = aigc_bench.Options(store=str(tmp_path / "store"))  # type: ignore[arg-type]
    one, _ = aigc_bench.score(FAKE, REAL, features="pixels", metrics="fd", options=options)
    file = str(tmp_path / "real.safetensors")
    aigc_bench.save_features(REAL, file, features="pixels", options=options)
    two, _ = aigc_bench.score(FAKE, file, features=["pixels"], metrics=["fd"], options=options)
    assert values(one) == values(two)
    assert list(values(one)) == ["fd_pixels"]


@pytest.mark.parametrize("fakes", [{1: FAKE}, {"": FAKE}, {}])
def test_rows_have_names(fakes: dict[Any, Any], tmp_path: Path) -> None:
    """Found out before the extraction, not after it."""
    with pytest.raises(ConfigurationError, match="by the name of their row, a text"):
        aigc_bench.score(fakes, REAL, features=["pixels"], options=aigc_bench.Options(store=tmp_path / "s"))
    assert not list((tmp_path / "s").glob("cache/*"))


def test_everything_public_is_listed() -> None:
    """By `dir`, as completion wants it."""
    assert {"run", "score", "compare", "Options", "Scoring"} <= set(dir(aigc_bench))
    assert all(getattr(aigc_bench, name) is not None for name in aigc_bench.__all__)


def test_integers_are_not_told_to_be_multiplied() -> None:
    """`(x * 255).round()` of 0 … 255 would saturate."""
    for wide in (np.zeros((4, 8, 8, 1), np.int64), torch.zeros(4, 1, 8, 8, dtype=torch.int32)):
        with pytest.raises(DataError, match="convert them") as caught:
            open_samples(wide)
        assert "255)" not in str(caught.value)


def test_an_item_s_shape_is_what_it_is() -> None:
    """And not that of a batch of one."""

    class Flat(Dataset[Any]):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> Any:
            return np.zeros((28, 28), np.uint8)

    with pytest.raises(DataError, match=r"has shape \(28, 28\), expected \(H, W, C\) or \(C, H, W\)"):
        list(open_samples(Flat()).chunks(2))


def test_blanks_behind_commas_are_no_part_of_a_name(tmp_path: Path) -> None:
    """As people type them."""
    np.save(tmp_path / "real.npy", REAL)
    done = call("score", "real.npy", "--real", "real.npy", "--features", "pixels", "--metrics", "fd, kd ", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("side", [1, 2, 3])
def test_images_too_small_for_ssim_have_the_other_errors(side: int, tmp_path: Path) -> None:
    """MSE and PSNR were lost with it."""
    rng = np.random.default_rng(0)
    real, fake = (rng.integers(0, 256, (50, side, 9, 1), dtype=np.uint8) for _ in range(2))
    run, _ = aigc_bench.score(
        fake, real, features=["pixels"], metrics=["fd"], paired=True, options=aigc_bench.Options(store=tmp_path / "s")
    )
    assert {"mse", "psnr"} <= values(run).keys()
    (gone,) = [score for score in run.scores if score.metric == "ssim"]
    assert gone.status == "not available"
    assert "at least 4 × 4" in (gone.reason or "")


def test_a_suite_without_extractors_or_timings_runs(tmp_path: Path) -> None:
    """Nothing is extracted, and nothing is timed that no metric asked for."""
    suite = aigc_bench.resolve_suite(
        "smoke",
        overrides=["features=[]", "metrics=['mse']", "generators.gan.budget.steps=2", "generators.vae.budget.steps=2"],
    )
    run, folder = aigc_bench.run(suite, aigc_bench.Options(store=tmp_path / "s"))
    assert {score.metric for score in run.scores} == {"mse"}
    assert not (tmp_path / "s/cache/speed").exists()
    assert (folder / "report.html").is_file()

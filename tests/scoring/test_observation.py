"""One row under one extractor: what does not fit, what fails, and whose code a score depends on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scoring_kit import call, labelled_digits, noisy, options, values
from torch import Tensor

import aigc_bench
from aigc_bench.core import Features, SampleSpec
from aigc_bench.core.errors import DataError, NothingMeasuredError
from aigc_bench.runs.records import Run
from aigc_bench.runs.store import load_exhibits

REAL, _ = labelled_digits("reference")
FAKE = noisy(REAL)
FD: dict[str, Any] = {"metrics": ("fd",)}


def unmarked(metric: str) -> str:
    """A score's name without the mark that tells whose it is."""
    return metric.partition("@")[0]


@pytest.mark.parametrize("fake", [FAKE.repeat(3, axis=3), FAKE.repeat(2, axis=1)], ids=["colour", "tall"])
def test_sides_of_unlike_width_are_refused(fake: Any, tmp_path: Path) -> None:
    """Both are named, with the way out."""
    with pytest.raises(
        DataError, match=r"samples of samples have shape .* and samples of array .*; expected samples of one shape"
    ):
        aigc_bench.score(fake, REAL, features=["pixels"], **FD, options=options(tmp_path))


def test_features_made_earlier_serve_the_passes_they_fit(tmp_path: Path) -> None:
    """The other scores say why they are not there, and nothing is extracted for them; if none fits it is refused."""
    real = tmp_path / "real.safetensors"
    aigc_bench.save_features(REAL, real, features="pixels", options=options(tmp_path))
    both = ["scoring_kit:build_corner", "pixels"]
    run, folder = aigc_bench.score(FAKE, real, features=both, **FD, options=options(tmp_path))
    assert "costly_share/samples/-" in load_exhibits(folder)  # of the extractor that has a distance
    plain, _ = aigc_bench.score(FAKE, real, features=["pixels"], **FD, options=options(tmp_path / "plain"))
    assert list(values(run).values()) == list(values(plain).values())
    (missing,) = [score for score in run.scores if unmarked(score.metric) == "fd_corner"]
    assert missing.status == "not available"
    assert "holds features by 'pixels', and this score is of 'corner'" in (missing.reason or "")
    assert run.suite.features == ("pixels",)
    with pytest.raises(DataError, match=r"made by 'pixels'.*would be by 'corner'"):
        aigc_bench.score(FAKE, real, features=["scoring_kit:build_corner"], **FD, options=options(tmp_path))


class Fussy:
    """Grey levels, or NaN for images that are white at a corner."""

    name, digest = "fussy", "f" * 64

    def __call__(self, batch: Tensor) -> Features:
        """(N, C, H, W) => (N, C · H · W)."""
        found = batch.flatten(1).float()
        return Features(torch.where(found[:, :1] == 255, torch.nan, found))


def build_fussy(spec: SampleSpec, *, device: torch.device) -> Fussy:
    """Build it."""
    return Fussy()


def test_a_row_that_fails_leaves_the_others_to_go_on(tmp_path: Path) -> None:
    """Undefined features and a generator that raises: failed cases with their reasons; alone nothing is measured."""
    white = np.full_like(FAKE, 255)
    rows: dict[str, Any] = {"white": white, "broken": lambda seeds: 1 // 0, "noisy": FAKE}
    where: dict[str, Any] = {"features": [f"{__name__}:build_fussy", "pixels"], **FD}
    run, folder = aigc_bench.score(rows, REAL, **where, options=options(tmp_path))
    assert [case.status for case in run.cases] == ["failed", "failed", "ok"]
    reasons = [case.reason or "" for case in run.cases]
    assert "NaN" in reasons[0]
    assert "ZeroDivisionError" in reasons[1]
    alone, _ = aigc_bench.score({"noisy": FAKE}, REAL, **where, options=options(tmp_path))
    assert values(run, "noisy") == values(alone, "noisy")
    assert set(map(unmarked, values(run, "noisy"))) == {"fd_fussy", "fd_pixels"}
    assert "white" in (folder / "report.html").read_text()
    with pytest.raises(NothingMeasuredError, match="broken: sample raised ZeroDivisionError"):
        aigc_bench.score({"broken": rows["broken"]}, REAL, **where, options=options(tmp_path))


def test_an_edited_extractor_never_gets_old_scores(tmp_path: Path) -> None:
    """Though its name and digest stay."""
    np.save(tmp_path / "real.npy", REAL)
    np.save(tmp_path / "fake.npy", FAKE)
    found = []
    for scale in (1, 3):
        (tmp_path / "mine.py").write_text(MINE.format(scale=scale))
        done = call(
            *("score", "fake.npy", "--real", "real.npy", "--features", "mine:Mine", "--metrics", "fd", "--json"),
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        found.append(values(Run.model_validate_json(done.stdout), "fake.npy")["fd_mine"])
    assert found[1] == pytest.approx(9 * found[0], rel=1e-6)


MINE = """
from aigc_bench.core import Features
class Mine:
    name, digest = "mine", "0" * 64
    def __init__(self, spec, *, device):
        pass
    def __call__(self, batch):
        return Features({scale} * batch.flatten(1).float() / 255)
"""

"""Which single samples a report shows, beside which real ones, and with what share of the distance."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inputs_kit import Images, Pairs, encoded
from scoring_kit import labelled_digits, noisy, options
from torch.utils.data import DataLoader

import aigc_bench
from aigc_bench.core import FeaturePair, Features
from aigc_bench.metrics import frechet
from aigc_bench.metrics.moments import Moments
from aigc_bench.modalities.image import sheets
from aigc_bench.runs.records import Exhibits, exhibit_of, texts_as_tensor, texts_of_tensor
from aigc_bench.runs.scoring import contact_sheet
from aigc_bench.runs.store import load_exhibits

PIXELS: dict[str, Any] = {"features": ("pixels",), "metrics": ("fd", "precision")}
REAL, _ = labelled_digits("reference")
ODD = (17, 250)


@pytest.fixture(scope="module")
def fake() -> Images:
    """Held-out digits, two of them white, and one that is a copy of real number 5."""
    images, _ = labelled_digits("holdout")
    images = noisy(images, 10)[:300]
    images[list(ODD)] = 255
    images[99] = REAL[5]
    return images


def picture(images: Images, index: int) -> torch.Tensor:
    """(C, H, W)."""
    return torch.from_numpy(images[index]).permute(2, 0, 1)


def sheet(fake: Any, real: Any, folder: Path, **more: Any) -> tuple[Exhibits, str]:
    """Exhibits and report."""
    _, run_folder = aigc_bench.score(fake, real, **{**PIXELS, **more}, options=options(folder))
    return load_exhibits(run_folder), (run_folder / "report.html").read_text()


def left_out_shares(real: Images, fake: Images) -> np.ndarray[Any, Any]:
    """By how much the distance falls without each sample, by leaving it out."""
    flat = [torch.from_numpy(images.reshape(len(images), -1)).double() / 255 for images in (real, fake)]
    moments = Moments.of(flat[0])
    whole = frechet.frechet_distance(moments, Moments.of(flat[1]))
    kept = [flat[1][torch.arange(len(fake)) != row] for row in range(len(fake))]
    return np.array([1 - frechet.frechet_distance(moments, Moments.of(part)) / whole for part in kept])


def test_the_costliest_samples_stand_above_their_nearest_real_ones(fake: Images, tmp_path: Path) -> None:
    """Those without which the distance would be least, found by leaving each out; with their shares."""
    found, page = sheet(fake, REAL, tmp_path)
    shares = left_out_shares(REAL, fake)
    index, share = found["costly_index/samples/-"].tolist(), found["costly_share/samples/-"].numpy()
    assert set(index[:2]) == set(ODD)
    assert len(set(index) & set(np.argsort(-shares)[:10])) >= 7
    assert share == pytest.approx(shares[index], rel=0.1, abs=0.004)  # of first order
    assert (np.diff(share) <= 0).all()
    pairs = found["costly/samples/-"]
    assert pairs.shape == (8, 2, 1, 8, 8)
    for row, number in enumerate(index):
        assert torch.equal(pairs[row, 0], picture(fake, number))
        apart = ((REAL.astype(float) - fake[number]) ** 2).sum((1, 2, 3))
        assert torch.equal(pairs[row, 1], picture(REAL, int(apart.argmin())))
    assert "<h2>Samples that contribute most to the Fréchet distance</h2>" in page
    assert f'<span title="{index[0]}">{index[0]}<br>{100 * share[0]:.3g} %</span>' in page
    assert "its position in the set, counted from 0, and the share" in page


def test_the_costliest_samples_are_called_by_their_files(fake: Images, tmp_path: Path) -> None:
    """Where they have some: in a folder the reader looks for a file, and not for the 17th."""
    folder = tmp_path / "fake" / "part"
    folder.mkdir(parents=True)
    for number, image in enumerate(fake):
        (folder / f"sample {number:03} <猫>.png").write_bytes(encoded(image[..., 0]))
    found, page = sheet(tmp_path / "fake", REAL, tmp_path)
    named = {kind: tensor for key, tensor in found.items() for kind in [exhibit_of(key)[0]]}
    names = texts_of_tensor(named["costly_name"])
    assert names == [f"part/sample {number:03} <猫>.png" for number in named["costly_index"].tolist()]
    assert set(names[:2]) == {f"part/sample {number:03} <猫>.png" for number in ODD}
    shown = names[0].replace("<", "&lt;").replace(">", "&gt;")
    assert f'<span title="{shown}">{shown.rpartition("/")[2].removesuffix(".png")}<br>' in page
    assert "the name of its file and the share" in page


def test_texts_survive_as_tensors() -> None:
    """Of any script, empty, and with bytes that are no UTF-8, which are escaped."""
    assert texts_of_tensor(texts_as_tensor(["a", "", "数字 😀.png"])) == ["a", "", "数字 😀.png"]
    assert texts_of_tensor(texts_as_tensor([os.fsdecode(b"bad\xff.png")])) == ["bad\\udcff.png"]


def test_the_closest_real_images_show_copies(fake: Images, tmp_path: Path) -> None:
    """The copy first, beside what it was copied from."""
    found, page = sheet(fake, REAL, tmp_path)
    pairs = found["neighbours/samples/-"]
    assert pairs.shape == (8, 2, 1, 8, 8)
    assert torch.equal(pairs[0, 0], pairs[0, 1])
    assert torch.equal(pairs[0, 0], picture(REAL, 5))
    apart = [((REAL.astype(float) - image) ** 2).sum((1, 2, 3)).min() for image in fake]
    for row, number in enumerate(np.argsort(apart, kind="stable")[:8]):
        assert torch.equal(pairs[row, 0], picture(fake, int(number)))
    assert "<h2>Closest real samples</h2>" in page
    assert "<h2>Memorisation</h2>" not in page


def test_where_real_images_are_missing_samples_stand_alone(fake: Images, tmp_path: Path) -> None:
    """Beside stored features no real image; beside moments alone nothing; beside both no share of theirs."""
    aigc_bench.save_features(REAL, tmp_path / "real.safetensors", features="pixels", options=options(tmp_path))
    whole, _ = sheet(fake, REAL, tmp_path)
    alone, page = sheet(fake, tmp_path / "real.safetensors", tmp_path)
    for kind in ("costly", "neighbours"):
        assert torch.equal(alone[f"{kind}/samples/-"], whole[f"{kind}/samples/-"][:, :1])
    assert "above the real sample" not in page
    pool = REAL.reshape(len(REAL), -1) / 255
    moments = {"mu": pool.mean(0), "sigma": np.cov(pool, rowvar=False)}
    np.savez(tmp_path / "moments.npz", **moments)
    np.savez(tmp_path / "both.npz", **moments, arr_0=REAL)
    kinds = {exhibit_of(key)[0] for key in sheet(fake, tmp_path / "moments.npz", tmp_path, metrics=("fd",))[0]}
    assert kinds == {"samples"}
    kinds = {exhibit_of(key)[0] for key in sheet(fake, tmp_path / "both.npz", tmp_path)[0]}
    assert kinds == {"samples", "neighbours"}


def test_without_a_distance_nothing_is_attributed(fake: Images, tmp_path: Path) -> None:
    """It was not asked for, or it is zero."""
    found, page = sheet(fake, REAL, tmp_path, metrics=("precision",))
    assert {exhibit_of(key)[0] for key in found} == {"samples", "neighbours"}
    assert "Samples that contribute most to the Fréchet distance" not in page
    assert {exhibit_of(key)[0] for key in sheet(REAL, REAL, tmp_path)[0]} >= {"samples", "neighbours"}


def test_a_shuffling_loader_is_scored_without_single_samples(fake: Images, tmp_path: Path) -> None:
    """And the report says why."""
    loader = DataLoader(Pairs(fake), batch_size=50, shuffle=True)
    found, page = sheet(loader, REAL, tmp_path)
    assert not any(exhibit_of(key)[0] in ("costly", "neighbours") for key in found)
    assert "single samples are not shown, since the loader of Pairs gave other samples than before" in page
    steady, _ = sheet(DataLoader(Pairs(fake), batch_size=50), REAL, tmp_path)
    whole, _ = sheet(fake, REAL, tmp_path)
    assert torch.equal(steady["costly/samples/-"], whole["costly/samples/-"])


def test_pictures_of_unlike_sizes_and_channels_share_a_canvas() -> None:
    """Large ones are scaled down, small ones centred on grey, grey ones repeated."""
    images = [torch.zeros(1, 3, 5, dtype=torch.uint8), torch.full((3, 128, 64), 9, dtype=torch.uint8)]
    found = sheets.tiled(images)
    assert found.shape == (2, 3, 64, 32)
    assert found[0, :, 30:33, 13:18].unique().tolist() == [0]
    assert found[0, 0].sum() == sheets.MARGIN_LEVEL * (64 * 32 - 15)
    assert found[1].unique().tolist() == [9]


def test_a_set_of_several_sizes_has_pictures(tmp_path: Path) -> None:
    """Whatever the extractor makes of them."""
    for number in range(60):
        size = (4 + number % 3, 5, 3)
        path = tmp_path / "fake" / f"{number:03}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(np.random.default_rng(number).integers(0, 256, size, dtype=np.uint8)))
    real = np.random.default_rng(0).integers(0, 256, (100, 4, 5, 3), dtype=np.uint8)
    found, _ = sheet(tmp_path / "fake", real, tmp_path, features=["scoring_kit:build_corner"])
    assert found["samples/samples/-"].shape == (60, 3, 6, 5)
    assert found["neighbours/samples/-"].shape == (8, 2, 3, 6, 5)


def test_rows_called_by_their_paths_have_pictures(fake: Images, tmp_path: Path) -> None:
    """Two folders of one name are told apart by the rest of their paths, which has strokes in it."""
    sources = {"x/fake": fake, "y/fake": fake[::-1].copy()}
    found, page = sheet(sources, REAL, tmp_path)
    assert torch.equal(found["samples/x/fake/-"][0], picture(fake, 0))
    assert page.count("<h3>y/fake</h3>") == 3


def test_the_first_order_share_is_that_of_the_influence(fake: Images) -> None:
    """Shares of all samples add up to nothing: the distance is as it is because of all of them."""
    flat = [Features(torch.from_numpy(images.reshape(len(images), -1)).float()) for images in (REAL, fake)]
    found = contact_sheet._attributes(FeaturePair(*flat, "pixels", ""), 1.0)
    assert float(found["share"].sum()) == pytest.approx(0, abs=1e-6 * float(found["share"].abs().sum()))
    assert set(contact_sheet._attributes(FeaturePair(*flat, "pixels", ""), None)) == {"distance", "nearest"}

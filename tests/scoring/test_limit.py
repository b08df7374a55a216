"""`--limit` takes a random part of a set that may lie class by class: the same of every kind of source."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inputs_kit import Pairs, encoded
from scoring_kit import labelled_digits, options, values
from torch.utils.data import DataLoader

import aigc_bench
from aigc_bench.core.errors import DataError
from aigc_bench.modalities.image.opening import open_samples
from aigc_bench.samples.subset import drawn_positions, limited

IMAGES, LABELS = labelled_digits("reference")
ORDER = np.argsort(LABELS, kind="stable")
SORTED = IMAGES[ORDER]
"""class by class, as folders are"""
FD: dict[str, Any] = {"features": ("pixels",), "metrics": ("fd",)}


def test_a_part_of_what_lies_class_by_class_is_as_good_as_one_of_shuffled_data(tmp_path: Path) -> None:
    """Held-out data scored twenty times their floor when the first of them, two classes, were taken."""
    real, _ = labelled_digits("holdout")
    found = {}
    for name, images in (("sorted", SORTED), ("shuffled", IMAGES)):
        run, _ = aigc_bench.score(images, real, **FD, limit=100, options=options(tmp_path))
        found[name] = values(run)["fd_pixels"]
        assert any("100 of 450 samples are used, drawn at random with seed 0" in note for note in run.dataset.notes)
    assert found["sorted"] < 1.3 * found["shuffled"]
    run, _ = aigc_bench.score(SORTED[:100], real, **FD, options=options(tmp_path))
    assert values(run)["fd_pixels"] > 2 * found["sorted"]


def test_every_kind_of_source_gives_the_same_part(tmp_path: Path) -> None:
    """Folder, zip, tar, npz, npy, array, data set, and a folder with a damaged image that is skipped."""
    files = {f"{LABELS[ORDER[number]]}/{number:03}.png": encoded(image[..., 0]) for number, image in enumerate(SORTED)}
    for name, data in files.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        for name in files:
            tar.add(tmp_path / "folder" / name, name)
    np.savez_compressed(tmp_path / "set.npz", SORTED)
    np.save(tmp_path / "set.npy", SORTED)
    sources: list[Any] = [tmp_path / "folder", *(tmp_path / f"set.{kind}" for kind in ("zip", "tar", "npz", "npy"))]
    sources += [SORTED, Pairs(SORTED)]
    expected = torch.from_numpy(SORTED[drawn_positions(450, 37).numpy()]).permute(0, 3, 1, 2)
    for source in sources:
        with open_samples(source) as samples:
            part = limited(samples, 37)
            assert torch.equal(torch.cat(list(part.batches(10))), expected), source
            assert torch.equal(torch.stack(part.take([3, 1])), expected[[3, 1]])
            assert part.digest is not None
    (tmp_path / "folder/0/000a.png").write_bytes(b"damaged")
    with open_samples(tmp_path / "folder", on_bad_image="skip") as samples:
        assert torch.equal(torch.cat(list(limited(samples, 37).batches(10))), expected)


def test_classes_and_names_are_those_of_the_part(tmp_path: Path) -> None:
    """Per-class scores work with a limit."""
    folders = {}
    for side, split in (("fake", "reference"), ("real", "holdout")):
        images, labels = labelled_digits(split)
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = tmp_path / side / str(label) / f"{number:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(image[..., 0]))
        folders[side] = tmp_path / side
    rows = drawn_positions(450, 200)
    with open_samples(folders["fake"]) as samples:
        part = limited(samples, 200)
        assert samples.labels is not None
        assert samples.names is not None
        assert part.labels == tuple(samples.labels[row] for row in rows)
        assert part.names == tuple(samples.names[row] for row in rows)
    run, _ = aigc_bench.score(
        folders["fake"], folders["real"], **FD, per_class=True, limit=449, options=options(tmp_path)
    )
    assert sum(s.estimate.num_samples for s in run.scores if s.class_name is not None and s.estimate) > 200


def test_a_loader_gives_its_first_and_says_so(tmp_path: Path) -> None:
    """Nothing tells how many there are."""
    run, _ = aigc_bench.score(
        DataLoader(Pairs(SORTED), batch_size=7), IMAGES, **FD, limit=50, options=options(tmp_path)
    )
    assert run.suite.num_samples == 50
    assert any("the first 50 that come are taken" in note for note in run.dataset.notes)


def test_pairs_stay_pairs(tmp_path: Path) -> None:
    """Both sides are drawn alike; beside a loader, which gives its first, the first are taken."""
    noisy = np.clip(SORTED.astype(int) + 5, 0, 255).astype(np.uint8)
    run, _ = aigc_bench.score(noisy, SORTED, **FD, paired=True, limit=60, options=options(tmp_path))
    rows = drawn_positions(450, 60).numpy()
    squared = ((SORTED[rows] / 255 - noisy[rows] / 255) ** 2).mean()
    assert values(run)["mse"] == pytest.approx(squared, rel=1e-12)
    assert run.dataset.num_reference == 60
    loader = DataLoader(Pairs(noisy), batch_size=9)
    run, _ = aigc_bench.score(loader, SORTED, **FD, paired=True, limit=60, options=options(tmp_path))
    assert values(run)["mse"] == pytest.approx(((SORTED[:60] / 255 - noisy[:60] / 255) ** 2).mean(), rel=1e-12)
    assert run.dataset.num_reference == 60


def test_sets_of_several_sizes_are_drawn_from_in_order(tmp_path: Path) -> None:
    """Chunks hold one size each, and their indices say which samples these are."""
    for number in range(40):
        side = 8 + 2 * (number % 3)
        path = tmp_path / f"{number:02}.png"
        path.write_bytes(encoded(np.full((side, side), number, dtype=np.uint8)))
    with open_samples(tmp_path) as samples:
        part = limited(samples, 20)
        found = {int(i): int(s[0, 0, 0]) for chunk in part.chunks(4) for i, s in zip(*chunk, strict=True)}
    assert [found[index] for index in range(20)] == drawn_positions(40, 20).tolist()
    with pytest.raises(DataError, match="several sizes"):
        list(part.batches(4))

"""What is found in a folder: links, folders that cannot be read, other formats, odd names, and our own output."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inputs_kit import encoded
from scoring_kit import call

from aigc_bench.core.errors import DataError
from aigc_bench.modalities.image.opening import open_samples

RNG = np.random.default_rng(0)


def image(folder: Path, name: str, kind: str = "PNG") -> None:
    """A picture of noise."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(RNG.integers(0, 256, (8, 8), dtype=np.uint8), kind))


@pytest.mark.parametrize("suffix", [".gif", ".avif", ".jp2", ".heic", ".tga"])
def test_formats_that_are_not_read_are_counted_and_named(tmp_path: Path, suffix: str) -> None:
    """In a folder beside images, and where there is nothing else."""
    image(tmp_path, "a/1.png")
    for number in range(5):
        (tmp_path / f"{number}{suffix}").write_bytes(b"whatever")
    (note,) = [text for text in open_samples(tmp_path).policies if "left out" in text]
    assert "5 files that look like images are left out" in note
    assert f"5 {suffix}" in note
    assert f"0{suffix}, 1{suffix}, 2{suffix}, and 2 more" in note
    (tmp_path / "a/1.png").unlink()
    with pytest.raises(DataError, match=rf"holds no images.*5 \{suffix}"):
        open_samples(tmp_path)


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".JPG"])
def test_other_names_of_jpeg_are_read(tmp_path: Path, suffix: str) -> None:
    """They are one format."""
    image(tmp_path, f"a{suffix}", "JPEG")
    assert open_samples(tmp_path).num_samples == 1


def test_links_are_followed_and_every_folder_is_read_once(tmp_path: Path) -> None:
    """Loops and second names are cut, and said; a linked file is a file."""
    image(tmp_path, "set/real/1.png")
    image(tmp_path, "elsewhere/2.png")
    top = tmp_path / "set"
    (top / "linked").symlink_to(tmp_path / "elsewhere")
    (top / "loop").symlink_to(top)
    (top / "again").symlink_to(top / "real")
    (top / "3.png").symlink_to(tmp_path / "elsewhere" / "2.png")
    found = open_samples(top)
    assert found.names == ("3.png", "linked/2.png", "real/1.png")
    (note,) = [text for text in found.policies if "links" in text]
    assert "again" in note
    assert "loop" in note


def test_a_folder_that_cannot_be_entered_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not a smaller set."""
    image(tmp_path, "a/1.png")
    image(tmp_path, "b/1.png")
    true = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied")
        return true(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match="b cannot be entered: Permission denied; give yourself"):
        open_samples(tmp_path)


def test_our_own_output_is_no_samples(tmp_path: Path) -> None:
    """Scoring the working directory twice scores the same N, with a new store and with a run that was copied out."""
    for number in range(60):
        image(tmp_path, f"work/{number}.png")
        image(tmp_path, f"real/{number}.png")
    arguments = ("score", ".", "--real", "../real", "--features", "pixels", "--metrics", "fd")
    first, second = (call(*arguments, cwd=tmp_path / "work") for _ in range(2))
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    found = open_samples(tmp_path / "work")
    assert found.num_samples == 60
    assert any("runs of aigc-bench: runs" in text for text in found.policies)
    run = next((tmp_path / "work/runs").glob("score-*"))
    run.rename(tmp_path / "work/kept")
    found = open_samples(tmp_path / "work")
    assert found.num_samples == 60
    assert any("kept" in text for text in found.policies)


def test_a_new_store_is_marked_and_an_old_folder_is_left_alone(tmp_path: Path) -> None:
    """As a cache for backups, and as no part of a revision."""
    image(tmp_path, "a/1.png")
    image(tmp_path, "a/2.png")
    arguments = ("score", "a", "--real", "a", "--features", "pixels", "--metrics", "duplicates")
    call(*arguments, cwd=tmp_path)
    assert (tmp_path / "runs/CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
    assert "*" in (tmp_path / "runs/.gitignore").read_text().splitlines()
    (tmp_path / "mine").mkdir()
    call(*arguments, "--store", "mine", cwd=tmp_path)
    assert not (tmp_path / "mine/CACHEDIR.TAG").exists()


def test_names_that_are_no_text_are_scored_shown_and_stored(tmp_path: Path) -> None:
    """Of files, one of them damaged, of their folder, and of the row."""
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    data = [encoded(RNG.integers(0, 256, (8, 8), dtype=np.uint8)) for _ in range(60)]
    for number, content in enumerate(data):
        with open(folder + b"/\xff%02d.png" % number, "wb") as file:
            file.write(content if number else b"no image")
    done = call(
        "score", os.fsdecode(folder), "--real", os.fsdecode(folder), "--features", "pixels", "--metrics", "duplicates",
        "--on-bad-image", "skip", "-o", "run.json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = (tmp_path / "run.json").read_text(encoding="utf-8")
    assert r"caf\\xe9" in record
    assert r"\\xff00.png" in record

"""Features on disk: gathered from chunks in any order, whole or not there at all, and mapped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from aigc_bench.core import Features
from aigc_bench.core.errors import DataError
from aigc_bench.evidence import feature_files


def chunk(folder: Path, number: int, indices: list[int], pool: Tensor, logits: Tensor | None = None) -> None:
    """Write the rows `indices` of a set's features as one chunk."""
    rows = torch.tensor(indices)
    part = Features(pool[rows], None if logits is None else logits[rows])
    feature_files.write_chunk(folder / f"{number:06}.safetensors", rows, part)


@pytest.fixture
def pool() -> Tensor:
    """(7, 5)."""
    return torch.randn(7, 5, generator=torch.Generator().manual_seed(0))


def test_chunks_become_one_file_per_output(pool: Tensor, tmp_path: Path) -> None:
    """In the samples' order, with the chunks deleted."""
    logits = pool[:, :2] + 1
    chunk(tmp_path, 0, [1, 4, 6], pool, logits)
    chunk(tmp_path, 1, [0, 2, 3, 5], pool, logits)
    assert not feature_files.is_whole(tmp_path)
    feature_files.gather(tmp_path, "made")
    assert feature_files.is_whole(tmp_path)
    found = feature_files.mapped(tmp_path)
    assert torch.equal(found.pool, pool)
    assert found.logits is not None
    assert torch.equal(found.logits, logits)
    assert found.spatial is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logits.npy", "pool.npy"]
    assert np.array_equal(np.load(tmp_path / "pool.npy"), pool.numpy())


def test_what_is_mapped_belongs_to_the_reader(pool: Tensor, tmp_path: Path) -> None:
    """Writing to it changes no file, and it outlives the file's name."""
    chunk(tmp_path, 0, list(range(7)), pool)
    feature_files.gather(tmp_path, "made")
    found = feature_files.mapped(tmp_path).pool
    found[0] = 9.0
    again = feature_files.mapped(tmp_path).pool
    (tmp_path / "pool.npy").unlink()
    assert torch.equal(again, pool)
    assert torch.equal(found[1:], pool[1:])


def test_a_kill_between_the_files_loses_nothing(pool: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While they are written the chunks are there; while the chunks are deleted the files are whole."""
    chunk(tmp_path, 0, [0, 1, 2], pool, pool)
    chunk(tmp_path, 1, [3, 4, 5, 6], pool, pool)

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    for name in ("os.fsync", "os.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(f"aigc_bench.evidence.feature_files.{name}", killed)
            with pytest.raises(Killed):
                feature_files.gather(tmp_path, "made")
        assert not feature_files.is_whole(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(Killed):
            feature_files.gather(tmp_path, "made")
    assert feature_files.is_whole(tmp_path)
    (tmp_path / "000000.safetensors").unlink()
    feature_files.gather(tmp_path, "made")
    assert torch.equal(feature_files.mapped(tmp_path).pool, pool)
    assert not list(tmp_path.glob("*.safetensors"))


def test_unlike_widths_are_refused(pool: Tensor, tmp_path: Path) -> None:
    """Within a chunk and between chunks."""
    with pytest.raises(DataError, match=r"'made' gives \[4, 5\] features for samples of several sizes"):
        feature_files.joined([Features(pool), Features(pool[:, :4])], "made")
    chunk(tmp_path, 0, [0, 1], pool)
    chunk(tmp_path, 1, [2, 3], pool[:, :4])
    with pytest.raises(DataError, match=r"'made' gives \[4, 5\] features"):
        feature_files.gather(tmp_path, "made")

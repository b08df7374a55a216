"""A folder of images as training data, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aigc_bench.core.errors import ConfigurationError, DataError
from aigc_bench.data import folder


def test_an_image_folder_is_training_data(tmp_path: Path) -> None:
    """Nested folders are classes; sizes must agree unless one is asked for; damage is named."""
    rng = np.random.default_rng(0)
    for i in range(20):
        path = tmp_path / f"class{i % 2}" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).save(path)
    data = folder.build(data_dir=tmp_path)
    assert data.spec.shape == (3, 9, 12)
    assert data.num_classes == 2
    assert [part.num_samples for part in (data.fit, data.reference, data.holdout)] == [12, 4, 4]
    Image.new("RGB", (5, 5)).save(tmp_path / "class1" / "zz.png")
    with pytest.raises(DataError, match=r"zz\.png is .*images of one size"):
        folder.build(data_dir=tmp_path)
    assert folder.build(data_dir=tmp_path, size=8, mode="L").spec.shape == (1, 8, 8)
    (tmp_path / "class1" / "zz.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="not a readable image"):
        folder.build(data_dir=tmp_path)


def test_what_a_folder_cannot_mean_is_refused(tmp_path: Path) -> None:
    """Shares that do not sum to one or leave a split empty, no such mode, and 16 bits a pixel are scaled."""
    for i in range(10):
        Image.new("L", (4, 4), i).save(tmp_path / f"{i}.png")
    data = folder.build(data_dir=tmp_path, mode="L", shares=[0.8, 0.1, 0.1])
    assert [part.num_samples for part in (data.fit, data.reference, data.holdout)] == [8, 1, 1]
    assert data.num_classes is None
    assert data.digest != folder.build(data_dir=tmp_path, mode="L", split_seed=1).digest
    for shares in ([0.5, 0.5], [0.9, 0.3, -0.2], [0.5, 0.2, 0.2]):
        with pytest.raises(ConfigurationError, match="three shares above 0 that sum to 1"):
            folder.build(data_dir=tmp_path, shares=shares)
    with pytest.raises(ConfigurationError, match="leave a split empty"):
        folder.build(data_dir=tmp_path, shares=[0.96, 0.02, 0.02])
    with pytest.raises(ConfigurationError, match="expected mode"):
        folder.build(data_dir=tmp_path, mode="CMYK")  # type: ignore[arg-type]
    Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16)).save(tmp_path / "deep.png")
    deep = folder.build(data_dir=tmp_path, mode="L")
    assert 156 in torch.cat(
        [part.loaded().samples for part in (deep.fit, deep.reference, deep.holdout)]
    )  # 40,000 / 257


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """With the number of images found and needed."""
    with pytest.raises(DataError, match="holds no images"):
        folder.build(data_dir=tmp_path)
    with pytest.raises(DataError, match="--data-dir"):
        folder.build()

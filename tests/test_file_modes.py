"""What is written may be read by whom the user's umask lets in, and by nobody else."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = """
set -e
umask {umask}
aigc() {{ "{python}" -m aigc_bench "$@"; }}
aigc score real.npy --real real.npy --features pixels --metrics duplicates --store made/store --quiet
aigc extract real.npy --features pixels -o made/real.safetensors --store made/store --quiet
aigc run smoke --store made/store --quiet --set generators.gan.budget.steps=2 --set generators.vae.budget.steps=2
aigc baseline set main latest --store made/store --dir made/baselines
"""


@pytest.mark.parametrize(("umask", "file_mode", "folder_mode"), [("022", 0o644, 0o755), ("007", 0o660, 0o770)])
def test_files_and_folders_follow_the_umask(umask: str, file_mode: int, folder_mode: int, tmp_path: Path) -> None:
    """Of the store with its cache, of features, and of a baseline."""
    np.save(tmp_path / "real.npy", np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), dtype=np.uint8))
    script = SCRIPT.format(umask=umask, python=sys.executable)
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    paths = list((tmp_path / "made").rglob("*"))
    assert len(paths) > 50
    wrong = [
        f"{path.relative_to(tmp_path)}: {stat.filemode(path.stat().st_mode)}"
        for path in paths
        if stat.S_IMODE(path.stat().st_mode) != (folder_mode if path.is_dir() else file_mode)
    ]
    assert wrong == []

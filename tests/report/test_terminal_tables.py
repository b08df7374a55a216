"""Tables in a terminal: models downwards, metrics across, nothing cut, whatever the width and the number of models."""

from __future__ import annotations

import re

import pytest
import torch
from report_kit import shown
from rich.cells import cell_len
from test_report import score

from aigc_bench.core import Score
from aigc_bench.core.suites import GeneratorEntry
from aigc_bench.runs.records import DatasetRecord, Run
from aigc_bench.runs.suites.loading import load_suite
from aigc_bench.system.machine import environment

METRICS = (
    "fd_mnist-cnn", "kd_mnist-cnn", "inception_score", "precision", "recall", "density", "coverage", "class_balance",
    "duplicates", "mse", "psnr", "ssim", "bits_per_dim",
)  # fmt: skip


def run_of(names: list[str]) -> Run:
    """Every metric of every model, of two training seeds; the anchors beside."""
    scores: list[Score] = []
    for number, name in enumerate(["floor", *names, "noise"]):
        for place, metric in enumerate(METRICS):
            for seed in (None,) if name in ("floor", "noise") else (0, 1):
                scores.append(score(name, seed, metric, 1000.0 * (number + 1) + place + (seed or 0)))
    suite = load_suite("smoke").model_copy(
        update={"generators": tuple(GeneratorEntry(build="gan", name=name) for name in names)}
    )
    data = DatasetRecord(
        name="made", digest="d" * 64, shape=(1, 8, 8), num_fit=9, num_reference=9, num_holdout=9, num_classes=3
    )
    return Run(
        id="made", created="2026-01-01T00:00:00+00:00", wall_s=1.0, command="", suite=suite,
        environment=environment(torch.device("cpu")), dataset=data, cases=(), scores=tuple(scores),
    )  # fmt: skip


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("num", [1, 3, 10])
@pytest.mark.parametrize("name", ["model{}", "a-rather-long-name-of-a-model-{}", "扩散模型{}"])
def test_nothing_is_cut_and_no_row_is_left_out(width: int, num: int, name: str) -> None:
    """Every metric once, every row in every table, every number whole, no line wider than the terminal."""
    names = [name.format(number) for number in range(num)]
    text = shown(run_of(names), width)
    lines = text.splitlines()
    assert max(map(cell_len, lines)) <= width
    headings = [line for line in lines if "↓" in line or "↑" in line]
    assert sorted(re.findall(r"[\w-]+(?= [↑↓])", " ".join(headings))) == sorted(METRICS)
    for row in ("floor", *names, "noise"):
        assert sum(line.startswith(f"{row} ") for line in lines) >= len(headings)
    for number in range(num + 2):
        for place in range(len(METRICS)):
            value = 1000.0 * (number + 1) + place + (0.5 if 0 < number <= num else 0.0)
            assert f"{value:.2f}" in text
    assert "…" not in text
    assert len(headings) <= len(METRICS) / (2 if width >= 120 and len(name) < 20 else 1)


def test_a_table_of_three_models_at_eighty_columns() -> None:
    """As it stands in a terminal."""
    lines = shown(run_of(["gan", "dcgan", "vae"]), 80).splitlines()
    assert [line.rstrip() for line in lines[:8]] == SNAPSHOT.strip("\n").splitlines()


SNAPSHOT = """
smoke: N = 100

       fd_mnist-cnn ↓  kd_mnist-cnn ↑  inception_score ↑  precision ↑  recall ↑
───────────────────────────────────────────────────────────────────────────────
floor         1000.00         1001.00            1002.00      1003.00   1004.00
               ± 0.10          ± 0.10             ± 0.10       ± 0.10    ± 0.10
gan           2000.50         2001.50            2002.50      2003.50   2004.50
               ± 0.10          ± 0.10             ± 0.10       ± 0.10    ± 0.10
"""

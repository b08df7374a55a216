"""The sentence that a reader takes away: no winner where there is none."""

from __future__ import annotations

import pytest
import torch
from test_report import score

from aigc_bench.core import Score
from aigc_bench.report.run.verdict import verdict
from aigc_bench.runs.records import DatasetRecord, Run
from aigc_bench.runs.suites.loading import load_suite
from aigc_bench.system.machine import environment


def run_of(scores: list[Score], *, scored: bool) -> Run:
    """A run of two generators, or of two sets of samples."""
    data = DatasetRecord(
        name="made", digest="d" * 64, shape=(1, 8, 8), num_fit=0 if scored else 9, num_reference=9, num_holdout=9,
        num_classes=3,
    )  # fmt: skip
    return Run(
        id="made", created="2026-01-01T00:00:00+00:00", wall_s=1.0, command="", suite=load_suite("smoke"),
        environment=environment(torch.device("cpu")), dataset=data, cases=(), scores=tuple(scores),
    )  # fmt: skip


def said(*, scored: bool = True, **values: float | tuple[float, ...]) -> str:
    """Of rows with these Fréchet distances; several are those of training seeds."""
    scores: list[Score] = []
    for name, value in values.items():
        for seed, one in enumerate(value if isinstance(value, tuple) else (value,)):
            scores.append(score(name, None if name in ("floor", "noise") else seed, "fd_x", one))
    return verdict(run_of(scores, scored=scored))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"floor": 1.0, "noise": 212.0, "gan": 242.0}, "No generator beats noise: fd_x of gan is 242, that of uniform"),
        ({"noise": 217.0, "gan": 340.0, "vae": 350.0}, "No generator beats noise: fd_x of gan is 340"),
        ({"floor": 2.0, "noise": 9.0, "gan": 1.0}, "below the floor of 2 that held-out real data reach"),
        ({"gan": 4.0}, "fd_x of gan is 4, with no floor to hold it against; no other set was scored."),
        (
            {"floor": 2.0, "gan": 4.0},
            "fd_x of gan is 4, 2.0 times the floor of 2 that held-out real data reach; no oth",
        ),
        ({"floor": 2.0, "gan": 0.0, "vae": 5.0}, "fd_x of gan is 0: these are the real samples themselves"),
        ({"gan": 4.0, "vae": 8.0}, "gan is closest to the real data: fd_x = 4, with no floor"),
        ({"gan": 4.0, "vae": 4.1}, "next is vae with 4.1 (within sampling error, so the order is not settled)"),
        ({"gan": 4.0, "vae": 8.0}, "next is vae with 8 (beyond sampling error)"),
        ({"floor": 1.0, "noise": 20.0, "gan": 4.0, "vae": 30.0}, "No better than uniform noise (20): vae."),
    ],
)
def test_it_names_what_is_so(values: dict[str, float], text: str) -> None:
    """And crowns nobody who is worse than noise, below the floor, alone, or the real data themselves."""
    found = said(**values)
    assert text in found
    if "closest" not in text and "next" not in text and "No better" not in text:
        assert "closest" not in found


def test_training_seeds_decide_between_recipes() -> None:
    """As before: one seed says nothing about them."""
    assert "every training seed agrees" in said(scored=False, floor=1.0, noise=99.0, gan=(4.0, 5.0), vae=(8.0, 9.0))
    assert "overlap" in said(scored=False, floor=1.0, noise=99.0, gan=(4.0, 9.0), vae=(8.0, 9.5))
    assert "one training seed each" in said(scored=False, floor=1.0, noise=99.0, gan=4.0, vae=8.0)

"""The script for real machines: what it makes, what it keeps, and what it counts."""

from __future__ import annotations

import json
import math
from pathlib import Path

import gate_reality
import gate_toy
import numpy as np
import pytest
from gate_kit import Fake, fake_judgement

from aigc_bench.gate.sides.sides import Asked
from aigc_bench.gate.speed.planning import SpeedPolicy


def test_the_toy_differs_by_five_percent_of_work_alone(tmp_path: Path) -> None:
    """Same and base have the same files and unlike commits; slower has 21 rounds for 20."""
    repository = gate_toy.made(tmp_path / "toy")
    trees = {tag: gate_toy.git(repository, "rev-parse", f"{tag}^{{tree}}") for tag in ("base", "same", "slower")}
    assert trees["base"] == trees["same"] != trees["slower"]
    assert gate_toy.git(repository, "rev-parse", "base") != gate_toy.git(repository, "rev-parse", "same")
    changed = gate_toy.git(repository, "diff", "--unified=0", "base", "slower").splitlines()
    assert [line for line in changed if line.startswith(("-R", "+R"))] == ["-ROUNDS = 20", "+ROUNDS = 21"]


def test_runs_are_kept_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three gates on 12 % more: ours sees each; a trace that is there is not measured again."""
    rng = np.random.default_rng(0)
    asked = 0

    def gate(asked_for: Asked, request: gate_reality.Request) -> object:
        nonlocal asked
        asked += 1

        def seconds(side: str, name: str, seed: int) -> float:
            return (1.12 if side == "head" else 1.0) * math.exp(0.01 * rng.standard_normal())

        folder = request.store / "gate" / "journals"
        return fake_judgement(Fake(["a", "b"], seconds), folder, SpeedPolicy(seed=request.policy.seed))

    monkeypatch.setattr(gate_reality, "gate_speed", gate)
    monkeypatch.setattr(gate_reality, "TRACES", tmp_path / "traces")
    subject = gate_reality.Subject("toy", lambda *refs: Asked(refs=refs), ("bench",), "base", "same", "slower")
    for _ in range(2):
        for number in range(3):
            gate_reality.measure(subject, "slower", number, tmp_path / "store", None)
    assert asked == 3
    traces = [gate_reality.Trace.read(path) for path in sorted((tmp_path / "traces").glob("*.gz"))]
    assert {trace.judgement.verdict for trace in traces} == {"REGRESSION"}
    rows = list(gate_reality.table(traces))
    assert "| toy | +5 % of work | **aigc-bench** | 3 | 6 | 6 (100.0%) |" in rows[2]
    assert all(row.count("|") == rows[0].count("|") for row in rows)
    fastest = next(row for row in rows if "min:5% |" in row)
    assert "| 3 | 6 | 6 (100.0%) |" in fastest
    assert json.dumps(traces[0].pairs[0]["base"]["a"])  # blocks, rounded

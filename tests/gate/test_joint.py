"""Quality and speed of the same samples: what is timed, and what both say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
from gate_kit import BRIEF

import aigc_bench
from aigc_bench.api.joint import judged_all
from aigc_bench.core import Dataset
from aigc_bench.core.errors import ConfigurationError, FeaturesMissingError
from aigc_bench.core.suites import parse_suite
from aigc_bench.data import digits
from aigc_bench.gate.joint import RunGenerators, runnable, together
from aigc_bench.gate.speed.planning import SpeedPolicy
from aigc_bench.gate.speed.processes import BLOCKS
from aigc_bench.gate.speed.readings import Reading, Readings
from aigc_bench.gate.verdicts import Decision
from aigc_bench.runs.baselines import opened
from aigc_bench.runs.recorded import Recorded
from aigc_bench.runs.store import load_exhibits

TOY = """
import torch
from aigc_bench import noise
from aigc_bench.data import digits

class Toy:
    def __init__(self, spec, blur):
        self.spec, self.blur, self.real = spec, blur, digits.build().fit.loaded().samples

    def sample(self, seeds):
        chosen = self.real[seeds % len(self.real)].float()
        moved = chosen + self.blur * noise.normal(seeds, self.spec.num_dims).reshape(chosen.shape)
        return moved.round().clamp(0, 255).to(torch.uint8)

def build(spec, *, device, blur=0.0):
    return Toy(spec, blur)
"""


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a run of the toy with some blur; its name."""
    (tmp_path / "toy_joint.py").write_text(TOY, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)

    def run(blur: float, **more: Any) -> str:
        document = {
            "name": "toys",
            "data": {"name": "digits"},
            "features": ["pixels"],
            "metrics": ["fd", "kd"],
            "num_samples": 200,
            "speed": {"batch_sizes": [4, 16], "latency_calls": 20, "blocks": 3},
            "generators": [{"build": "toy_joint:build", "name": "toy", "options": {"blur": blur}}],
            **more,
        }
        found, _ = aigc_bench.run(parse_suite(document, source="a test"), aigc_bench.Options(store=tmp_path / "store"))
        return found.id

    return run


def recorded(name: str, tmp_path: Path) -> Recorded:
    """The run of that id."""
    return opened(name, tmp_path / "store", tmp_path / "baselines")


def test_what_is_timed_is_what_was_scored(runs: Any, tmp_path: Path) -> None:
    """A process draws the samples of the run again before it times them, and says so where they are others."""
    side = recorded(runs(0.0), tmp_path)
    benchmarks = RunGenerators.of(side, side)
    found = benchmarks.measured(runnable(side, None), ["toy: sample@16"], 0)
    assert found.died is None
    assert list(found.of) == ["toy: sample@16"]
    assert len(found.of["toy: sample@16"].blocks) == BLOCKS
    kept = load_exhibits(side.folder)
    safetensors.torch.save_file(
        {**kept, "samples/toy/-": 255 - kept["samples/toy/-"]}, side.folder / "exhibits.safetensors"
    )
    found = benchmarks.measured(runnable(side, None), None, 0)
    assert {name: reading.failure for name, reading in found.of.items()} == dict.fromkeys(
        ("toy: sample@4", "toy: sample@16"),
        "it draws other samples than were scored, which differ by up to 255: score them anew",
    )


def test_faster_but_worse_is_a_line_of_its_own(runs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under one verdict, with the decisions of both."""
    base, head = runs(0.0), runs(60.0)

    def measured(self: RunGenerators, side: Any, only: Sequence[str] | None, seed: int) -> Readings:
        seconds = (0.5 if side.identity.startswith(head) else 1.0) * (1 + 0.001 * (seed % 3))
        return Readings({name: Reading((seconds,)) for name in ("toy: sample@4", "toy: sample@16")}, 0.1)

    monkeypatch.setattr(RunGenerators, "measured", measured)
    monkeypatch.setattr(RunGenerators, "measured_in_turns", lambda *asked: None)
    where: Mapping[str, Any] = {"store": tmp_path / "store", "claim": "weights", "speed": SpeedPolicy(seed=0)}
    found, _ = judged_all(base, head, **where)
    assert found.kind == "all"
    assert found.exit_code == 1
    assert {one.kind for one in found.decisions} == {"quality", "speed"}
    assert found.statements[0].startswith("Faster but worse in fd_pixels, kd_pixels: toy (sample@4 -50 %")
    back, _ = judged_all(head, base, **where)
    assert back.exit_code == 1
    assert back.statements[0].startswith("Slower and better in fd_pixels, kd_pixels: toy (sample@4 100 %")
    same, _ = judged_all(base, base, **where)
    assert same.exit_code == 0
    assert not same.statements[0].startswith(("Faster", "Slower"))


def decision(subject: str, verdict: Any, low: float, high: float, **more: Any) -> Decision:
    """Of a score or a benchmark."""
    kind: Any = "speed" if "sample@" in subject else "quality"
    worsening = (low + high) / 2
    return Decision(subject, kind, verdict, "", worsening=worsening, low=low, high=high, tolerance=0.005, **more)


def test_what_both_say_together() -> None:
    """As good, undecided, or different from one batch size to the next."""
    faster, slower = decision("a: sample@1", "PASS", -0.3, -0.2), decision("a: sample@8", "REGRESSION", 0.1, 0.2)
    good, open_ = decision("a, seed 0: fd", "PASS", -0.01, 0.01), decision("a, seed 1: fd", "INCONCLUSIVE", -0.1, 0.1)
    assert list(together([good], [faster])) == ["Faster and as good: a (sample@1 -22 %)."]
    assert list(together([good, open_], [faster])) == [
        "Faster with no verdict on the quality of the samples: a (sample@1 -22 %)."
    ]
    assert list(together([good], [faster, slower])) == []
    assert list(together([good], [decision("a: sample@1", "PASS", -0.01, 0.01)])) == []


def test_what_cannot_be_timed_is_refused(runs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores of samples alone, batch sizes of which none is shared, and weights that are gone."""
    data: Dataset = digits.build()
    options = aigc_bench.Options(store=tmp_path / "store")
    scored, _ = aigc_bench.score(
        data.holdout.loaded().samples[:64], data.reference.loaded().samples, features=["pixels"], options=options
    )
    one = recorded(runs(0.0), tmp_path)
    with pytest.raises(ConfigurationError, match=r"a score of samples alone.*`gate quality` judges the samples"):
        RunGenerators.of(one, recorded(scored.id, tmp_path))
    other = recorded(runs(0.0, speed={"batch_sizes": [2], "latency_calls": 20, "blocks": 3}), tmp_path)
    with pytest.raises(ConfigurationError, match="no batch size in common"):
        RunGenerators.of(one, other)
    trained = {"build": "gan", "name": "toy", "budget": {"steps": 2}, "batch_size": 32}
    gan = recorded(runs(0.0, generators=[trained]), tmp_path)
    assert RunGenerators.of(gan, gan).label == "toys"
    (gan.folder.parent / "cache" / str(gan.run.cases[-1].weights)).unlink()
    with pytest.raises(
        FeaturesMissingError, match=r"the weights of toy, seed 0 are gone.*make them again: aigc-bench run"
    ):
        judged_all(gan.run.id, gan.run.id, claim="weights", speed=BRIEF, store=tmp_path / "store")

"""What a generator costs to hold and to run once: operations, weights, and the peak memory of a fresh process."""

from __future__ import annotations

from pathlib import Path

import pytest

from aigc_bench.core import SampleSpec
from aigc_bench.core.errors import GeneratorError
from aigc_bench.core.suites import GeneratorEntry
from aigc_bench.evidence import footprint
from aigc_bench.generators.blueprint import Blueprint

SPEC = SampleSpec("image", (1, 4, 4))
MODULE = """
import os, time
import torch
from aigc_bench import noise

class Linear:
    def __init__(self, spec, megabytes):
        self.spec = spec
        self.weight = torch.ones(16, 10)
        self.ballast = torch.ones(megabytes * 2**18)
        self.num_parameters = self.weight.numel()

    def sample(self, seeds):
        if os.environ.get("FATE") == "die":
            os._exit(7)
        if os.environ.get("FATE") == "raise":
            raise RuntimeError("no luck today")
        if os.environ.get("FATE") == "hang":
            time.sleep(60)
        z = noise.normal(seeds, 10) @ self.weight.T
        return z.reshape(-1, 1, 4, 4).clamp(0, 255).to(torch.uint8)

def build(spec, *, device, megabytes=0):
    return Linear(spec, megabytes)
"""


@pytest.fixture
def blueprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Blueprint:
    """Of a generator in a module of its own, which fresh processes find, too."""
    (tmp_path / "footprint_of_this.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return made(0)


def made(megabytes: int) -> Blueprint:
    """With so much to hold."""
    entry = GeneratorEntry(build="footprint_of_this:build", options={"megabytes": megabytes})
    return Blueprint(entry, SPEC, "cpu", None)


def test_operations_and_weights_are_counted(blueprint: Blueprint) -> None:
    """A product of (N, 10) and (10, 16) is 2 · 160 operations a sample."""
    found = footprint.footprint(blueprint, blueprint.build(), 4, (12.5,))
    assert found.flops_per_sample == 2 * 160
    assert found.num_parameters == 160
    assert found.train_steps_per_s == (12.5,)
    assert found.peak_method.endswith("of a fresh process, building it and sampling 4")


@pytest.mark.slow
def test_the_peak_is_that_of_what_is_held(blueprint: Blueprint) -> None:
    """300 MB more to hold are 300 MB more, within a tenth."""
    small, large = (footprint.footprint(made(size), blueprint.build(), 4, ()).peak_bytes for size in (0, 300))
    assert (large - small) / 2**20 == pytest.approx(300, abs=30)


@pytest.mark.parametrize(
    ("fate", "reason"),
    [
        ("die", "a fresh process that samples it ended with 7: no message"),
        ("raise", "ended with 1: RuntimeError: no luck today"),
        ("hang", "was still running after 8 s"),
    ],
)
def test_what_a_fresh_process_may_do_is_the_generator_s_failure(
    fate: str, reason: str, blueprint: Blueprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends without a word, raises, or never ends: a reason, and no exception of another kind."""
    generator = blueprint.build()
    monkeypatch.setenv("FATE", fate)
    monkeypatch.setattr(footprint, "TIMEOUT_S", 8.0)
    monkeypatch.setattr(footprint, "flops_per_sample", lambda *_: None)
    with pytest.raises(GeneratorError, match=reason):
        footprint.footprint(blueprint, generator, 4, ())

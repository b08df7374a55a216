"""`gate all`: quality and speed of the same generators, and a sentence on each that became faster or slower."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_bench.core import OnEvent
from aigc_bench.core.errors import ConfigurationError, FeaturesMissingError
from aigc_bench.core.wording import percent
from aigc_bench.gate.quality.claims import QualityPolicy
from aigc_bench.gate.quality.judge import judge
from aigc_bench.gate.sides.sides import Runnable
from aigc_bench.gate.speed.judge import gate_pair
from aigc_bench.gate.speed.pipes import Turn
from aigc_bench.gate.speed.processes import PROBE, TIMEOUT_S, Finish, InBlocks, script
from aigc_bench.gate.speed.session import Request
from aigc_bench.gate.verdicts import Decision, Judgement
from aigc_bench.modalities.modality import recorded
from aigc_bench.runs.recorded import Recorded
from aigc_bench.runs.records import CaseRecord


@dataclass(frozen=True, slots=True)
class RunGenerators(InBlocks):
    """`sample` of the generators of two runs, by the weights that each run scored."""

    suite: str
    asked: Mapping[str, Mapping[str, Any]]
    """identity of a side => the document that `probe/run_times.py` reads"""
    timeout_s: float = TIMEOUT_S

    @classmethod
    def of(cls, base: Recorded, head: Recorded, timeout_s: float = TIMEOUT_S) -> RunGenerators:
        """The generators and batch sizes that both runs have.

        Raises:
            ConfigurationError: a run of samples alone, or nothing in common.
            FeaturesMissingError: weights are gone.
        """
        for side in (base, head):
            if not side.run.dataset.num_fit or side.is_baseline:
                what = "a baseline, which keeps no weights" if side.is_baseline else "a score of samples alone"
                raise ConfigurationError(
                    f"{side.name} is {what}, so nothing in it can be timed. Expected two runs of `aigc-bench run`; "
                    "`gate quality` judges the samples"
                )
        theirs = [{case.generator: case for case in _timed(side)} for side in (base, head)]
        names = [name for name in theirs[1] if name in theirs[0]]
        sizes = [size for size in head.run.suite.speed.batch_sizes if size in base.run.suite.speed.batch_sizes]
        if not names or not sizes:
            raise ConfigurationError(
                f"the runs {base.name} and {head.name} have no {'batch size' if names else 'generator'} in common"
            )
        asked = {
            identity_of(side): {
                "device": side.run.environment.device,
                "modality": recorded(side.run.dataset.modality).name,
                "shape": side.run.dataset.shape,
                "sample_rate": side.run.dataset.sample_rate,
                "batch_sizes": sizes,
                "cases": [_asked(side, cases[name]) for name in names],
            }
            for side, cases in zip((base, head), theirs, strict=True)
        }
        return cls(head.run.suite.name, asked, timeout_s)

    @property
    def label(self) -> str:
        """The suite's name."""
        return self.suite

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Weights, batch sizes and device of both sides."""
        return {"asked": self.asked}

    def sources(self, side: Runnable) -> dict[str, str]:
        """No files: both sides run the same probe of this program."""
        return {}

    def started(
        self, side: Runnable, only: Sequence[str] | None, seed: int, turn: Turn | None
    ) -> AbstractContextManager[Finish]:
        """See `aigc_bench.gate.speed.processes.InBlocks`."""
        asked = {**self.asked[side.identity], "only": only}
        return script(PROBE / "run_times.py", side, asked, seed, self.timeout_s, turn)


def identity_of(recorded: Recorded) -> str:
    """A run's id with the folder that holds it."""
    return f"{recorded.run.id} in {recorded.folder.resolve().parent}"


def _timed(recorded: Recorded) -> Iterator[CaseRecord]:
    """The first training seed of every generator that was scored: another one takes as long."""
    generators = set()
    for case in recorded.run.cases:
        if case.status == "ok" and case.generator not in generators:
            generators.add(case.generator)
            yield case


def _asked(recorded: Recorded, case: CaseRecord) -> dict[str, Any]:
    (entry,) = (entry for entry in recorded.run.suite.generators if entry.name == case.generator)
    weights = None if case.weights is None else recorded.folder.resolve().parent / "cache" / case.weights
    if (weights is None) != (entry.budget is None) or (weights is not None and not weights.is_file()):
        raise FeaturesMissingError(
            f"{recorded.name}: the weights of {case.label} are gone (was the cache pruned, or the run moved, or made "
            f"by an older version?); make them again: {recorded.run.command}"
        )
    seed = "-" if case.training_seed is None else case.training_seed
    return {
        "name": case.generator,
        "entry": entry.model_dump(mode="json", exclude_none=True),
        "weights": None if weights is None else str(weights),
        "exhibits": str(recorded.folder.resolve() / "exhibits.safetensors"),
        "samples": f"samples/{case.generator}/{seed}",
    }


def runnable(recorded: Recorded, python: str | None) -> Runnable:
    """A run as a side: its generators are built by an interpreter (None: ours), from modules here or installed."""
    argv = (sys.executable if python is None else str(Path(python).absolute()),)
    inherited = os.environ.get("PYTHONPATH")
    paths = os.pathsep.join([os.getcwd(), *([inherited] if inherited else [])])
    return Runnable(recorded.name, identity_of(recorded), argv, Path.cwd(), {"PYTHONPATH": paths})


def judge_all(
    sides: tuple[Recorded, Recorded],
    pythons: tuple[str | None, str | None],
    quality_policy: QualityPolicy,
    request: Request,
    on_event: OnEvent = lambda event: None,
) -> Judgement:
    """Quality by the records of both runs, speed by what is measured now; `request` times `RunGenerators.of` them.

    Raises:
        AigcBenchError: see `aigc_bench.gate.quality.judge.judge` and `aigc_bench.gate.speed.judge.gate_pair`.
    """
    quality = judge(*sides, quality_policy, request.command)
    base, head = (runnable(side, python) for side, python in zip(sides, pythons, strict=True))
    speed = gate_pair(base, head, request, on_event)
    return Judgement(
        created=quality.created,
        wall_s=quality.wall_s + speed.wall_s,
        command=request.command,
        suite=quality.suite,
        kind="all",
        claim=f"{quality.claim} And {speed.claim}",
        base=speed.base,
        head=speed.head,
        decisions=(*quality.decisions, *speed.decisions),
        new=tuple(dict.fromkeys([*quality.new, *speed.new])),
        removed=tuple(dict.fromkeys([*quality.removed, *speed.removed])),
        statements=(*together(quality.decisions, speed.decisions), *quality.statements, *speed.statements),
    )


# ---- quality and speed together --------------------------------------------------------------------------


def together(quality: Sequence[Decision], speed: Sequence[Decision]) -> Iterator[str]:
    """A sentence for each generator whose speed credibly changed, with the change in quality of its samples."""
    for name in dict.fromkeys(generator_of(decision) for decision in speed):
        timed = [decision for decision in speed if generator_of(decision) == name]
        scored = [decision for decision in quality if generator_of(decision) == name]
        faster = [time for time in timed if time.high is not None and time.high < -time.tolerance]
        slower = [time for time in timed if time.low is not None and time.low > time.tolerance]
        if bool(faster) == bool(slower):
            continue  # no change, or one that depends on the batch size and stands in the table
        word = "Faster" if faster else "Slower"
        times = ", ".join(f"{_metric(time)} {percent(time.worsening or 0.0)}" for time in faster or slower)
        yield f"{word} {_and(scored)}: {name} ({times})."


def _and(scored: Sequence[Decision]) -> str:
    """The change in quality as the end of a sentence: "but worse in fd_pixels"."""
    worse = [_metric(score) for score in scored if score.verdict == "REGRESSION"]
    better = [_metric(score) for score in scored if score.improved]
    if worse:
        return f"but worse in {', '.join(worse)}" + (f", and better in {', '.join(better)}" if better else "")
    if better:
        return f"and better in {', '.join(better)}"
    if scored and all(score.verdict == "PASS" for score in scored):
        return "and as good"
    return "with no verdict on the quality of the samples"


def generator_of(decision: Decision) -> str:
    """The generator a decision is about: "gan" for "gan, seed 0: fd_pixels" and for "gan: sample@64"."""
    return decision.subject.partition(": ")[0].partition(", seed ")[0]


def _metric(decision: Decision) -> str:
    return decision.subject.partition(": ")[2] or decision.subject

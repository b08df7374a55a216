"""What the command line and `import aigc_bench` share of comparisons: sides by name, and what is asked about them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from aigc_bench.gate.quality.claims import Claim, QualityPolicy
from aigc_bench.gate.quality.judge import judge
from aigc_bench.gate.verdicts import Judgement
from aigc_bench.report.judgement.page import Pictures
from aigc_bench.runs.baselines import opened
from aigc_bench.runs.comparison.comparison import Comparison, compare_runs


def compare(
    base: str | Path, head: str | Path, *, store: Path = Path("runs"), baselines: Path = Path("baselines")
) -> Comparison:
    """What changed from base to head: runs by path, id, "latest", or a baseline's name.

    Raises:
        UnknownNameError: no such run or baseline.
        NothingComparableError: not one score can be compared.
    """
    sides = [opened(str(name), store, baselines) for name in (base, head)]
    return compare_runs(sides[0].run, sides[1].run, base_name=str(base), head_name=str(head))


def gate_quality(base: str | Path, head: str | Path, *, claim: str, **options: Any) -> Judgement:
    """Whether head is as good as base, by a claim of `aigc_bench.gate.quality.claims`; options of `judged_quality`.

    Raises:
        AigcBenchError: see `aigc_bench.gate.quality.judge.judge`. A regression does not raise: it is the verdict.
    """
    return judged_quality(base, head, claim=claim, **options)[0]


def judged_quality(
    base: str | Path,
    head: str | Path,
    *,
    claim: str,
    tolerance: float = 0.02,
    detect: float = 0.05,
    metrics: Sequence[str] = (),
    fail_on_inconclusive: bool = False,
    paired_seeds: bool = False,
    store: Path = Path("runs"),
    baselines: Path = Path("baselines"),
    command: str | None = None,
) -> tuple[Judgement, Pictures]:
    """The same with what figures show of both sides."""
    policy = QualityPolicy(cast(Claim, claim), tolerance, detect, tuple(metrics), paired_seeds)
    sides = [opened(str(name), store, baselines) for name in (base, head)]
    found = judge(sides[0], sides[1], policy, command or "aigc_bench.gate_quality(…)")
    found = found.model_copy(update={"fail_on_inconclusive": fail_on_inconclusive})
    return found, Pictures(sides[0].exhibits(), sides[1].exhibits(), sides[0].run.dataset.modality)

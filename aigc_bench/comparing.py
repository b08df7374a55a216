"""What the command line and `import aigc_bench` share of comparisons: sides by name, and what is asked about them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from aigc_bench.baselines import opened
from aigc_bench.comparison import Comparison, compare_runs
from aigc_bench.errors import ConfigurationError
from aigc_bench.gate.claims import Claim, Policy
from aigc_bench.gate.quality import judge
from aigc_bench.store import Exhibits
from aigc_bench.verdicts import Judgement


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
    """Whether head is as good as base, by one of the claims of `aigc_bench.gate.claims`; options of `judged_quality`.

    Raises:
        AigcBenchError: see `aigc_bench.gate.quality.judge`. A regression does not raise: it is the verdict.
    """
    return judged_quality(base, head, claim=claim, **options)[0]


def judged_quality(
    base: str | Path,
    head: str | Path,
    *,
    claim: str,
    margin: float = 0.02,
    dead_zone: float = 0.005,
    metrics: Sequence[str] = (),
    fail_on_inconclusive: bool = False,
    paired_seeds: bool = False,
    store: Path = Path("runs"),
    baselines: Path = Path("baselines"),
    command: str | None = None,
) -> tuple[Judgement, tuple[Exhibits, Exhibits]]:
    """The same with what figures show of both sides."""
    policy = Policy(cast(Claim, claim), margin, dead_zone, tuple(metrics), fail_on_inconclusive, paired_seeds)
    sides = [opened(str(name), store, baselines) for name in (base, head)]
    found = judge(sides[0], sides[1], policy, command or "aigc_bench.gate_quality(…)")
    return found, (sides[0].exhibits(), sides[1].exhibits())


def ratio(text: str, option: str) -> float:
    """A part of a whole, as "2%" or "0.02".

    Raises:
        ConfigurationError: it is neither, or negative.
    """
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        found = float(number) / (100 if percent else 1)
    except ValueError:
        found = math.nan
    # 2 without a percent sign is a forgotten one.
    if not 0 <= found < math.inf or (found > 1 and not percent):
        raise ConfigurationError(f"expected {option} as 2% or 0.02, got {text!r}")
    return found

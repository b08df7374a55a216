"""Decisions and judgements of every sort, for the tests of what is made of them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch

from aigc_bench.gate.verdicts import Acceptance, Decision, Judgement
from aigc_bench.runs.comparison.sides import Side
from aigc_bench.system.machine import environment

HERE = environment(torch.device("cpu"))
NASTY = "a|b`c`<script>alert(1)</script>\n[bold]*x*_y_[/bold] @user & \\ ~ $x$"
"""a name that every format has to escape"""


def decision(subject: str = "test_a", worsening: float = 0.0, **fields: Any) -> Decision:
    """A PASS of twelve pairs unless told otherwise, 2 % about the given log ratio."""
    known: dict[str, Any] = {
        "kind": "speed",
        "verdict": "PASS",
        "reason": "below 5 % at look 1",
        "test": "paired t, looks at 8, 12, 18, 26, 40 process pairs",
        "base": 0.0123,
        "head": 0.0123 * math.exp(min(worsening, 600)),
        "unit": "s",
        "worsening": worsening,
        "low": worsening - 0.02,
        "high": worsening + 0.02,
        "level": 0.95,
        "p_value": 0.5,
        "tolerance": math.log(1.005),
        "detect": math.log(1.05),
        "num_units": 12,
        "spread": 0.03,
        "detectable": 0.04,
        "differences": tuple(worsening + 0.01 * (i % 3 - 1) for i in range(12)),
    }
    return Decision(subject, **{**known, **fields})


def failed(subject: str = "test_crash", reason: str = "head crashed: exit code -11", kind: Any = "speed") -> Decision:
    """A side without a number."""
    return Decision(subject, kind, None, reason)


def regression(subject: str = "test_slow", worsening: float = math.log(1.08), **fields: Any) -> Decision:
    """A REGRESSION of 8 %."""
    return decision(subject, worsening, verdict="REGRESSION", reason="slower beyond the tolerance", **fields)


def accepted(subject: str = "test_known", *, expired: bool = False) -> Decision:
    """A REGRESSION of 4 % with a signature under it."""
    return regression(subject, math.log(1.04), acceptance=Acceptance(0.05, "checks its input", "2027-03-31", expired))


def inconclusive(subject: str = "test_noisy") -> Decision:
    """Undecided after all looks."""
    return decision(subject, 0.01, verdict="INCONCLUSIVE", reason="undecided after 40 pairs", needed_units=120)


def incomparable(subject: str = "test_other") -> Decision:
    """Unlike things."""
    return Decision(subject, "speed", "INCOMPARABLE", "the benchmark's source differs")


def difference(subject: str = "gan: kd_x") -> Decision:
    """A score that may be zero, judged by a difference."""
    return decision(subject, 0.0002, kind="quality", scale="difference", base=0.0031, head=0.0033, unit="", low=-0.0006,
                    high=0.001, detect=0.002, tolerance=0.0001, differences=())  # fmt: skip


def judgement(*decisions: Decision, **fields: Any) -> Judgement:
    """Of these decisions; the sides differ in threads."""
    known: dict[str, Any] = {
        "created": "2026-11-25T14:00:00+00:00",
        "wall_s": 312.2,
        "command": "aigc-bench gate speed --base main --head HEAD",
        "suite": "tests/benchmarks",
        "kind": "speed",
        "claim": "head is no slower than base by 5 %",
        "base": Side(name="main", identity="3fe1c22", environment=HERE),
        "head": Side(name="HEAD", identity="9c0b11a", environment=replace(HERE, threads=HERE.threads + 1)),
        "decisions": decisions,
        "new": ("test_new",),
        "removed": ("test_gone",),
        "statements": ("False alarms on equal code: at most 1 % of such runs.",),
    }
    return Judgement(**{**known, **fields})


def of_all_sorts(**fields: Any) -> Judgement:
    """One decision of every state, in no order, and a quality score among them."""
    return judgement(
        decision("test_fine"),
        inconclusive(),
        accepted(),
        difference(),
        incomparable(),
        failed(),
        decision("test_better", -0.5, improved=True),
        accepted("test_expired", expired=True),
        regression(),
        kind="all",
        **fields,
    )

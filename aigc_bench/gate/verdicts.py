"""What a gate decides: one `Decision` per benchmark or score, and the `Judgement` of a whole comparison.

The only words for it are PASS, REGRESSION, INCONCLUSIVE and INCOMPARABLE. A side that crashed or gave NaN has no
verdict: its decision says why, and the whole ends with the exit code of a failed benchmark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, computed_field, model_validator

from aigc_bench.runs.comparison.sides import Scale, Side

Verdict = Literal["PASS", "REGRESSION", "INCONCLUSIVE", "INCOMPARABLE"]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A known cost that somebody accepted in a committed file."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    up_to: float
    """the largest worsening that is accepted, as a ratio less one: .05 is 5 %"""
    why: str
    until: str
    """a date (ISO 8601) or a version of the project"""
    expired: bool = False
    """past `until`: still listed, but without effect"""


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on one benchmark, or on one score of one generator, with the numbers behind it.

    Worsening is positive where head is worse than base, whichever direction is better: a log ratio for what is
    positive (times, distances), and a difference for what may be zero or negative (a kernel distance).
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    subject: str
    """the benchmark's name, or "GENERATOR: METRIC" """
    kind: Literal["quality", "speed"]
    verdict: Verdict | None
    """None: a side failed; the reason says how"""
    reason: str
    """a sentence: the bounds behind the verdict, or why there is none"""
    test: str = ""
    """which test, on what unit: "paired t, interim analyses after 8, 12, 18, 26, 40 pairs of processes" """
    base: float | None = None
    head: float | None = None
    unit: str = ""
    scale: Scale = "log ratio"
    worsening: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    """confidence level of [low, high]"""
    p_value: float | None = None
    tolerance: float = 0.0
    """a true worsening up to this fails in at most 1 % of gate runs; on the same scale"""
    detect: float | None = None
    """a true worsening of this is caught with 95 % power; one credibly below passes; on the same scale"""
    num_units: int = 0
    """pairs, blocks, samples or training seeds"""
    spread: float | None = None
    """standard deviation of the differences"""
    detectable: float | None = None
    """the smallest worsening that this many units would have caught with 95 % power"""
    needed_units: int | None = None
    """how many units would give a verdict, where these did not"""
    differences: tuple[float, ...] = ()
    """worsening of each unit, in the order of time"""
    improved: bool = False
    """better by more than `detect`: to be checked, since a metric may have changed or data leaked"""
    acceptance: Acceptance | None = None

    @property
    def accepted(self) -> bool:
        """Whether the known cost of an acceptance file that has not expired covers this REGRESSION."""
        return self.acceptance is not None and not self.acceptance.expired


class Judgement(BaseModel):
    """The whole result of a gate: what `--json` prints, and what every report is made from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    created: str
    """ISO 8601, UTC"""
    wall_s: float
    command: str
    """the command line that repeats it"""
    suite: str
    """what was gated: a suite's name, a folder of benchmarks"""
    kind: Literal["quality", "speed", "all"]
    claim: str
    """the claim that was tested, in a sentence"""
    base: Side
    head: Side
    decisions: tuple[Decision, ...]
    new: tuple[str, ...] = ()
    """only head has it"""
    removed: tuple[str, ...] = ()
    """only base has it"""
    statements: tuple[str, ...] = ()
    """sentences beside the table: error rates, the detectable detect, "Faster but worse …" """
    fail_on_inconclusive: bool = False
    """whether INCONCLUSIVE ends with exit code 3; otherwise with 0"""

    @model_validator(mode="before")
    @classmethod
    def _without_conclusions(cls, data: Any) -> Any:
        """The document without `verdict` and `exit_code`, which are computed from the decisions."""
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if key not in ("verdict", "exit_code")}

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties; pydantic documents this
    @property
    def verdict(self) -> Verdict | None:
        """The worst verdict of all decisions; None if a side failed and nothing regressed."""
        verdicts = {item.verdict for item in self.decisions if not item.accepted}
        if "REGRESSION" in verdicts:
            return "REGRESSION"
        if None in verdicts:
            return None
        if not self.decisions or "INCOMPARABLE" in verdicts:
            return "INCOMPARABLE"
        return "INCONCLUSIVE" if "INCONCLUSIVE" in verdicts else "PASS"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def exit_code(self) -> int:
        """0 pass, 1 regression, 3 inconclusive where the policy says so, 4 nothing comparable, 5 a side failed."""
        if self.verdict == "INCONCLUSIVE":
            return 3 if self.fail_on_inconclusive else 0
        return {"PASS": 0, "REGRESSION": 1, "INCOMPARABLE": 4, None: 5}[self.verdict]

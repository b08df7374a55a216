"""What a gate on quality is asked, and the verdict on one score.

A score is worse by a log ratio where it is positive and well known, by a difference where it can be zero or below. The
margin and the dead zone are ratios: of a difference they are that part of base's score or of its floor, whichever is
larger, for 2 % of nearly nothing would be nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy import stats

from aigc_bench.core import Score
from aigc_bench.core.errors import ConfigurationError
from aigc_bench.core.wording import percent
from aigc_bench.gate.verdicts import Decision, Verdict
from aigc_bench.runs.comparison.sides import Scale
from aigc_bench.stats import noninferiority
from aigc_bench.stats.multiplicity import holm
from aigc_bench.stats.noninferiority import Difference, Finding

Claim = Literal["weights", "checkpoint", "recipe"]

CLAIMS: dict[Claim, str] = {
    "weights": "The same weights, computed in another way (a refactor, a quantisation, another solver), give samples "
    "that are as good: sample i of both sides is made from one seed.",
    "checkpoint": "This checkpoint is as good as that one; nothing is said of the recipe that trained them.",
    "recipe": "A training recipe gives generators that are as good, whatever its training seed.",
}
ALPHA = round(1 - noninferiority.FAIL_LEVEL, 6)
"""false alarms of a whole gate run"""
POWER = 0.95
"""with which the smallest detectable worsening would be caught"""
SMALLEST = 1e-12
"""of a margin: where base and floor are exactly 0 every credible worsening is beyond it"""


@dataclass(frozen=True, slots=True)
class QualityPolicy:
    """What is claimed, and what is still good enough."""

    claim: Claim
    margin: float = 0.02
    """worsening that passes, a ratio less one"""
    dead_zone: float = 0.005
    """worsening that is none, a ratio less one"""
    metrics: tuple[str, ...] = ()
    """names, or entry points, of the scores that are judged; empty: all that both sides have"""
    paired_seeds: bool = False
    """of a recipe: a training seed means the same on both sides"""
    num_draws: int = 9_999
    """swaps of a permutation test; more where there are more than fifty scores"""

    def __post_init__(self) -> None:
        """Refuse what cannot be decided by.

        Raises:
            ConfigurationError: no such claim, or a margin below the dead zone.
        """
        if self.claim not in CLAIMS:
            lines = "\n".join(f"  --claim {name}: {text}" for name, text in CLAIMS.items())
            raise ConfigurationError(f"expected a claim, got {self.claim or 'none'}; say which one is tested:\n{lines}")
        if self.paired_seeds and self.claim != "recipe":
            raise ConfigurationError(f"pairs of training seeds are of the claim `recipe`, got {self.claim}")
        if not 0 <= self.dead_zone <= self.margin or not 0 < self.margin < math.inf:
            raise ConfigurationError(
                f"expected 0 ≤ dead zone ≤ margin and a margin above 0, got {self.dead_zone:.2%} and {self.margin:.2%}"
            )

    def on(self, scale: Scale, yardstick: float) -> tuple[float, float]:
        """Dead zone and margin on a scale; `yardstick` is what a difference is a part of."""
        if scale == "log ratio":
            return math.log1p(self.dead_zone), math.log1p(self.margin)
        margin = max(self.margin * yardstick, SMALLEST)
        return min(self.dead_zone * yardstick, margin), margin


@dataclass(frozen=True, slots=True)
class Worsening:
    """How much worse one score is, before anything is said about it."""

    subject: str
    score: Score
    """one side's, for what both share"""
    base: float
    head: float
    scale: Scale
    difference: Difference
    """positive is worse"""
    test: str
    num_units: int
    yardstick: float = 0.0
    """what margins of a difference are a part of"""
    also: float | None = None
    """p of a second test that a REGRESSION must pass as well"""
    identical: bool = False
    differences: tuple[float, ...] = ()
    needed: int | None = None
    """units that would decide where these do not, if that is known better than by 1 / √n"""

    @property
    def p_value(self) -> float | None:
        """Of the second test; None where there is none."""
        return 1.0 if self.identical else self.also


def incomparable(subject: str, reason: str) -> Decision:
    """A score that cannot be judged, and why."""
    return Decision(subject, "quality", "INCOMPARABLE", reason)


def decisions(worsenings: Sequence[Worsening], policy: QualityPolicy) -> tuple[Decision, ...]:
    """The verdict on each, with false alarms held to 1 % over all of them together (Holm)."""
    found = [
        noninferiority.found(one.difference, dead_zone=zones[0], margin=zones[1])
        for one in worsenings
        for zones in [policy.on(one.scale, one.yardstick)]
    ]
    # Both tests must say it: as safe as the less convinced one (Berger 1982, doi:10.1080/00401706.1982.10487790).
    raw = [
        max(finding.p_value, 0.0 if one.p_value is None else one.p_value)
        for finding, one in zip(found, worsenings, strict=True)
    ]
    adjusted = holm(raw) if raw else ()
    return tuple(
        _decision(one, finding, p_value, policy)
        for one, finding, p_value in zip(worsenings, found, adjusted, strict=True)
    )


def _decision(one: Worsening, finding: Finding, p_value: float, policy: QualityPolicy) -> Decision:
    dead_zone, margin = policy.on(one.scale, one.yardstick)
    verdict = _verdict(one, finding, p_value, margin)
    error = one.difference.standard_error
    return Decision(
        subject=one.subject,
        kind="quality",
        verdict=verdict,
        reason=_reason(one, finding, verdict, policy),
        test=one.test,
        base=one.base,
        head=one.head,
        unit=one.score.unit,
        scale=one.scale,
        worsening=one.difference.value,
        low=finding.low,
        high=finding.high,
        level=finding.level,
        p_value=p_value,
        dead_zone=dead_zone,
        margin=margin,
        num_units=one.num_units,
        spread=error * math.sqrt(one.num_units),
        detectable=_detectable(one.difference, dead_zone),
        needed_units=_needed(one, dead_zone, margin) if verdict == "INCONCLUSIVE" else None,
        differences=one.differences,
        improved=finding.improved and not one.identical,
    )


def _verdict(one: Worsening, finding: Finding, p_value: float, margin: float) -> Verdict:
    if one.identical:
        return "PASS"
    if p_value <= ALPHA:
        return "REGRESSION"
    return "PASS" if finding.high < margin else "INCONCLUSIVE"


def _needed(one: Worsening, dead_zone: float, margin: float) -> int | None:
    if one.needed is not None:
        return max(one.needed, one.num_units + 1)
    wanted = noninferiority.deciding_error(one.difference.value, dead_zone, margin)
    found = noninferiority.units_needed(one.num_units, one.difference.standard_error, wanted)
    # Fewer than there are would do only without the correction for several scores.
    return None if found is None else max(found, one.num_units + 1)


def _detectable(difference: Difference, dead_zone: float) -> float:
    reach = float(stats.t.ppf(noninferiority.FAIL_LEVEL, difference.degrees)) + float(stats.norm.ppf(POWER))
    return dead_zone + reach * difference.standard_error


def text_of(value: float, scale: Scale) -> str:
    """A worsening as people read it: "7.1 %", or a difference."""
    return percent(value) if scale == "log ratio" else f"{value:.2g}"


def _better(high: float, scale: Scale) -> str:
    """A negative worsening as how much better it is: of a distance, the part that is gone."""
    return text_of(high, scale).removeprefix("-")


def _reason(one: Worsening, finding: Finding, verdict: Verdict, policy: QualityPolicy) -> str:
    if one.identical:
        return "equal to the bit"
    low, high = text_of(finding.low, one.scale), text_of(finding.high, one.scale)
    margin = f"the margin of {100 * policy.margin:g} %"
    if one.scale == "difference":
        margin += f" of {one.yardstick:.3g}"
    better = "; by more than the margin: did a metric change, did data leak?" if finding.improved else ""
    if verdict == "REGRESSION":
        return f"worse by {low} at least (99 % bound), beyond the dead zone of {100 * policy.dead_zone:g} %"
    if verdict == "PASS" and finding.high < 0:
        return f"better by {_better(finding.high, one.scale)} at least (95 % bound){better}"
    if verdict == "PASS":
        return f"at most {high} worse (95 % bound), inside {margin}"
    doubt = f"between {low} (99 % bound) and {high} (95 % bound) worse, which {margin} does not decide"
    if finding.verdict == "REGRESSION":
        doubt += ": worse taken alone, and not among so many scores, or not by both tests"
    return doubt

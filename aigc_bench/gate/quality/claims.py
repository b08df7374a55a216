"""The policy of a gate on quality, and the verdict on each score.

The worsening of a score is a log ratio if the score is positive and well known, and a difference if it can be zero or
negative. *tolerance* and *detect* have one meaning in all gates: a true worsening of up to the tolerance is failed in
at most 1 % of gate runs, however precisely it is measured; a true worsening of `detect` is caught with 95 % power, or
the verdict is INCONCLUSIVE. Both are given as shares (0.02 is 2 %). On the difference scale they are shares of base's
score or of its floor (the score of held-out real data), whichever is larger: a share of a score near zero would be
meaningless.
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
"""false-alarm rate of a whole gate run"""
POWER = 0.95
"""probability of catching the smallest detectable worsening"""
SMALLEST = 1e-12
"""a lower limit of `detect`: if base and floor are exactly 0, every significant worsening is beyond it"""


@dataclass(frozen=True, slots=True)
class QualityPolicy:
    """The claim that is tested, on which scores, and which worsening passes."""

    claim: Claim
    tolerance: float = 0.02
    """worsening that is allowed, as a share: 0.02 is 2 %"""
    detect: float = 0.05
    """worsening that must be caught, as a share"""
    metrics: tuple[str, ...] = ()
    """names, or entry points, of the scores that are judged; empty: all that both sides have"""
    paired_seeds: bool = False
    """for the claim `recipe`: a training seed means the same on both sides, so scores are compared seed by seed"""
    num_draws: int = 9_999
    """random swaps in a permutation test; `judge` raises it for more than fifty scores"""

    def __post_init__(self) -> None:
        """Refuse an unknown claim, and thresholds that leave no room for a verdict.

        Raises:
            ConfigurationError: no such claim, or a tolerance that is not below what must be caught.
        """
        if self.claim not in CLAIMS:
            lines = "\n".join(f"  --claim {name}: {text}" for name, text in CLAIMS.items())
            raise ConfigurationError(f"expected a claim, got {self.claim or 'none'}; say which one is tested:\n{lines}")
        if self.paired_seeds and self.claim != "recipe":
            raise ConfigurationError(f"pairs of training seeds are of the claim `recipe`, got {self.claim}")
        if not 0 <= self.tolerance < self.detect < math.inf:
            raise ConfigurationError(
                "expected a tolerance of at least 0 and below the worsening to be detected, got "
                f"{100 * self.tolerance:g} % and {100 * self.detect:g} %"
            )

    def on(self, scale: Scale, yardstick: float) -> tuple[float, float]:
        """(tolerance, detect) on a scale; on "difference" both are shares of `yardstick`."""
        if scale == "log ratio":
            return math.log1p(self.tolerance), math.log1p(self.detect)
        detect = max(self.detect * yardstick, SMALLEST)
        return min(self.tolerance * yardstick, detect), detect


@dataclass(frozen=True, slots=True)
class Worsening:
    """How much worse one score is on head, before the verdict."""

    subject: str
    score: Score
    """base's score, for the metric, unit and direction that both sides share"""
    base: float
    head: float
    scale: Scale
    difference: Difference
    """positive is worse"""
    test: str
    num_units: int
    yardstick: float = 0.0
    """the number that tolerance and detect are shares of, on the difference scale"""
    also: float | None = None
    """p of a second test that a REGRESSION must pass as well"""
    identical: bool = False
    differences: tuple[float, ...] = ()
    needed: int | None = None
    """number of units that would give a verdict, if known from more than the 1 / √n rule"""

    @property
    def p_value(self) -> float | None:
        """P of the second test, 1 for identical scores; None where there is no second test."""
        return 1.0 if self.identical else self.also


def incomparable(subject: str, reason: str) -> Decision:
    """The decision on a score that cannot be compared, with the reason."""
    return Decision(subject, "quality", "INCOMPARABLE", reason)


def decisions(worsenings: Sequence[Worsening], policy: QualityPolicy) -> tuple[Decision, ...]:
    """The decision on each score; the false-alarm rate over all of them together is at most 1 % (Holm)."""
    findings = [
        noninferiority.finding_of(worsening.difference, tolerance=tolerance, detect=detect)
        for worsening in worsenings
        for tolerance, detect in [policy.on(worsening.scale, worsening.yardstick)]
    ]
    # Both tests must reject, so the larger p counts: an intersection-union test (Berger 1982,
    # doi:10.1080/00401706.1982.10487790).
    raw = [
        max(finding.p_value, 0.0 if worsening.p_value is None else worsening.p_value)
        for finding, worsening in zip(findings, worsenings, strict=True)
    ]
    adjusted = holm(raw) if raw else ()
    return tuple(
        _decision(worsening, finding, p_value, policy)
        for worsening, finding, p_value in zip(worsenings, findings, adjusted, strict=True)
    )


def _decision(worsening: Worsening, finding: Finding, p_value: float, policy: QualityPolicy) -> Decision:
    tolerance, detect = policy.on(worsening.scale, worsening.yardstick)
    verdict = _verdict(worsening, finding, p_value, detect)
    error = worsening.difference.standard_error
    return Decision(
        subject=worsening.subject,
        kind="quality",
        verdict=verdict,
        reason=_reason(worsening, finding, verdict, policy),
        test=worsening.test,
        base=worsening.base,
        head=worsening.head,
        unit=worsening.score.unit,
        scale=worsening.scale,
        worsening=worsening.difference.value,
        low=finding.low,
        high=finding.high,
        level=finding.level,
        p_value=p_value,
        tolerance=tolerance,
        detect=detect,
        num_units=worsening.num_units,
        spread=error * math.sqrt(worsening.num_units),
        detectable=_detectable(worsening.difference, tolerance),
        needed_units=_needed(worsening, tolerance, detect) if verdict == "INCONCLUSIVE" else None,
        differences=worsening.differences,
        improved=finding.improved and not worsening.identical,
    )


def _verdict(worsening: Worsening, finding: Finding, p_value: float, detect: float) -> Verdict:
    if worsening.identical:
        return "PASS"
    if p_value <= ALPHA:
        return "REGRESSION"
    return "PASS" if finding.high < detect else "INCONCLUSIVE"


def _needed(worsening: Worsening, tolerance: float, detect: float) -> int | None:
    if worsening.needed is not None:
        return max(worsening.needed, worsening.num_units + 1)
    wanted = noninferiority.deciding_error(worsening.difference.value, tolerance, detect)
    needed = noninferiority.units_needed(worsening.num_units, worsening.difference.standard_error, wanted)
    # The formula knows nothing of Holm's correction and may give fewer units than there are.
    return None if needed is None else max(needed, worsening.num_units + 1)


def _detectable(difference: Difference, tolerance: float) -> float:
    reach = float(stats.t.ppf(noninferiority.FAIL_LEVEL, difference.degrees)) + float(stats.norm.ppf(POWER))
    return tolerance + reach * difference.standard_error


def text_of(value: float, scale: Scale) -> str:
    """A worsening for sentences: "7.1 %" of a log ratio, a plain number of a difference."""
    return percent(value) if scale == "log ratio" else f"{value:.2g}"


def _better(high: float, scale: Scale) -> str:
    """A negative worsening as how much better it is: of a distance, the part that is gone."""
    return text_of(high, scale).removeprefix("-")


def _reason(worsening: Worsening, finding: Finding, verdict: Verdict, policy: QualityPolicy) -> str:
    if worsening.identical:
        return "equal to the bit"
    low, high = text_of(finding.low, worsening.scale), text_of(finding.high, worsening.scale)
    of = f" of {worsening.yardstick:.3g}" if worsening.scale == "difference" else ""
    tolerance, detect = f"{100 * policy.tolerance:g} %{of}", f"{100 * policy.detect:g} %{of}"
    better = f"; by more than {detect}: check whether a metric changed or data leaked" if finding.improved else ""
    if verdict == "REGRESSION":
        return f"worse by at least {low} (99 % bound), beyond the tolerance of {tolerance}"
    if verdict == "PASS" and finding.high < 0:
        return f"better by at least {_better(finding.high, worsening.scale)} (95 % bound){better}"
    if verdict == "PASS":
        within, _ = policy.on(worsening.scale, worsening.yardstick)
        what = f"within the tolerance of {tolerance}" if finding.high <= within else f"less than {detect}"
        credibly = f"credibly worse by {low} or more, and " if finding.low > 0 else ""
        return f"{credibly}at most {high} worse (95 % bound), {what}: passes"
    doubt = (
        f"between {low} (99 % bound) and {high} (95 % bound) worse: neither beyond the tolerance of {tolerance} nor "
        f"less than {detect}"
    )
    if finding.verdict == "REGRESSION":
        doubt += ": a regression by its own bound, but not after the correction for all scores, or not in both tests"
    return doubt

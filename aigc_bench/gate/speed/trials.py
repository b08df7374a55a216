"""The pairs of one benchmark and the decision on it, without any measuring; and the loop over pairs."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from aigc_bench.core import OnEvent
from aigc_bench.core.wording import percent
from aigc_bench.gate.speed.readings import Pair
from aigc_bench.gate.verdicts import Decision, Verdict
from aigc_bench.stats.sequential import Looks, Outcome, bounds, judged, outcome

MeasurePair = Callable[[int, Sequence[str]], Pair | None]
"""(number of the pair, undecided benchmarks) => the pair, or None to stop"""


@dataclass
class Stage:
    """The pairs that one sequence of looks tests: the first ones, or the fresh ones of a confirmation."""

    looks: Looks
    base: list[float] = field(default_factory=list)
    """seconds"""
    head: list[float] = field(default_factory=list)
    differences: list[float] = field(default_factory=list)
    """of each pair, log head - log base, in the order of time"""

    @property
    def outcome(self) -> Outcome | None:
        """The result of the sequential test on these pairs; None for fewer than two."""
        return outcome(self.differences, self.looks) if len(self.base) > 1 else None


@dataclass
class Trial:
    """One benchmark on its way to a verdict."""

    name: str
    first: Stage
    fresh: Stage | None
    """confirms what the first stage flags; None where nothing needs confirming"""
    is_flagged: bool = False
    is_open: bool = True
    """whether more pairs are needed"""
    failure: str | None = None

    @classmethod
    def of(cls, name: str, looks: Looks, confirming: Looks | None) -> Trial:
        """Before the first pair."""
        return cls(name, Stage(looks), None if confirming is None else Stage(confirming))

    @property
    def stage(self) -> Stage:
        """The stage that the next pair belongs to, which also decides."""
        return self.fresh if self.is_flagged and self.fresh is not None else self.first

    def add(self, pair: Pair) -> None:
        """Add a pair; where its number is that of a look, the test may flag or decide the benchmark."""
        self.failure = pair.failure(self.name)
        if self.failure is not None:
            self.is_open = False
            return
        stage = self.stage
        for side, seconds in zip((stage.base, stage.head), pair.seconds(self.name), strict=True):
            side.append(seconds)
        stage.differences.append(pair.log_ratio(self.name))
        verdict = judged(stage.differences, stage.looks)
        if verdict == "REGRESSION" and self.fresh is not None and not self.is_flagged:
            self.is_flagged = True
        else:
            self.is_open = verdict is None and len(stage.base) < stage.looks.pairs[-1]

    def decision(self, stopped: str) -> Decision:
        """The decision on the pairs so far; `stopped` says why no more were measured, for a benchmark still open."""
        if self.failure is not None:
            return Decision(self.name, "speed", None, self.failure)
        result, looks = self.stage.outcome, self.first.looks
        if result is None:
            # Flagged, but stopped before two fresh pairs: the numbers are those of the pairs that flagged it.
            result = self.first.outcome
        if result is None:
            return Decision(self.name, "speed", "INCONCLUSIVE", f"{stopped} after {len(self.first.base)} pairs")
        verdict = self._verdict(result)
        # One level for all rows of a table: a confirmation's own would be half of it.
        stage = self.stage if len(self.stage.base) > 1 else self.first
        low, high = bounds(stage.differences[: result.num_pairs], looks)
        result = replace(result, low=low, high=high, level=1 - looks.alpha - looks.beta)
        differences = (*self.first.differences, *(self.fresh.differences if self.fresh else ()))
        return Decision(
            subject=self.name,
            kind="speed",
            verdict=verdict,
            reason=_reason(self, result, verdict, stopped),
            test=_test(self),
            base=statistics.geometric_mean(stage.base[: result.num_pairs]),
            head=statistics.geometric_mean(stage.head[: result.num_pairs]),
            unit="s",
            worsening=result.mean,
            low=result.low,
            high=result.high,
            level=result.level,
            p_value=result.p_value,
            tolerance=looks.tolerance,
            detect=looks.detect,
            num_units=len(differences),
            spread=result.spread,
            detectable=result.detectable,
            needed_units=result.needed_pairs if verdict == "INCONCLUSIVE" else None,
            differences=differences,
            improved=result.mean < -looks.detect and result.high < -looks.tolerance,
        )

    def _verdict(self, result: Outcome) -> Verdict:
        # Without a confirmation there is no REGRESSION, however small p was on the first pairs.
        if self.is_flagged and len(self.stage.base) < 2:
            return "INCONCLUSIVE"
        return result.verdict or "INCONCLUSIVE"


def run_pairs(trials: Sequence[Trial], measure: MeasurePair, on_event: OnEvent = lambda event: None) -> int:
    """Measure pairs until every trial is decided or `measure` gives None; the number of pairs."""
    number = 0
    while undecided := [trial for trial in trials if trial.is_open]:
        total = number + max(trial.stage.looks.pairs[-1] - len(trial.stage.base) for trial in undecided)
        on_event({"event": "case", "name": f"pair {number + 1}", "number": number, "total": total})
        pair = measure(number, [trial.name for trial in undecided])
        if pair is None:
            break
        for trial in undecided:
            trial.add(pair)
        number += 1
    return number


def _test(trial: Trial) -> str:
    looks = trial.first.looks
    text = (
        "group-sequential one-sided paired t test, and signed-rank test, with interim analyses after "
        f"{', '.join(map(str, looks.pairs))} pairs of processes; error rates {100 * looks.alpha:g} % (REGRESSION) and "
        f"{100 * looks.beta:g} % (PASS)"
    )
    if trial.fresh is None:
        return text
    if not trial.is_flagged:
        return f"{text}; a REGRESSION would have to be confirmed on further pairs"
    return f"{text}; confirmation at {100 * trial.fresh.looks.alpha:.2g} % on {len(trial.fresh.base)} further pairs"


def _reason(trial: Trial, result: Outcome, verdict: Verdict, stopped: str) -> str:
    looks = trial.first.looks
    between = f"head takes {percent(result.low)} to {percent(result.high)} longer"
    if verdict == "REGRESSION":
        if trial.is_flagged and result.low <= looks.tolerance:
            return (
                f"{between}: beyond the tolerance of {percent(looks.tolerance)} in the first pairs, and confirmed by "
                "fresh ones"
            )
        return f"{between}: more than the tolerance of {percent(looks.tolerance)}"
    if verdict == "PASS":
        flagged = "; flagged by the first pairs, not confirmed by fresh ones" if trial.is_flagged else ""
        bound = (
            f"at most {percent(result.high)} slower"
            if result.high > 0
            else f"faster by at least {percent(-result.high)}"
        )
        credibly = f"credibly slower by {percent(result.low)} or more, and " if result.low > 0 else ""
        within = result.high <= looks.tolerance
        what = f"within the tolerance of {percent(looks.tolerance)}" if within else f"less than {percent(looks.detect)}"
        return f"{credibly}{bound}, {what}: passes{flagged}"
    state = "; flagged as slower by the first pairs, not yet confirmed by fresh ones" if trial.is_flagged else ""
    why = stopped if trial.is_open else "the last interim analysis"
    guaranteed = (
        f"; a slowdown of {percent(result.detectable)} would have been caught" if result.detectable is not None else ""
    )
    return f"{why} was reached without a verdict: {between}{guaranteed}{state}"

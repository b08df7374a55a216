"""One benchmark's pairs as they come, and what they say: pure arithmetic on readings, and the loop over pairs."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aigc_bench.core import OnEvent
from aigc_bench.core.wording import percent
from aigc_bench.gate.speed.readings import Pair
from aigc_bench.gate.verdicts import Decision, Verdict
from aigc_bench.stats.sequential import Looks, Outcome, judged, outcome

MeasurePair = Callable[[int, Sequence[str]], Pair | None]
"""(number of the pair, benchmarks that are undecided) => the pair, or None: no more is to be measured"""


@dataclass
class Stage:
    """Pairs that one plan of looks is for."""

    looks: Looks
    base: list[float] = field(default_factory=list)
    """seconds"""
    head: list[float] = field(default_factory=list)
    differences: list[float] = field(default_factory=list)
    """of each pair, log head - log base, in the order of time"""

    @property
    def outcome(self) -> Outcome | None:
        """What the pairs say; None for fewer than two."""
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
        """Whose pairs are being taken, and which decides."""
        return self.fresh if self.is_flagged and self.fresh is not None else self.first

    def add(self, pair: Pair) -> None:
        """Take a pair, and see whether it decides."""
        self.failure = pair.failure(self.name)
        if self.failure is not None:
            self.is_open = False
            return
        stage = self.stage
        for side, seconds in zip((stage.base, stage.head), pair.seconds(self.name), strict=True):
            side.append(seconds)
        stage.differences.append(pair.log_ratio(self.name))
        said = judged(stage.differences, stage.looks)
        if said == "REGRESSION" and self.fresh is not None and not self.is_flagged:
            self.is_flagged = True
        else:
            self.is_open = said is None and len(stage.base) < stage.looks.pairs[-1]

    def decision(self, stopped: str) -> Decision:
        """What is decided; `stopped` says why there are no more pairs where there should be."""
        if self.failure is not None:
            return Decision(self.name, "speed", None, self.failure)
        found, looks = self.stage.outcome, self.first.looks
        if found is None:
            # Flagged, and the fresh pairs did not come: what is known is what flagged it.
            found = self.first.outcome
        if found is None:
            return Decision(self.name, "speed", "INCONCLUSIVE", f"{stopped} after {len(self.first.base)} pairs")
        verdict = self._verdict(found)
        differences = (*self.first.differences, *(self.fresh.differences if self.fresh else ()))
        stage = self.stage if len(self.stage.base) > 1 else self.first
        return Decision(
            subject=self.name,
            kind="speed",
            verdict=verdict,
            reason=_reason(self, found, verdict, stopped),
            test=_test(self),
            base=statistics.geometric_mean(stage.base[: found.num_pairs]),
            head=statistics.geometric_mean(stage.head[: found.num_pairs]),
            unit="s",
            worsening=found.mean,
            low=found.low,
            high=found.high,
            level=found.level,
            p_value=found.p_value,
            dead_zone=looks.dead_zone,
            margin=looks.effect,
            num_units=len(differences),
            spread=found.spread,
            detectable=found.detectable,
            needed_units=found.needed_pairs if verdict == "INCONCLUSIVE" else None,
            differences=differences,
            improved=found.mean < -looks.effect and found.high < -looks.dead_zone,
        )

    def _verdict(self, found: Outcome) -> Verdict:
        # Flagged and not confirmed is no REGRESSION, however sure the first pairs were.
        if self.is_flagged and len(self.stage.base) < 2:
            return "INCONCLUSIVE"
        return found.verdict or "INCONCLUSIVE"


def run_pairs(trials: Sequence[Trial], measure: MeasurePair, on_event: OnEvent = lambda event: None) -> int:
    """Take pairs until every trial is decided or no more are to be measured; how many were taken."""
    number = 0
    while going := [trial for trial in trials if trial.is_open]:
        on_event({"event": "case", "name": f"pair {number + 1}", "number": number, "total": _at_most(going, number)})
        pair = measure(number, [trial.name for trial in going])
        if pair is None:
            break
        for trial in going:
            trial.add(pair)
        number += 1
    return number


def _at_most(going: Sequence[Trial], number: int) -> int:
    return number + max(trial.stage.looks.pairs[-1] - len(trial.stage.base) for trial in going)


def _test(trial: Trial) -> str:
    looks = trial.first.looks
    text = (
        f"one-sided paired t and signed-rank tests, looks at {', '.join(map(str, looks.pairs))} pairs of processes; "
        f"errors {100 * looks.alpha:g} % and {100 * looks.beta:g} %"
    )
    if trial.fresh is None:
        return text
    if not trial.is_flagged:
        return f"{text}; a REGRESSION would have to be confirmed on fresh pairs"
    return f"{text}; confirmation at {100 * trial.fresh.looks.alpha:.2g} % on {len(trial.fresh.base)} fresh pairs"


def _reason(trial: Trial, found: Outcome, verdict: Verdict, stopped: str) -> str:
    looks = trial.first.looks
    bounds = f"head takes {percent(found.low)} to {percent(found.high)} longer"
    if verdict == "REGRESSION":
        return f"{bounds}: more than {percent(looks.dead_zone)}"
    if verdict == "PASS":
        flagged = "; flagged by the first pairs, which fresh ones did not bear out" if trial.is_flagged else ""
        bound = (
            f"at most {percent(found.high)} slower" if found.high > 0 else f"faster by at least {percent(-found.high)}"
        )
        return f"{bound}, less than the {percent(looks.effect)} that must be caught{flagged}"
    state = "; the first pairs say slower, and fresh ones do not confirm it yet" if trial.is_flagged else ""
    why = stopped if trial.is_open else "the last look"
    guaranteed = f"; {percent(found.detectable)} would have been caught" if found.detectable is not None else ""
    return f"{why} came before a verdict: {bounds}{guaranteed}{state}"

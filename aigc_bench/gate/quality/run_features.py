"""The features of two runs, each read from the disk once, and a change of a score as a worsening."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from aigc_bench.core import Features, Score
from aigc_bench.core.errors import FeaturesMissingError
from aigc_bench.gate.quality.claims import Worsening
from aigc_bench.runs.comparison.changes import Change
from aigc_bench.runs.comparison.matching import Group, case_of
from aigc_bench.runs.recorded import Recorded
from aigc_bench.stats.noninferiority import Difference


@dataclass(frozen=True)
class RunFeatures:
    """Features of both runs, and the floor of base (the score of held-out real data) for tolerances of differences."""

    base: Recorded
    head: Recorded
    missing: set[str] = field(default_factory=set)
    """reasons why features could not be read, where the test falls back to run.json"""
    _read: dict[tuple[str, str, int | None, str], Features] = field(default_factory=dict)

    def real(self, digest: str) -> Features:
        """Features of the real side; both runs have the same ones, so either run's are read.

        Raises:
            FeaturesMissingError: neither has.
        """
        key = ("real", "", None, digest)
        if key not in self._read:
            try:
                self._read[key] = self.base.real(digest)
            except FeaturesMissingError:
                self._read[key] = self.head.real(digest)
        return self._read[key]

    def fakes(self, base: Score, head: Score) -> tuple[Features, Features]:
        """Features of the samples behind a score, on both sides.

        Raises:
            FeaturesMissingError: they are gone, or were never kept.
        """
        both = []
        for side, recorded, score in (("base", self.base, base), ("head", self.head, head)):
            assert score.extractor_digest is not None  # asked of scores that come from features alone
            key = (side, score.generator, score.training_seed, score.extractor_digest)
            if key not in self._read:
                # Only one row's features are held for each side: all rows of a suite can be gigabytes.
                for old in [other for other in self._read if other[0] == side]:
                    del self._read[old]
                case = case_of(recorded.run, score.generator, score.training_seed)
                self._read[key] = recorded.fake(case, score.extractor_digest)
            both.append(self._read[key])
        return both[0], both[1]

    def yardstick(self, score: Score, value: float) -> float:
        """What tolerance and detect of a difference are shares of: |value|, or |base's floor| where that is larger."""
        floors = [
            abs(other.estimate.value)
            for other in self.base.run.scores
            if other.generator == "floor" and other.estimate and other.metric == score.metric
            if other.extractor_digest == score.extractor_digest
        ]
        return max(abs(value), *floors) if floors else abs(value)


def family(score: Score) -> str:
    """The statistic behind a score's name: "fd", "kd", or the name itself."""
    if score.estimate is not None and score.estimate.replicates_of == "subset":
        return "kd_subsets"  # which some codes call KID
    name = score.metric.partition("@")[0]
    name = name.removesuffix(f"_{score.extractor}") if score.extractor else name
    return {"fid": "fd", "rfid": "fd", "rfd": "fd", "kid": "kd"}.get(name, name)


def worsening_of(group: Group, seed: int | None, change: Change, yardstick: float) -> Worsening | None:
    """A change with the sign that makes worse positive; None where it has no standard error."""
    base, head = group.base[seed], group.head[seed]
    assert base.estimate is not None and head.estimate is not None  # noqa: PT018 (matched scores have one)
    if change.standard_error is None:
        return None
    sign = -1.0 if base.higher_is_better else 1.0
    degrees = change.degrees if math.isfinite(change.degrees) else math.inf
    return Worsening(
        subject=group.name_at(seed),
        score=base,
        base=base.estimate.value,
        head=head.estimate.value,
        scale=change.scale,
        difference=Difference(sign * change.value, change.standard_error, degrees),
        test=change.method,
        num_units=head.estimate.num_samples,
        yardstick=yardstick,
        identical=change.identical,
        differences=tuple(sign * difference for difference in change.differences),
    )

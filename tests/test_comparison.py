"""Comparisons: laws, refusals by name, and how wide a change's interval is."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from quality_kit import DIGEST, METRICS, drawn, here, moved, run_of, score

from aigc_bench.core import Estimate, FeaturePair, Features
from aigc_bench.core.errors import NothingComparableError
from aigc_bench.metrics import frechet, kernel, manifold
from aigc_bench.runs.comparison.changes import UNBIASED, change_of, scale_of
from aigc_bench.runs.comparison.comparison import ComparedScore, Comparison, compare_runs
from aigc_bench.runs.comparison.matching import differences
from aigc_bench.runs.records import Run
from aigc_bench.stats import intervals

REAL = drawn(300, 0)
GOOD = drawn(240, 1, shift=0.3)
WORSE = moved(GOOD, 2, 0.3, 0.2)


def by_metric(found: Comparison) -> dict[str, ComparedScore]:
    """Metric => the row of the only generator."""
    return {row.subject.partition(": ")[2]: row for row in found.rows}


def with_scores(run: Run, **fields: Any) -> Run:
    """The run with a field of every score changed."""
    return run.model_copy(update={"scores": tuple(replace(one, **fields) for one in run.scores)})


def test_nothing_changed_between_a_run_and_itself() -> None:
    """Every change is 0 and said to be none."""
    run = run_of({("gan", 0): GOOD, ("gan", 1): WORSE, ("flow", None): WORSE}, REAL)
    found = compare_runs(run, run)
    assert [row.change for row in found.rows] == [0.0] * 6
    assert not any(row.changed for row in found.rows)
    assert not found.environment
    assert not found.statements
    assert {row.seeds for row in found.rows if row.subject.startswith("gan")} == {(0, 1)}


def test_swapped_sides_change_the_signs() -> None:
    """And the interval turns round; a change for the worse is then one for the better."""
    base, head = (run_of({("gan", 0): side}, REAL) for side in (GOOD, WORSE))
    there, back = by_metric(compare_runs(base, head)), by_metric(compare_runs(head, base))
    for name, row in there.items():
        other = back[name]
        assert row.change == pytest.approx(-other.change)
        assert row.low == pytest.approx(-other.high)
        assert (row.base, row.head) == (other.head, other.base)
        assert row.changed == other.changed
    assert there["fd_made"].changed
    assert there["fd_made"].better is False
    assert back["fd_made"].better is True


def test_shared_seeds_are_paired_and_others_are_not() -> None:
    """The same numbers are far better known as a difference of pairs."""
    sides = {("gan", None): GOOD}, {("gan", None): moved(GOOD, 5, 0.1)}
    paired, apart = (
        by_metric(compare_runs(*(run_of(side, REAL, seeded=seeded) for side in sides))) for seeded in (True, False)
    )
    for name in ("fd_made", "kd_made", "precision"):
        row, other = paired[name], apart[name]
        assert row.change == other.change
        assert row.high - row.low < 0.5 * (other.high - other.low)
    assert "paired" in paired["fd_made"].method
    assert "independent" in apart["fd_made"].method


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_replicates_are_the_score_without_a_block(metric: Any) -> None:
    """Also of scores whose error bar does not come from them: pairs need them."""
    found = metric.compute(FeaturePair(REAL, GOOD, "made", DIGEST))
    blocks = intervals.blocks(len(GOOD.pool))
    assert found.replicates_of == "block left out"
    assert len(found.replicates) == len(blocks)
    for number in (0, 7, 19):
        kept = torch.cat([block for other, block in enumerate(blocks) if other != number])
        anew = metric.compute(FeaturePair(REAL, Features(GOOD.pool[kept]), "made", DIGEST))
        assert found.replicates[number] == pytest.approx(anew.value, rel=1e-9, abs=1e-12)


def test_a_paired_change_is_as_uncertain_as_it_says() -> None:
    """Over 80 pairs of like sides z spreads as Student's t does: .75 to 1.3 are beyond its 99.9 % range for 80."""
    z = []
    for number in range(80):
        base = drawn(120, 100 + number, width=4, shift=0.4)
        sides = (moved(base, 1000 + number, 0.3), moved(base, 2000 + number, 0.3))
        estimates = [frechet.fd.compute(FeaturePair(REAL_4, side, "made", DIGEST)) for side in sides]
        change = change_of(estimates[0], estimates[1], "log ratio", paired=True)
        assert change.standard_error is not None
        z.append(change.value / change.standard_error)
    assert 0.75 < np.std(z) < 1.30
    assert abs(np.mean(z)) < 3.3 / math.sqrt(len(z))


REAL_4 = drawn(200, 9, width=4)


def test_halves_are_paired_as_well() -> None:
    """Recall has halves instead of blocks; the interval of a change is that of pairs, and holds 0 for like sides."""
    sides = [run_of({("gan", None): moved(GOOD, seed, 0.02)}, REAL, (manifold.recall,)) for seed in (3, 4)]
    (row,) = compare_runs(*sides).rows
    assert "halves" in row.method
    assert row.low < 0 < row.high


def test_a_difference_is_the_scale_of_what_may_be_zero() -> None:
    """By name, since a kernel distance is not below zero every time; and of what is not well known to be above."""
    estimate = kernel.kd.compute(FeaturePair(REAL, GOOD, "made", DIGEST))
    assert scale_of("kd_made", [estimate]) == "difference"
    assert scale_of("fd_made", [estimate]) == "log ratio"
    assert scale_of("ssim", [replace(estimate, replicates=(-0.1,))]) == "difference"
    assert scale_of("ssim", [replace(estimate, standard_error=estimate.value)]) == "difference"
    assert all(scale_of(f"{name}_made", [estimate]) == "difference" for name in UNBIASED)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"extractor_digest": "f" * 64}, "unlike extractors: made (eeeeeeee) and made (ffffffff)"),
        ({"unit": "nats"}, "unlike definitions"),
        ({"higher_is_better": True}, "unlike definitions"),
    ],
)
def test_unlike_scores_are_refused_by_name(changed: dict[str, Any], words: str) -> None:
    """Every row says why; when all do, nothing can be compared, and the error says it."""
    base = run_of({("gan", 0): GOOD}, REAL, (frechet.fd,))
    both = run_of({("gan", 0): GOOD}, REAL, (frechet.fd, kernel.kd))
    kernel_score = next(one for one in both.scores if one.metric == "kd_made")
    with pytest.raises(NothingComparableError, match=words.replace("(", r"\(").replace(")", r"\)")):
        compare_runs(base, with_scores(base, **changed))
    head = with_scores(base, **changed).model_copy(
        update={"scores": (*with_scores(base, **changed).scores, kernel_score)}
    )
    found = by_metric(compare_runs(both, head))
    assert words in (found["fd_made"].reason or "")
    assert found["fd_made"].change is None
    assert found["kd_made"].change == 0


def test_unlike_numbers_data_and_definitions_are_refused() -> None:
    """N with the limit to use, the digests of the data, and both definitions."""
    base = run_of({("gan", 0): GOOD}, REAL, (frechet.fd,))
    with pytest.raises(NothingComparableError, match=r"unlike N: 240 and 200 samples.*--limit 200"):
        compare_runs(base, run_of({("gan", 0): Features(GOOD.pool[:200])}, REAL, (frechet.fd,)))
    other = base.model_copy(update={"dataset": base.dataset.model_copy(update={"digest": "a" * 64})})
    with pytest.raises(NothingComparableError, match=r"unlike real data: made \(dddddddd\) and made \(aaaaaaaa\)"):
        compare_runs(base, other)
    estimate = base.scores[0].estimate
    assert estimate is not None
    with pytest.raises(NothingComparableError, match="'mean over 3 splits'"):
        compare_runs(base, with_scores(base, estimate=replace(estimate, estimand="mean over 3 splits")))
    with pytest.raises(NothingComparableError, match="no generator and metric in common"):
        compare_runs(base, run_of({("gan", 0): GOOD, ("vae", 0): GOOD}, REAL, (kernel.kd,)))


def test_what_one_side_has_alone_is_told_apart() -> None:
    """Generators and metrics; a failure is neither."""
    base = run_of({("gan", 0): GOOD, ("vae", 0): GOOD}, REAL, (frechet.fd, manifold.precision))
    head = run_of({("gan", 0): GOOD, ("flow", 0): GOOD}, REAL, (frechet.fd, kernel.kd))
    broken = score("gan", 0, None, "recall", True, status="failed", reason="all alike")
    found = compare_runs(base, head.model_copy(update={"scores": (*head.scores, broken)}))
    assert [row.subject for row in found.rows] == ["gan: fd_made"]
    assert found.removed == ("gan: precision", "vae: fd_made", "vae: precision")
    assert found.new == ("gan: kd_made", "flow: fd_made", "flow: kd_made")
    assert [(one.subject, one.reason) for one in found.failed] == [("gan, seed 0: recall", "head failed: all alike")]


def test_two_sets_of_unlike_names_are_compared_where_there_is_one_on_each_side() -> None:
    """As folders of samples are; the row and a statement say so."""
    found = compare_runs(run_of({("old", None): GOOD}, REAL), run_of({("new", None): WORSE}, REAL))
    assert found.rows[0].subject == "old → new: fd_made"
    assert "old of base is compared with new of head" in found.statements[0]


def test_training_seeds_are_paired_where_they_are_shared() -> None:
    """The mean over shared seeds; of unlike seeds the means of both sides, as of independent samples."""
    sides = {0: GOOD, 1: moved(GOOD, 7, 0.5), 2: WORSE}
    base = run_of({("gan", seed): side for seed, side in sides.items()}, REAL, (frechet.fd,))
    head = run_of({("gan", seed): sides[(seed + 1) % 3] for seed in (2, 1)}, REAL, (frechet.fd,))
    values = {one.training_seed: one.estimate.value for one in base.scores if one.estimate}
    (row,) = compare_runs(base, head).rows
    assert row.seeds == (1, 2)
    assert compare_runs(base, head).removed == ("gan, seed 0",)
    assert row.base == pytest.approx((values[1] + values[2]) / 2)
    assert row.change == pytest.approx((math.log(values[2] / values[1]) + math.log(values[0] / values[2])) / 2)
    (apart,) = compare_runs(base, run_of({("gan", 8): GOOD}, REAL, (frechet.fd,))).rows
    assert apart.seeds == ()
    assert apart.change == pytest.approx(math.log(values[0]) - np.mean(np.log(list(values.values()))))


def test_only_what_differs_of_the_environment_is_shown() -> None:
    """Packages by name."""
    mine = here()
    theirs = replace(mine, threads=mine.threads + 1, packages={**mine.packages, "torch": "9.9"})
    found = differences(mine, theirs)
    assert found == {
        "threads": (str(mine.threads), str(mine.threads + 1)),
        "torch": (mine.packages["torch"], "9.9"),
    }


def test_an_anchor_that_moved_is_a_warning() -> None:
    """The same data by the same extractor have the same score, or everything else moved as well."""
    base = run_of({("floor", None): drawn(240, 8), ("gan", None): GOOD}, REAL, (frechet.fd,))
    moved_floor = tuple(
        replace(one, estimate=replace(one.estimate, value=one.estimate.value * 1.0001))
        if one.generator == "floor" and one.estimate
        else one
        for one in base.scores
    )
    assert compare_runs(base, base).statements == ()
    (text,) = compare_runs(base, base.model_copy(update={"scores": moved_floor})).statements
    assert text.startswith("Warning")
    assert "floor's fd_made" in text


def test_timings_of_two_runs_are_never_said_to_have_changed() -> None:
    """A count is another count; seconds of another moment are not another speed."""
    base, head = (
        run_of({("gan", 0): GOOD}, REAL, (frechet.fd,)).model_copy(
            update={
                "scores": tuple(
                    replace(one, kind="speed", extractor=None, extractor_digest=None)
                    for one in (
                        score("gan", 0, Estimate(value, None, None, None, 0.95, "", "", 1), "num_parameters", False),
                        score("gan", 0, Estimate(value, None, 0.5, 20.0, 0.95, "", "", 1), "latency_p50_s", False),
                    )
                )
            }
        )
        for value in (1.0, 10.0)
    )
    found = by_metric(compare_runs(base, head))
    assert found["num_parameters"].changed is True
    assert found["latency_p50_s"].changed is None
    assert found["latency_p50_s"].change == pytest.approx(math.log(10))
    assert "gate speed" in found["latency_p50_s"].method

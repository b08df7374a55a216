"""KID, Inception Score, the manifold metrics and class balance against naive references."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics.image.kid import poly_mmd

from aigc_bench.core import FeaturePair, Features
from aigc_bench.core.errors import MeasurementError, NotAvailableError
from aigc_bench.metrics import manifold, memorisation, neighbours, tiles
from aigc_bench.metrics.balls import squared_radii
from aigc_bench.metrics.class_balance import class_balance, standard_error, total_variation
from aigc_bench.metrics.inception_score import inception_score
from aigc_bench.metrics.kernel import kd
from aigc_bench.metrics.kernel_sums import KernelSums
from aigc_bench.metrics.neighbours import nearest_neighbours
from aigc_bench.metrics.sweep import Sweep
from aigc_bench.stats import intervals
from aigc_bench.stats.halves import balanced_halves


def test_kernel_distance_equals_torchmetrics(pair: FeaturePair) -> None:
    """Over all pairs, on equally large sides."""
    x, y = pair.real.pool[:260].double(), pair.fake.pool.double()
    assert KernelSums.of(x, y).distance == pytest.approx(float(poly_mmd(x, y)), rel=1e-9)


def test_kernel_distance_is_unbiased_and_its_error_true() -> None:
    """Over 300 draws of the same distribution the mean is near 0 and the stated error near the observed spread."""
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(200, 6, generator=generator)
    found = [KernelSums.of(real, torch.randn(200, 6, generator=generator) + 0.3) for _ in range(300)]
    observed = float(np.std([sums.distance for sums in found], ddof=1))
    stated = math.sqrt(float(np.mean([sums.standard_error**2 for sums in found])))
    assert 0.85 < stated / observed < 1.15


def test_tiles_do_not_change_the_kernel_distance(pair: FeaturePair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tiles give the same value and error."""
    whole = kd.compute(pair)
    monkeypatch.setattr("aigc_bench.metrics.kernel_sums.TILE", 37)
    tiled = kd.compute(pair)
    assert tiled.value == pytest.approx(whole.value, rel=1e-10)
    assert tiled.standard_error == pytest.approx(whole.standard_error, rel=1e-8)


def test_the_variance_terms_equal_their_definition(pair: FeaturePair) -> None:
    """c₂ by the explicit doubly centred matrix."""
    sums, y = KernelSums.of(pair.real.pool, pair.fake.pool), pair.fake.pool.double()
    n = len(y)
    k = (y @ y.T / y.shape[1] + 1) ** 3
    k.fill_diagonal_(0)
    r = k.sum(1) / (n - 1)
    centred = (k - r[:, None] - r[None] + r.mean()).fill_diagonal_(0)
    c2 = float(centred.square().sum()) / (n * (n - 1))
    h = 2 * (r - sums.cross_rows / sums.num_real)
    first = max(float(h.var()) - 4 * c2 / (n - 1), 0)
    assert sums.standard_error == pytest.approx(math.sqrt(first / n + 2 * c2 / (n * (n - 1))), rel=0.01)


def test_the_slope_of_the_error_is_that_of_explicit_features(pair: FeaturePair) -> None:
    """⟨w, C w⟩ / ‖w‖² with all cubic monomials of (1, x / √D), whose inner products are the kernel's."""
    x, y = pair.real.pool.double()[:, :3], pair.fake.pool.double()[:, :3] + 2

    def monomials(pool: torch.Tensor) -> torch.Tensor:
        wide = torch.cat([torch.ones(len(pool), 1, dtype=torch.float64), pool / math.sqrt(3)], 1)
        return torch.einsum("ni,nj,nk->nijk", wide, wide, wide).flatten(1)

    real, fake = monomials(x), monomials(y)
    between_real = (real.square().sum() - real.sum(0).square().sum() / len(x)) / (len(x) * (len(x) - 1))
    w = fake.mean(0) - real.mean(0)
    expected = 4 * (w @ fake.T.cov() @ w) / (w @ w - between_real) / 500
    # The sums leave a sample out of its own row: a difference of order 1 / N.
    assert KernelSums.of(x, y).slope(500) == pytest.approx(float(expected), rel=0.02)


def test_a_leaning_interval_is_the_score_interval_of_a_count() -> None:
    """A count of 9 is its own variance, which rises by 1 per 1: x + z² / 2 ± z √(x + z² / 4)."""
    z = 1.959963984540054
    count = intervals.symmetric(9.0, 3.0, 1e9, method="", estimand="", num_samples=9)
    found = intervals.leaning(count, 1.0)
    half = z * math.sqrt(9 + z**2 / 4)
    assert (found.low, found.high) == pytest.approx((9 + z**2 / 2 - half, 9 + z**2 / 2 + half))
    assert intervals.leaning(count, 0.0) == count
    known = intervals.symmetric(9.0, 3.0, math.inf, method="", estimand="", num_samples=9)
    assert (known.degrees, known.high) == (None, pytest.approx(9 + 3 * z))


def test_inception_score_equals_a_loop_over_the_protocol(pair: FeaturePair) -> None:
    """torch-fidelity's order and splits, in numpy."""
    assert pair.fake.logits is not None
    logits = pair.fake.logits.double().numpy()
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    p = p[np.random.RandomState(2020).permutation(len(p))]
    scores = []
    for i in range(10):
        part = p[i * len(p) // 10 : (i + 1) * len(p) // 10]
        scores.append(math.exp(float((part * (np.log(part) - np.log(part.mean(0)))).sum(1).mean())))
    estimate = inception_score.compute(pair)
    assert estimate.value == pytest.approx(np.mean(scores), rel=1e-9)
    assert estimate.standard_error == pytest.approx(np.std(scores, ddof=1) / math.sqrt(10), rel=1e-9)


def distances(x: Tensor, y: Tensor) -> Tensor:
    """All pairs, by differences."""
    return (x[:, None].double() - y[None].double()).norm(dim=2)


def naive(real: Tensor, fake: Tensor) -> dict[str, float]:
    """The four definitions, with all matrices in memory."""
    rr, ff, rf = distances(real, real), distances(fake, fake), distances(real, fake)
    radius = lambda d, k: d.sort(1)[0][:, k : k + 1]  # noqa: E731 (column 0 is the point itself)
    return {
        "precision": float((rf <= radius(rr, 3)).any(0).double().mean()),
        "recall": float((radius(ff, 3) >= rf.T).any(0).double().mean()),
        "density": float((rf < radius(rr, 5)).double().sum(0).mean() / 5),
        "coverage": float((rf < radius(rr, 5)).any(1).double().mean()),
    }


def spread(pair: FeaturePair, factor: float) -> FeaturePair:
    """The generated side's features times a factor, among 200 more of nothing but noise."""
    generator = torch.Generator().manual_seed(5)
    real, fake = (
        torch.cat([side.pool, torch.randn(side.num_samples, 200, generator=generator)], 1)
        for side in (pair.real, pair.fake)
    )
    return FeaturePair(Features(real), Features(factor * fake), "made", "0")


@pytest.mark.parametrize("factor", [None, 0.1, 3.0], ids=["sparse", "all in real balls", "all in generated balls"])
@pytest.mark.parametrize("name", ["precision", "recall", "density", "coverage"])
def test_manifold_metrics_equal_their_definitions(
    name: str, factor: float | None, pair: FeaturePair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts agree exactly, whatever the tiles; replicates equal computing without a block, or with a half alone."""
    pair = pair if factor is None else spread(pair, factor)
    expected = naive(pair.real.pool, pair.fake.pool)[name]
    estimate = getattr(manifold, name).compute(pair)
    assert estimate.value == pytest.approx(expected, abs=1e-12)
    for number in (0, 7, 31) if estimate.replicates else ():
        blocks = intervals.blocks(260)
        first = balanced_halves()[number // 2] ^ bool(number % 2)
        kept = [rows for i, rows in enumerate(blocks) if (first[i] if name == "recall" else i != number)]
        if kept and number < len(estimate.replicates):
            part = naive(pair.real.pool, pair.fake.pool[torch.cat(kept)])[name]
            assert estimate.replicates[number] == pytest.approx(part, abs=1e-12)
    monkeypatch.setattr("aigc_bench.metrics.tiles.TILE", 41)
    fresh = FeaturePair(Features(pair.real.pool), pair.fake, "made", "0")
    assert getattr(manifold, name).compute(fresh) == estimate


def test_single_samples_equal_their_definitions(pair: FeaturePair) -> None:
    """Realism, the nearest real sample, authenticity and duplicates, with all matrices in memory."""
    fake = pair.fake.pool.clone()
    fake[7], fake[9] = fake[100], pair.real.pool[3]
    sweep = Sweep.computed(pair.real, fake)
    rr, ff, rf = distances(pair.real.pool, pair.real.pool), distances(fake, fake), distances(pair.real.pool, fake)
    radius = rr.sort(1)[0][:, 3]
    kept = radius <= radius.median()
    expected = (radius[kept, None] / rf[kept].clamp_min(1e-15)).amax(0)
    others = torch.arange(260) != 9  # on a real sample: as realistic as float32 can say
    torch.testing.assert_close(sweep.realism[others], expected[others].float(), rtol=1e-4, atol=0)
    assert float(sweep.realism[9]) > 50 or not bool(kept[3])
    assert torch.equal(sweep.nearest, rf.argmin(0))
    torch.testing.assert_close(sweep.nearest_squared.sqrt(), rf.amin(0), rtol=1e-9, atol=1e-9)
    apart = rr.fill_diagonal_(math.inf).amin(1)
    assert torch.equal(memorisation.authentic(sweep), rf.amin(0) > apart[rf.argmin(0)])
    assert not bool(memorisation.authentic(sweep)[9])
    twins = memorisation.duplicated(fake, sweep.twin_squared)
    assert torch.equal(twins, ff.fill_diagonal_(math.inf).amin(1) == 0)
    assert twins.nonzero().flatten().tolist() == [7, 100]
    copied = FeaturePair(pair.real, Features(fake), "made", "0")
    assert memorisation.duplicates.compute(copied).value == pytest.approx(2 / 260)
    assert memorisation.auth_pct.compute(copied).value == pytest.approx(
        100 * float((rf.amin(0) > apart[rf.argmin(0)]).double().mean())
    )


@pytest.mark.parametrize("num", [6, 7, 9, 12])
def test_radii_of_few_samples(num: int) -> None:
    """Fewer others than candidates."""
    pool = torch.randn(num, 5, generator=torch.Generator().manual_seed(num))
    expected = distances(pool, pool).square().sort(1)[0][:, 1:6]
    torch.testing.assert_close(squared_radii(pool, 5), expected, rtol=1e-9, atol=1e-12)


def test_the_nearest_real_sample_is_exact_among_near_duplicates() -> None:
    """The GEMM alone would swap them; copies are as realistic as rounding can tell, not infinitely so."""
    real = Features(torch.full((60, 16), 1000.0) + torch.arange(60)[:, None] * 1e-3)
    sweep = Sweep.computed(real, real.pool[:45] + 2e-4)
    assert sweep.nearest.tolist() == list(range(45))
    copies = FeaturePair(real, Features(real.pool[:45].clone()), "made", "0")
    assert math.isfinite(manifold.realism.compute(copies).value)


def test_balls_share_a_key_where_they_hold_the_same_samples(pair: FeaturePair) -> None:
    """And the numbers of samples agree with the matrix."""
    sweep = Sweep.computed(pair.real, pair.fake.pool)
    rr, rf = distances(pair.real.pool, pair.real.pool), distances(pair.real.pool, pair.fake.pool)
    inside = rf < rr.sort(1)[0][:, 5:6]
    assert torch.equal(sweep.count, inside.sum(1))
    same = (inside[:, None] == inside[None]).all(2)
    assert int(same.sum()) > len(same)
    assert torch.equal(sweep.key[:, None] == sweep.key[None], same)


@pytest.mark.parametrize("shape", [(1, 8), (9, 64), (40, 41), (300, 2048)])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.9, 1.0])
def test_pairs_are_what_is_true(shape: tuple[int, int], share: float) -> None:
    """Eight flags at a time or one, and of a transposed matrix, in the order of rows."""
    flags = torch.rand(shape, generator=torch.Generator().manual_seed(0)) < share
    for matrix in (flags, flags.T):
        for found, expected in zip(tiles.pairs(matrix), matrix.nonzero(as_tuple=True), strict=True):
            assert torch.equal(found, expected)


def test_halves_are_balanced() -> None:
    """Ten blocks each, and any two blocks on the same side in nine of 19 divisions: McCarthy's condition."""
    signs = 2 * balanced_halves().long() - 1
    assert signs.shape == (19, 20)
    assert torch.equal(signs.sum(1), torch.zeros(19, dtype=torch.int64))
    assert torch.equal(signs.T @ signs, 20 * torch.eye(20, dtype=torch.int64) - 1)


@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_the_errors_of_recall_and_coverage_are_true(shift: float) -> None:
    """Against the spread over 150 generated sets; near the floor coverage's may be wide."""
    generator = torch.Generator().manual_seed(1)

    def draw(shift: float) -> Tensor:
        z = torch.randn(300, 16, generator=generator)
        return z * (0.5 + torch.rand(300, 1, generator=generator)) + shift

    real = Features(draw(0.0))
    found = [FeaturePair(real, Features(draw(shift)), "made", "0") for _ in range(150)]
    for metric in (manifold.recall, manifold.coverage):
        estimates = [metric.compute(pair) for pair in found]
        observed = float(np.std([e.value for e in estimates], ddof=1))
        stated = math.sqrt(float(np.mean([(e.standard_error or 0) ** 2 for e in estimates])))
        assert 0.8 < stated / observed < (1.5 if metric is manifold.coverage and not shift else 1.25)


def test_neighbours_are_exact_where_products_cancel() -> None:
    """Near-duplicates far from the origin: the GEMM alone would call them identical or swap them."""
    base = torch.full((50, 16), 1000.0) + torch.arange(50)[:, None] * 1e-3
    found, index = nearest_neighbours(base[:5] + 2e-4, base, 1)
    assert index[:, 0].tolist() == [0, 1, 2, 3, 4]
    expected = (base[:5].double() - (base[:5] + 2e-4).double()).norm(dim=1)
    torch.testing.assert_close(found[:, 0], expected)


def test_one_sample_far_out_neither_slows_nor_changes_the_others(
    pair: FeaturePair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its norm alone, rounding could change every comparison: few are repeated exactly, and all come out right."""
    counted: list[int] = []
    exact = tiles.exact_squared

    def counting(x: Tensor, rows: Tensor, y: Tensor, columns: Tensor) -> Tensor:
        counted.append(len(rows))
        return exact(x, rows, y, columns)

    monkeypatch.setattr(neighbours, "exact_squared", counting)
    monkeypatch.setattr(tiles, "exact_squared", counting)
    far = pair.fake.pool.clone()
    far[7] = 1e4
    plain, outlying = (
        Sweep.of(FeaturePair(pair.real, Features(pool), "made", "0")) for pool in (pair.fake.pool[:200], far[:200])
    )
    others = torch.arange(200) != 7
    assert torch.equal(plain.precise[others], outlying.precise[others])
    assert torch.equal(plain.dense[others], outlying.dense[others])
    assert torch.equal(plain.realism[others], outlying.realism[others])
    assert sum(counted) < 200 * 300


def test_class_balance_is_total_variation(pair: FeaturePair) -> None:
    """A dropped class of one tenth costs about a tenth; equal sides cost nothing."""
    logits = 9 * torch.eye(10)[torch.arange(400) % 10]
    real = Features(torch.zeros(400, 1), logits)
    dropped = Features(torch.zeros(400, 1), logits.clone())
    dropped.logits[::10] = 9 * torch.eye(10)[1]  # type: ignore[index]
    assert class_balance.compute(FeaturePair(real, dropped, "made", "0")).value == pytest.approx(0.1)
    assert class_balance.compute(FeaturePair(real, real, "made", "0")).value == 0


@pytest.mark.parametrize("shares", [(0.1,) * 10, (0.19, 0.01, *(0.1,) * 8)])
def test_the_error_of_class_balance_is_true_at_its_kink_and_off_it(shares: tuple[float, ...]) -> None:
    """Against the spread over 400 draws of 500 classes."""
    real = torch.full((10,), 100)
    draws = np.random.default_rng(1).multinomial(500, shares, 400)
    values = [total_variation(real, torch.from_numpy(counts)) for counts in draws]
    stated = math.sqrt(np.mean([standard_error(real, torch.from_numpy(counts)) ** 2 for counts in draws[:60]]))
    assert 0.85 < stated / np.std(values, ddof=1) < 1.2


def test_a_share_has_wilsons_interval() -> None:
    """By its closed form; also where all flags agree."""
    for hits, num in ((0, 50), (31, 60), (60, 60)):
        flags = torch.arange(num) < hits
        found, z, p = intervals.of_share(flags, method="", estimand=""), 1.959963984540054, hits / num
        centre = (p + z * z / (2 * num)) / (1 + z * z / num)
        half = z / (1 + z * z / num) * math.sqrt(p * (1 - p) / num + z * z / (4 * num * num))
        assert (found.low, found.high) == pytest.approx((max(centre - half, 0), min(centre + half, 1)), abs=1e-12)
        assert found.value == p
    with pytest.raises(MeasurementError, match="at least 1"):
        intervals.of_share(flags[:0], method="", estimand="")


def test_metrics_without_their_evidence_say_so(pair: FeaturePair) -> None:
    """No classifier: not available. Too few neighbours: undefined."""
    blind = FeaturePair(Features(pair.real.pool), Features(pair.fake.pool), "pixels", "0")
    for metric in (inception_score, class_balance):
        with pytest.raises(NotAvailableError, match="no classifier"):
            metric.compute(blind)
    few = FeaturePair(Features(pair.real.pool[:3]), pair.fake, "made", "0")
    with pytest.raises(MeasurementError, match="neighbour"):
        manifold.precision.compute(few)

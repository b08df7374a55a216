"""The self-test: what its rows say, that what is broken is found, exit codes, and what `--json` prints."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from aigc_bench import cli
from aigc_bench.core.errors import DataError, MeasurementError, NotAvailableError, NothingMeasuredError, StoreError
from aigc_bench.data import cifar10
from aigc_bench.metrics import balls, kernel_sums
from aigc_bench.modalities.image.extractors import inception, inception_network, resize
from aigc_bench.noise import tensors
from aigc_bench.selftest import pixels, published, statistics
from aigc_bench.selftest.rows import Check, Row, SelfTest, measured

CPU = torch.device("cpu")
QUICK = [check.name for check in statistics.checks() if "10,000" not in check.name]


def silent(event: Any) -> None:
    """Nobody listens."""


def check(found: Callable[[], float], expected: float = 1.0, name: str = "one") -> Check:
    """One with a tolerance of a tenth."""
    return Check(name, expected, 0.1, "a tenth will do", "arithmetic", found)


def raising(error: Exception) -> Callable[[], float]:
    """A statistic that raises."""

    def found() -> float:
        raise error

    return found


# ---- rows -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "status", "value", "reason"),
    [
        (lambda: 1.09, "PASS", 1.09, None),
        (lambda: 0.89, "REGRESSION", 0.89, None),
        (lambda: math.nan, "REGRESSION", None, "found nan"),
        (lambda: math.inf, "REGRESSION", None, "found inf"),
        (raising(MeasurementError("undefined here")), "REGRESSION", None, "undefined here"),
        (raising(ZeroDivisionError("a bug")), "REGRESSION", None, "ZeroDivisionError: a bug"),
        (raising(NotAvailableError("no weights")), "not run", None, "no weights"),
    ],
)
def test_a_row_says_what_was_found(
    found: Callable[[], float], status: str, value: float | None, reason: str | None
) -> None:
    """Within the tolerance, outside, undefined, raised, and not available; the others run all the same."""
    row, other = measured([check(found), check(lambda: 1.0, name="other")], silent)
    assert (row.status, row.found, row.reason) == (status, value, reason)
    assert (row.expected, row.tolerance, row.why, row.source) == (1.0, 0.1, "a tenth will do", "arithmetic")
    assert other.status == "PASS"


def test_nothing_run_is_no_success_and_a_full_disk_no_wrong_number() -> None:
    """Each reason once; errors that are the user's to mend pass through."""
    with pytest.raises(NothingMeasuredError, match=r"no row of the self-test ran: no weights$"):
        measured([check(raising(NotAvailableError("no weights")))] * 2, silent)
    with pytest.raises(StoreError, match="full"):
        measured([check(raising(StoreError("full")))], silent)


# ---- the rows that always run -------------------------------------------------------------------------


def failing(checks: list[Check]) -> set[str]:
    """Names of those that are wrong, draws of 10,000 left out."""
    rows = measured([check for check in checks if "10,000" not in check.name], silent)
    return {row.name for row in rows if row.status != "PASS"}


def test_laws_hold_here() -> None:
    """All but the draws of 10,000, which take seconds; the last row is the network's."""
    assert failing([*statistics.checks(), *pixels.checks(CPU)]) == set()


def frechet_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A covariance with N instead of N - 1 would do this to it."""
    true = statistics.frechet_distance
    monkeypatch.setattr(statistics, "frechet_distance", lambda a, b: true(a, b) * (1 + 1e-5) + 1e-6)


def gram_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Gram side alone."""
    true = statistics.distances_of_few
    monkeypatch.setattr(statistics, "distances_of_few", lambda *given: [1.00001 * value for value in true(*given)])


def biased_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The diagonal is kept."""

    def own_sums(pool: Tensor, members: Tensor) -> tuple[Tensor, float, Tensor]:
        whole = (pool.double() @ pool.double().T / pool.shape[1] + 1) ** 3
        return whole.sum(1), float(whole.square().sum()), (members * (whole @ members)).sum(0)

    monkeypatch.setattr(kernel_sums, "_own_sums", own_sums)


def brighter_resize(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a ten-thousandth."""
    true = resize.matrix
    monkeypatch.setattr(resize, "matrix", lambda *given: true(*given) * 1.0001)


def fewer_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The point itself counts as its own neighbour."""
    true = balls.squared_radii
    monkeypatch.setattr(balls, "squared_radii", lambda pool, k: torch.cat([pool[:, :1] * 0, true(pool, k)[:, :-1]], 1))


def nine_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """One round of Philox less."""
    monkeypatch.setattr(tensors, "ROUNDS", 9)


def other_epsilon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default of a batch-norm."""
    monkeypatch.setattr(inception_network, "EPSILON", 1e-5)


@pytest.mark.parametrize(
    ("breaks", "wrong"),
    [
        (frechet_off, {name for name in QUICK if name.startswith(("Fréchet distance of", "FD("))} | {QUICK[4]}),
        (gram_off, {QUICK[4], QUICK[5]}),
        (biased_kernel, {QUICK[6]}),
        (fewer_neighbours, {QUICK[7]}),
        (brighter_resize, {f"resize {name}, largest difference" for name in pixels.AFFINES}),
        (nine_rounds, {"Philox4x32-10: words of the known answers that are right"}),
        (other_epsilon, {pixels.checks(CPU)[-1].name}),
    ],
)
def test_a_broken_statistic_fails_in_its_rows_and_no_other_of_its_kind(
    breaks: Callable[[pytest.MonkeyPatch], None], wrong: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One change of the code each."""
    breaks(monkeypatch)
    *others, network = pixels.checks(CPU)
    kinds = [statistics.checks(), others, [network]]
    (kind,) = [checks for checks in kinds if wrong <= {check.name for check in checks}]
    assert failing(kind) == wrong


def test_draws_are_scored_by_the_definitions_with_five_neighbours() -> None:
    """Few of them, against all distances, < throughout as in prdc."""
    real, fake = torch.randn(2, 300, 20, generator=torch.Generator().manual_seed(1)).double()
    distances = torch.cdist(real, fake)
    radii = [torch.cdist(side, side).sort(1).values[:, 5] for side in (real, fake)]
    expected = {
        "precision": (distances < radii[0][:, None]).any(0).double().mean(),
        "recall": (distances < radii[1][None]).any(1).double().mean(),
        "density": (distances < radii[0][:, None]).double().sum(0).mean() / 5,
        "coverage": (distances < radii[0][:, None]).any(1).double().mean(),
    }
    found = statistics._prdc(num=300, num_dims=20, seed=1)
    assert found == pytest.approx({name: float(value) for name, value in expected.items()}, abs=1e-12)


# ---- the command --------------------------------------------------------------------------------------


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Run the command on given rows instead of its own, on a machine without weights and data."""
    monkeypatch.delenv("AIGC_BENCH_WEIGHTS", raising=False)
    monkeypatch.delenv("AIGC_BENCH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(checks: list[Check], *arguments: str) -> Any:
        monkeypatch.setattr(statistics, "checks", lambda: checks)
        monkeypatch.setattr(pixels, "checks", lambda device: [])
        return CliRunner().invoke(cli.app, ["selftest", "--quiet", *arguments])

    return run


def test_exit_codes(command: Callable[..., Any], tmp_path: Path) -> None:
    """0 where what ran passed, 1 where not, 4 where nothing ran; the table in either case; nothing is left behind."""
    passed = command([check(lambda: 1.0)])
    assert passed.exit_code == 0
    assert "1 PASS, 12 not run." in passed.stdout
    failed = command([check(lambda: 1.0), check(lambda: 2.0, name="two [sic]")])
    assert failed.exit_code == 1
    assert "two [sic]: found 2, expected 1 ± 0.1" in failed.stderr
    assert "REGRESSION" in failed.stdout
    nothing = command([])
    assert nothing.exit_code == 4
    assert "no row of the self-test ran: extractor 'inception' needs its published weights" in nothing.stderr
    assert not (tmp_path / "runs").exists()


def test_rows_that_cannot_run_say_what_is_missing(command: Callable[..., Any], random_weights: Path) -> None:
    """Weights and data both, in one sentence each."""
    rows = json.loads(command([check(lambda: 1.0)], "--json").stdout)["rows"]
    assert [row["status"] for row in rows] == ["PASS"] + 12 * ["not run"]
    assert "needs its published weights" in rows[1]["reason"]
    assert "data set 'cifar10' needs test_batch.bin" in rows[1]["reason"]
    done = command([check(lambda: 1.0)], "--json", "--weights", str(random_weights))
    reason = json.loads(done.stdout)["rows"][1]["reason"]
    assert "the weights are not the published ones (SHA-256 6726825d…) but make 'inception[" in reason


def test_weights_and_data_are_fetched_when_told_to(
    command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both, and not unasked; an address that does not answer is a reason."""
    asked: list[str] = []

    def fetch(url: str, path: Path, checksum: str) -> Path:
        asked.append(url)
        raise DataError(f"cannot download {url}")

    for module in (cifar10, inception):
        monkeypatch.setattr(module, "fetch", fetch)
    command([check(lambda: 1.0)])
    assert asked == []
    done = command([check(lambda: 1.0)], "--download", "--json")
    assert asked == [inception.URLS[0], cifar10.URL]
    reason = json.loads(done.stdout)["rows"][1]["reason"]
    assert reason == f"cannot download {inception.URLS[0]}; cannot download {cifar10.URL}"


def test_json_is_the_schema_and_nothing_else(command: Callable[..., Any]) -> None:
    """Whatever the exit code; every row has every key."""
    checks = [check(lambda: 1.0), check(lambda: 2.0), check(lambda: math.nan)]
    done = command(checks, "--json")
    assert done.exit_code == 1
    found = SelfTest.model_validate_json(done.stdout)
    assert found.schema_version == 1
    assert [row.status for row in found.rows[:4]] == ["PASS", "REGRESSION", "REGRESSION", "not run"]
    keys = {"name", "expected", "tolerance", "why", "source", "found", "status", "reason", "wall_s"}
    assert all(set(row) == keys for row in json.loads(done.stdout)["rows"])
    assert set(Row.model_fields) == keys
    assert json.loads(command([], "--json").stdout)["reason"] == "nothing-measured"


@pytest.mark.slow
def test_the_command_passes_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is, draws of 10,000 included."""
    monkeypatch.delenv("AIGC_BENCH_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    done = CliRunner().invoke(cli.app, ["selftest", "--json", "--quiet"])
    assert done.exit_code == 0, done.stdout
    rows = json.loads(done.stdout)["rows"]
    assert sum(row["status"] == "PASS" for row in rows) == len(rows) - 12
    assert sum("k = 5" in row["name"] for row in rows if row["status"] == "PASS") == 4


def test_rows_with_weights_are_as_many_as_are_documented() -> None:
    """Each has a source, a reason for its tolerance, and a name of its own."""

    def place() -> Any:
        raise AssertionError("nothing is to be kept")

    rows = published.checks(Path("/nowhere"), CPU, place)
    assert len({row.name for row in rows}) == len(rows) == 12
    text = (Path(__file__).parents[2] / "docs" / "selftest.md").read_text()
    for row in rows:
        assert row.source
        assert row.why
        assert any(f"{row.expected:.{digits}f}".rstrip("0") in text for digits in (2, 4, 5, 6, 7, 8))

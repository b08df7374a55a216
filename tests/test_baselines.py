"""Named baselines, and features that outlive their run: what is kept, what is refused, and what damage is named."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from scoring_kit import labelled_digits, noisy, options
from torch.utils.data import DataLoader, TensorDataset

import aigc_bench
from aigc_bench.core.errors import ConfigurationError, FeaturesMissingError, StoreError, UnknownNameError
from aigc_bench.metrics import frechet
from aigc_bench.metrics.moments import gaussian_of_side
from aigc_bench.runs import baselines
from aigc_bench.runs.recorded import Recorded
from aigc_bench.runs.store import Store, load_run


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that scored noisy digits on pixels, beside its cache."""
    root = tmp_path_factory.mktemp("stored")
    real, held_out = (labelled_digits(split)[0] for split in ("reference", "holdout"))
    _, folder = aigc_bench.score(
        {"gan": noisy(held_out)},
        real,
        holdout=held_out,
        features=("pixels",),
        metrics=("fd", "precision"),
        options=options(root),
    )
    return folder


@pytest.fixture
def recorded(stored: Path) -> Recorded:
    """The run."""
    return Recorded.at(stored, "latest")


def pixels_of(recorded: Recorded) -> str:
    """The extractor's digest."""
    return next(one.extractor_digest for one in recorded.run.scores if one.extractor_digest)


def test_features_outlive_the_run(recorded: Recorded) -> None:
    """The record names both sides' in the cache, and they have the distance that is on record."""
    digest = pixels_of(recorded)
    by_name = {case.generator: case for case in recorded.run.cases}
    real = recorded.real(digest)
    for name in ("floor", "gan"):
        fake = recorded.fake(by_name[name], digest)
        gaussian = gaussian_of_side(real)
        score = next(one for one in recorded.run.scores if one.generator == name and one.metric == "fd_pixels")
        assert score.estimate is not None
        assert frechet.jackknifed(gaussian, fake.pool).value == pytest.approx(score.estimate.value, rel=1e-12)
    assert not by_name["gan"].seeded


def test_a_suite_names_its_features_too(tmp_path: Path) -> None:
    """Those of generators and anchors, whose samples are of seeds but for the held-out ones."""
    suite = aigc_bench.resolve_suite(
        "smoke",
        overrides=("generators=[]", "metrics=['fd']", "features=['pixels']"),
        generators=("gaussian",),
        limit=100,
    )
    run, folder = aigc_bench.run(suite, options(tmp_path))
    found = Recorded.at(folder, "latest")
    digest = pixels_of(found)
    assert {case.generator: case.seeded for case in run.cases} == {"floor": False, "noise": True, "gaussian": True}
    for case in run.cases:
        assert found.fake(case, digest).pool.shape == (100, 64)
    assert found.real(digest).pool.shape == (100, 64)


def test_stored_features_of_the_real_side_are_named_where_they_are(tmp_path: Path) -> None:
    """What `extract` wrote is no part of the cache; a file that changed since is found out."""
    real, held_out = (labelled_digits(split)[0] for split in ("reference", "holdout"))
    path = tmp_path / "real.safetensors"
    aigc_bench.save_features(real, path, features="pixels", options=options(tmp_path))
    _, folder = aigc_bench.score(held_out, path, features=("pixels",), metrics=("fd",), options=options(tmp_path))
    found = Recorded.at(folder, "latest")
    assert found.real(pixels_of(found)).pool.shape == (450, 64)
    aigc_bench.save_features(noisy(real), path, features="pixels", options=options(tmp_path))
    with pytest.raises(StoreError, match="does not hold the real side"):
        found.real(pixels_of(found))


def test_a_pruned_cache_is_named_with_the_way_out(tmp_path: Path) -> None:
    """And the run itself is still there."""
    real = labelled_digits("reference")[0]
    run, folder = aigc_bench.score(
        noisy(real),
        real,
        features=("pixels",),
        metrics=("fd",),
        options=options(tmp_path),
        command="aigc-bench score X",
    )
    Store(folder.parent).cache.prune()
    found = Recorded.at(folder, "latest")
    with pytest.raises(FeaturesMissingError, match=r"are gone .*pruned.*make them again: aigc-bench score X"):
        found.fake(run.cases[0], pixels_of(found))


def test_a_record_of_an_older_version_still_loads(stored: Path, tmp_path: Path) -> None:
    """Without the names of features, it says that it has none."""
    document = json.loads((stored / "run.json").read_text())
    del document["features"]
    for case in document["cases"]:
        del case["features"], case["seeded"]
    for score in document["scores"]:
        score["estimate"].pop("replicates_of")
    (tmp_path / "run.json").write_text(json.dumps(document))
    found = Recorded.at(tmp_path, "old")
    assert load_run(tmp_path) == found.run
    with pytest.raises(FeaturesMissingError, match="are not in its record"):
        found.real(pixels_of(found))
    comparison = aigc_bench.compare(tmp_path, stored)
    assert not any(row.changed for row in comparison.rows)


def test_a_baseline_holds_all_that_a_gate_needs(recorded: Recorded, tmp_path: Path) -> None:
    """The same scores, features to the bit, exhibits, and no place of this machine; sums that sha256sum reads."""
    kept = baselines.keep(recorded, "main", tmp_path)
    assert kept.without_features is None
    found = baselines.load("main", tmp_path)
    assert found.run.scores == recorded.run.scores
    digest = pixels_of(recorded)
    assert torch.equal(found.real(digest).pool, recorded.real(digest).pool)
    for case in recorded.run.cases:
        assert torch.equal(found.fake(case, digest).pool, recorded.fake(case, digest).pool)
    assert found.exhibits().keys() == recorded.exhibits().keys()
    assert "sample-features" not in (tmp_path / "main" / "run.json").read_text()
    for line in (tmp_path / "main" / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "main" / name).read_bytes()).hexdigest() == digest
    assert baselines.names(tmp_path) == ["main"]


def test_a_baseline_is_replaced_as_a_whole(recorded: Recorded, tmp_path: Path) -> None:
    """Nothing of the earlier one, or of the writing, is left."""
    baselines.keep(recorded, "main", tmp_path)
    kept = baselines.keep(recorded, "main", tmp_path, features=False)
    assert kept.without_features == "as asked"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["main"]
    found = baselines.load("main", tmp_path)
    with pytest.raises(FeaturesMissingError, match="set the baseline again with --features"):
        found.real(pixels_of(found))


def test_features_beyond_the_limit_are_left_out_and_said(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All together or none."""
    monkeypatch.setattr(baselines, "MAX_BYTES", 3 * 450 * 64 * 4 - 1)
    kept = baselines.keep(recorded, "main", tmp_path)
    assert kept.without_features is not None
    assert "holds at most" in kept.without_features
    assert not (tmp_path / "main" / "features.safetensors").exists()
    monkeypatch.setattr(baselines, "MAX_BYTES", 3 * 450 * 64 * 4)
    assert baselines.keep(recorded, "main", tmp_path).without_features is None


@pytest.mark.parametrize("file", ["run.json", "features.safetensors", "exhibits.safetensors"])
def test_a_damaged_baseline_names_the_file(recorded: Recorded, tmp_path: Path, file: str) -> None:
    """One bit is enough; so is a file that is gone, or sums that are none."""
    baselines.keep(recorded, "main", tmp_path)
    path = tmp_path / "main" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match=f"{file} is not what was written"):
        baselines.load("main", tmp_path)
    path.unlink()
    with pytest.raises(StoreError, match=f"{file} is missing"):
        baselines.load("main", tmp_path)
    (tmp_path / "main" / "SHA256SUMS").write_text("../run.json")
    with pytest.raises(StoreError, match="SHA256SUMS is damaged"):
        baselines.load("main", tmp_path)


@pytest.mark.parametrize("name", ["", "-rf", ".hidden", "a/b", "..", "a b", "ü"])
def test_names_of_baselines_are_checked(recorded: Recorded, tmp_path: Path, name: str) -> None:
    """Nothing outside the folder, hidden, or like an option."""
    with pytest.raises(ConfigurationError, match="a baseline's name"):
        baselines.keep(recorded, name, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_kill_between_two_renames_is_mended(recorded: Recorded, tmp_path: Path) -> None:
    """The earlier baseline is there again."""
    baselines.keep(recorded, "main", tmp_path)
    (tmp_path / "main").rename(tmp_path / ".main.previous")
    assert baselines.load("main", tmp_path).run == load_run(tmp_path / "main")


def test_a_disk_that_cannot_be_written_leaves_the_earlier_baseline(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a full one."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    baselines.keep(recorded, "main", tmp_path)
    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(StoreError, match="No space left"):
        baselines.keep(recorded, "main", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["main"]
    baselines.load("main", tmp_path)


def test_runs_are_opened_by_whatever_names_them(recorded: Recorded, stored: Path, tmp_path: Path) -> None:
    """Paths of a folder or record, ids, latest, baselines by name and by path; a miss names what there is."""
    baselines.keep(recorded, "main", tmp_path)
    (tmp_path / "copy.json").write_text((stored / "run.json").read_text())
    run_id = recorded.run.id
    for name in (str(stored), str(stored / "run.json"), run_id, "latest", "main", str(tmp_path / "main"),
                 str(tmp_path / "copy.json")):  # fmt: skip
        found = baselines.opened(name, stored.parent, tmp_path)
        assert found.run.id == run_id
        assert found.name == name
        assert found.is_baseline == name.endswith("main")
    with pytest.raises(UnknownNameError, match=r"Did you mean 'main'\? Known: latest, main, score-"):
        baselines.opened("mian", stored.parent, tmp_path)
    with pytest.raises(UnknownNameError):
        baselines.opened("latest", tmp_path / "nowhere", tmp_path)
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "text.json").write_text("{}")
    with pytest.raises(StoreError, match="is not a run"):
        baselines.opened(str(tmp_path / "text.json"), stored.parent, tmp_path)


def test_features_of_a_loader_are_not_kept(tmp_path: Path) -> None:
    """Nothing names what a loader gives before it has given it; its scores can be compared all the same."""
    real = torch.from_numpy(labelled_digits("reference")[0]).permute(0, 3, 1, 2).contiguous()
    loader: DataLoader[tuple[torch.Tensor, ...]] = DataLoader(TensorDataset(real), batch_size=64)
    fake = noisy(labelled_digits("holdout")[0])
    _, folder = aigc_bench.score(fake, loader, features=("pixels",), metrics=("fd",), options=options(tmp_path))
    found = Recorded.at(folder, "latest")
    with pytest.raises(FeaturesMissingError, match="they came from a loader"):
        found.real(pixels_of(found))
    assert aigc_bench.compare(folder, folder).rows[0].change == 0

"""The Fréchet distance class by class: equal to that of each class alone, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inputs_kit import Images, Pairs, encoded
from report_kit import shown
from scoring_kit import call, labelled_digits, noisy, options, values

import aigc_bench
from aigc_bench.core import FeaturePair, Features, Score
from aigc_bench.core.errors import AigcBenchError, ConfigurationError, DataError
from aigc_bench.metrics import frechet
from aigc_bench.modalities.image.opening import open_samples
from aigc_bench.report.run import classes
from aigc_bench.runs.records import Run
from aigc_bench.runs.scoring.by_class import _mean, classes_of
from aigc_bench.runs.scoring.reference import Reference

PIXELS: dict[str, Any] = {"features": ("pixels",), "metrics": ("fd",), "per_class": True}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """real.npz and fake.npz with their labels as ADM has them, and class 9 with few generated samples."""
    root = tmp_path_factory.mktemp("files")
    real, labels = labelled_digits("reference")
    np.savez(root / "real.npz", real, np.array(labels))
    held_out, theirs = labelled_digits("holdout")
    kept = [row for row, label in enumerate(theirs) if label < 9 or row < 200]
    np.savez(root / "fake.npz", noisy(held_out[kept]), np.array(theirs)[kept])
    np.savez(root / "bare.npz", real)
    return root


def by_class(run: Run, row: str = "samples") -> dict[str, Any]:
    """Class => score of a row."""
    return {s.class_name: s for s in run.scores if s.generator == row and s.class_name is not None}


def test_each_class_is_scored_as_if_alone(files: Path, tmp_path: Path) -> None:
    """To the bit; the mean is over classes that have a distance, and one with few samples says how many it needs."""
    run, folder = aigc_bench.score(files / "fake.npz", files / "real.npz", **PIXELS, options=options(tmp_path))
    found = by_class(run)
    assert sorted(found) == [str(digit) for digit in range(10)]
    sides = {name: np.load(files / f"{name}.npz") for name in ("real", "fake")}
    for digit in ("0", "4"):
        real, fake = (side["arr_0"][side["arr_1"] == int(digit)] for side in sides.values())
        alone, _ = aigc_bench.score(fake, real, features=("pixels",), metrics=("fd",), options=options(tmp_path))
        assert found[digit].estimate.value == values(alone)["fd_pixels"]
        assert found[digit].estimate.num_samples == len(fake)
        assert found[digit].metric == "fd_pixels"
    assert found["9"].status == "not available"
    assert "40 of each needed" in found["9"].reason
    known = [score.estimate for score in found.values() if score.estimate]
    mean = next(s.estimate for s in run.scores if s.metric == "intra_fd_pixels")
    assert mean is not None
    assert mean.value == pytest.approx(np.mean([estimate.value for estimate in known]))
    assert mean.standard_error == pytest.approx(np.sqrt(sum(e.standard_error**2 for e in known)) / len(known))
    assert f"mean over {len(known)} of 10 classes" in mean.estimand
    page = (folder / "report.html").read_text()
    assert page.index("<h2>By class</h2>") < page.index("<h2>First samples</h2>")
    assert "40 of each needed" in page


def test_the_worst_class_comes_first_and_main_tables_are_without(files: Path, tmp_path: Path) -> None:
    """In the report's section and in the sentence of the terminal, which names three."""
    run, _ = aigc_bench.score(files / "fake.npz", files / "real.npz", **PIXELS, options=options(tmp_path))
    (table,) = classes.class_tables(run)
    known = {name: s.estimate.value for name, s in by_class(run).items() if s.estimate}
    ranked = sorted(known, key=lambda name: -known[name])
    assert list(table.scores)[: len(ranked)] == ranked
    (sentence,) = classes.sentences(run)
    assert f"over {len(known)} of 10 classes; worst: {ranked[0]}: " in sentence
    assert sentence.count("(N = ") == 3
    assert "fd_pixels ↓" in shown(run, 200)
    assert "intra_fd_pixels ↓" in shown(run, 200)
    assert sentence in shown(run, 2000)
    assert Run.model_validate_json(run.model_dump_json()) == run


def test_classes_of_one_side_alone_are_named(files: Path, images_by_folder: Path, tmp_path: Path) -> None:
    """They have no score, and the report says so."""
    run, _ = aigc_bench.score(images_by_folder, files / "real.npz", **PIXELS, options=options(tmp_path))
    assert sorted(by_class(run)) == ["0", "1"]
    text = next(note for note in run.dataset.notes if "have no score" in note)
    assert text == "samples: classes of the real side alone have no score: 2, 3, 4, 5, 6 and 3 more."


@pytest.fixture
def images_by_folder(tmp_path: Path) -> Path:
    """The zeros and ones of the holdout, in a folder each."""
    for number, (image, label) in enumerate(zip(*labelled_digits("holdout"), strict=True)):
        if label < 2:
            path = tmp_path / "fake" / str(label) / f"{number:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(image[..., 0]))
    return tmp_path / "fake"


def test_classes_of_folders_npz_and_data_sets_are_the_same(tmp_path: Path) -> None:
    """Equal scores from each."""
    real, labels = labelled_digits("reference")
    order = np.argsort(labels, kind="stable")
    real, labels = real[order], np.array(labels)[order].tolist()

    class Digits(Pairs):
        def __getitem__(self, index: int) -> Any:
            return super().__getitem__(index)[0], labels[index]

    for number, (image, label) in enumerate(zip(real, labels, strict=True)):
        path = tmp_path / "folder" / str(label) / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(image[..., 0]))
    np.savez(tmp_path / "real.npz", real, np.array(labels))
    sources: dict[str, Any] = {"a": tmp_path / "folder", "b": tmp_path / "real.npz", "c": Digits(real)}
    run, _ = aigc_bench.score(
        {name: sources[name] for name in sources}, sources["b"], **PIXELS, options=options(tmp_path)
    )
    found = [{name: s.estimate for name, s in by_class(run, row).items()} for row in sources]
    assert len(found[0]) == 10
    assert found[0] == found[1] == found[2]


def test_what_classes_cannot_be_had_from_is_refused(files: Path, tmp_path: Path) -> None:
    """With the way out, before anything is extracted where that can be known."""
    real, labels = labelled_digits("reference")

    def refused(kind: type[AigcBenchError], reason: str, fake: Any, theirs: Any) -> None:
        with pytest.raises(kind, match=reason) as caught:
            aigc_bench.score(fake, theirs, **PIXELS, options=options(tmp_path))
        assert caught.value.exit_code == 2

    refused(ConfigurationError, "samples has none; expected images in a folder per class", real, files / "real.npz")
    refused(ConfigurationError, r"bare\.npz has none", files / "fake.npz", files / "bare.npz")
    np.savez(tmp_path / "odd.npz", real, np.zeros(450))
    refused(DataError, "arr_1'] is float64.*expected a label for each", files / "fake.npz", tmp_path / "odd.npz")
    pool = real.reshape(450, -1) / 255
    np.savez(tmp_path / "moments.npz", mu=pool.mean(0), sigma=np.cov(pool, rowvar=False))
    refused(ConfigurationError, r"moments\.npz has none", files / "fake.npz", tmp_path / "moments.npz")
    for drawn in ("noise", lambda seeds: torch.zeros(len(seeds), 1, 8, 8, dtype=torch.uint8)):
        refused(ConfigurationError, "samples has none", drawn, files / "real.npz")
    assert not (tmp_path / "store" / "cache" / "sample-features").exists()
    np.savez(tmp_path / "other.npz", real, np.array(labels) + 10)
    message = r"no class of samples \(0, 1, 2, 3, 4 and 5 more\) is one of .*other\.npz \(10, 11, 12, 13, 14 and 5 more"
    refused(ConfigurationError, message, files / "fake.npz", tmp_path / "other.npz")


def test_a_class_of_equal_samples_is_a_failed_score(tmp_path: Path) -> None:
    """Exit code 5, the class named; the others are scored."""
    images, labels = labelled_digits("reference")
    broken: Images = images.copy()
    broken[np.array(labels) == 3] = 7
    np.savez(tmp_path / "real.npz", images, np.array(labels))
    np.savez(tmp_path / "fake.npz", broken, np.array(labels))
    few = ("--features", "pixels", "--metrics", "fd", "--per-class")
    done = call("score", "fake.npz", "--real", "real.npz", *few, cwd=tmp_path)
    assert done.returncode == 5, done.stderr
    assert "fd_pixels of class 3: all" in done.stderr
    assert "over 9 of 10 classes; worst: " in " ".join(done.stdout.split())


def test_the_error_bar_of_the_mean_is_true() -> None:
    """Stated and observed spread of the mean over classes of independent draws agree within a third."""
    generator = torch.Generator().manual_seed(0)
    real = Features(torch.randn(400, 4, generator=generator))
    values_, errors = [], []
    for _ in range(60):
        scores = []
        for _ in range(3):
            pair = FeaturePair(real, Features(torch.randn(80, 4, generator=generator) + 0.7), "made", "0")
            scores.append(Score("a", None, "fd", "quality", False, estimate=frechet.fd.compute(pair)))
        estimate = _mean(scores).estimate
        assert estimate is not None
        assert estimate.standard_error is not None
        values_.append(estimate.value)
        errors.append(estimate.standard_error)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(values_, ddof=1), rel=0.33)


def test_labels_that_are_not_those_of_the_features_are_refused(files: Path) -> None:
    """Too many and too few."""
    with open_samples(files / "real.npz") as samples:
        reference = Reference("real", samples)

        def pair(num_real: int, num_fake: int) -> FeaturePair:
            return FeaturePair(Features(torch.zeros(num_real, 1)), Features(torch.zeros(num_fake, 1)), "made", "0")

        for sides in ((449, 450), (450, 449), (450, 451), (450, 99)):
            with pytest.raises(DataError, match="expected a class for each"):
                classes_of(reference, "fake", samples, pair(*sides))
        real, fake = classes_of(reference, "fake", samples, pair(450, 450))
        assert sum(map(len, real.rows.values())) == sum(map(len, fake.rows.values())) == 450

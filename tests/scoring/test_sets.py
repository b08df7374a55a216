"""Scoring samples that lie in files: equal scores from every kind of input, resuming, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inputs_kit import encoded
from numpy.typing import NDArray
from torch.utils.data import DataLoader, TensorDataset

import aigc_bench
from aigc_bench.api.scoring import by_name
from aigc_bench.core import FeaturePair, Features
from aigc_bench.core.errors import AigcBenchError, ConfigurationError, DataError, UnknownNameError
from aigc_bench.data import digits
from aigc_bench.evidence import extraction
from aigc_bench.metrics import balls, frechet, kernel, manifold, protocols
from aigc_bench.metrics.moments import Moments
from aigc_bench.modalities.image.extractors import inception
from aigc_bench.modalities.image.extractors.inception_layout import variance_preserving_weights
from aigc_bench.runs.records import Run
from aigc_bench.runs.scoring.bench import metrics_of_samples
from aigc_bench.samples.subset import drawn_positions

PIXELS = ("pixels",)


@pytest.fixture(scope="module")
def images() -> dict[str, NDArray[np.uint8]]:
    """Real digits, as (N, H, W, C): 400 as reference, 200 held out, 200 with some noise on them."""
    data = digits.build()
    real = data.reference.loaded().samples.permute(0, 2, 3, 1).numpy()
    held_out = data.holdout.loaded().samples.permute(0, 2, 3, 1).numpy()
    noise = np.random.default_rng(0).integers(-40, 41, held_out[:200].shape)
    fake = np.clip(held_out[-200:].astype(int) + noise, 0, 255).astype(np.uint8)
    return {"real": real[:400].copy(), "holdout": held_out[:200].copy(), "fake": fake}


@pytest.fixture(scope="module")
def files(images: dict[str, NDArray[np.uint8]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """real.npy, holdout.npy, fake.npy and fake/ as png files."""
    root = tmp_path_factory.mktemp("files")
    for name, array in images.items():
        np.save(root / f"{name}.npy", array)
    (root / "fake").mkdir()
    for number, image in enumerate(images["fake"]):
        (root / "fake" / f"{number:04}.png").write_bytes(encoded(image[..., 0]))
    return root


def options(folder: Path) -> aigc_bench.Options:
    """A fresh store."""
    return aigc_bench.Options(store=folder / "store")


def values(run: Run, row: str = "samples") -> dict[str, float]:
    """Metric => value of a row."""
    return {s.metric: s.estimate.value for s in run.scores if s.generator == row and s.estimate}


def flat(array: NDArray[np.uint8]) -> Features:
    """What `pixels` makes of an array, from its definition."""
    return Features(torch.from_numpy(array.reshape(len(array), -1)).float() / 255)


def test_scores_are_those_of_the_metrics(images: dict[str, NDArray[np.uint8]], tmp_path: Path) -> None:
    """A row per set, the floor first; a score without a classifier is a dash with a reason."""
    run, folder = aigc_bench.score(
        images["fake"], images["real"], holdout=images["holdout"], features=PIXELS, options=options(tmp_path)
    )
    pair = FeaturePair(flat(images["real"]), flat(images["fake"]), "pixels", "")
    found = values(run)
    assert found["fd_pixels"] == pytest.approx(frechet.fd.compute(pair).value, rel=1e-5)
    assert found["kd_pixels"] == pytest.approx(kernel.kd.compute(pair).value, rel=1e-5)
    assert found["coverage"] == manifold.coverage.compute(pair).value
    floor = values(run, "floor")
    assert floor["fd_pixels"] < found["fd_pixels"]
    dashes = [s for s in run.scores if s.metric == "inception_score"]
    assert all(s.status == "not available" and "no classifier" in (s.reason or "") for s in dashes)
    assert (run.dataset.num_reference, run.dataset.num_holdout, run.suite.num_samples) == (400, 200, 200)
    assert all(s.estimate.standard_error is not None for s in run.scores if s.estimate)
    page = (folder / "report.html").read_text()
    assert "samples" in page
    assert "fd_pixels" in page


def test_every_kind_of_input_has_equal_scores(
    files: Path, images: dict[str, NDArray[np.uint8]], tmp_path: Path
) -> None:
    """Folder, zip, npz, npy, array, tensor and loader, to the bit."""
    with zipfile.ZipFile(tmp_path / "fake.zip", "w") as archive:
        for path in sorted((files / "fake").iterdir()):
            archive.write(path, path.name)
    np.savez_compressed(tmp_path / "fake.npz", images["fake"])
    tensor = torch.from_numpy(images["fake"]).permute(0, 3, 1, 2).contiguous()
    sources: dict[str, Any] = {
        "folder": files / "fake",
        "zip": tmp_path / "fake.zip",
        "npz": tmp_path / "fake.npz",
        "npy": files / "fake.npy",
        "array": images["fake"],
        "tensor": tensor,
        "loader": DataLoader(TensorDataset(tensor), batch_size=7),
    }
    run, _ = aigc_bench.score(
        sources, files / "real.npy", features=PIXELS, metrics=("fd", "kd", "recall"), options=options(tmp_path)
    )
    found = [values(run, name) for name in sources]
    assert len(found[0]) == 3
    assert all(row == found[0] for row in found)


def test_features_made_once_are_a_real_side(files: Path, tmp_path: Path) -> None:
    """Equal scores to the samples'; another extractor is refused."""
    stored = aigc_bench.save_features(
        files / "real.npy", tmp_path / "real.safetensors", features="pixels", options=options(tmp_path)
    )
    assert stored.features.num_samples == 400
    metrics = ("fd", "precision")
    fake, real = files / "fake.npy", tmp_path / "real.safetensors"
    run, _ = aigc_bench.score(fake, real, features=PIXELS, metrics=metrics, options=options(tmp_path / "a"))
    direct, _ = aigc_bench.score(
        fake, files / "real.npy", features=PIXELS, metrics=metrics, options=options(tmp_path / "b")
    )
    assert run.dataset.shape == direct.dataset.shape == (1, 8, 8)
    assert values(run) == values(direct)
    with pytest.raises(DataError, match=r"made by 'pixels'.*would be by 'digits-cnn'.*expected one extractor"):
        aigc_bench.score(fake, real, features=["digits-cnn"], options=options(tmp_path))


def test_what_is_derived_of_the_real_side_is_kept_with_its_features(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Radii and moments are made once: a score against the file makes neither again, and is the same."""
    aigc_bench.save_features(
        files / "real.npy", tmp_path / "real.safetensors", features="pixels", options=options(tmp_path)
    )
    metrics = ("fd", "recall", "coverage")
    direct, _ = aigc_bench.score(
        files / "fake.npy", files / "real.npy", features=PIXELS, metrics=metrics, options=options(tmp_path / "a")
    )
    made: list[int] = []
    moments_of, radii_of = Moments.of.__func__, balls.squared_radii  # type: ignore[attr-defined]
    monkeypatch.setattr(
        Moments,
        "of",
        classmethod(lambda cls, x: made.append(len(x)) or moments_of(cls, x)),  # type: ignore[func-returns-value]
    )
    monkeypatch.setattr(balls, "squared_radii", lambda pool, k: made.append(len(pool)) or radii_of(pool, k))  # type: ignore[func-returns-value]
    again, _ = aigc_bench.score(
        files / "fake.npy",
        tmp_path / "real.safetensors",
        features=PIXELS,
        metrics=metrics,
        options=options(tmp_path / "b"),
    )
    assert values(again) == values(direct)
    assert made
    assert 400 not in made


def test_published_moments_fit_one_pass(files: Path, images: dict[str, NDArray[np.uint8]], tmp_path: Path) -> None:
    """Of several protocols one at most can have made them."""
    pool = flat(images["real"]).pool.double().numpy()
    np.savez(tmp_path / "real.npz", mu=pool.mean(0), sigma=np.cov(pool, rowvar=False))
    with pytest.raises(ConfigurationError, match="made in one way, and pixels, digits-cnn are made in 2"):
        aigc_bench.score(
            files / "fake.npy",
            tmp_path / "real.npz",
            features=("pixels", "digits-cnn"),
            metrics=("fd",),
            options=options(tmp_path),
        )


def test_extractors_side_by_side_are_told_apart(files: Path, tmp_path: Path) -> None:
    """Scores without their extractor in their name have it behind an "@"; one column is one extractor's."""
    run, _ = aigc_bench.score(
        files / "fake.npy",
        files / "real.npy",
        features=("pixels", "digits-cnn"),
        metrics=("fd", "precision"),
        options=options(tmp_path),
    )
    assert set(values(run)) == {"fd_pixels", "precision@pixels", "fd_digits-cnn", "precision@digits-cnn"}


def test_published_moments_are_a_real_side(files: Path, images: dict[str, NDArray[np.uint8]], tmp_path: Path) -> None:
    """For the Fréchet distance alone, with a note; beside samples, as ADM's files have them, for the rest too."""
    pool = flat(images["real"]).pool.double().numpy()
    moments = {"mu": pool.mean(0), "sigma": np.cov(pool, rowvar=False)}
    np.savez(tmp_path / "real.npz", **moments)
    np.savez(tmp_path / "both.npz", **moments, arr_0=images["real"])
    (tmp_path / "both.NPZ").write_bytes((tmp_path / "both.npz").read_bytes())
    direct, _ = aigc_bench.score(
        files / "fake.npy", files / "real.npy", features=PIXELS, metrics=("fd", "recall"), options=options(tmp_path)
    )
    for name, has_recall in (("real.npz", False), ("both.npz", True), ("both.NPZ", True)):
        run, _ = aigc_bench.score(
            files / "fake.npy", tmp_path / name, features=PIXELS, metrics=("fd", "recall"), options=options(tmp_path)
        )
        assert values(run)["fd_pixels"] == pytest.approx(values(direct)["fd_pixels"], rel=1e-6)
        assert values(run).get("recall") == (values(direct)["recall"] if has_recall else None)
        assert any("such files do not say" in note for note in run.dataset.notes)
    np.savez(tmp_path / "wide.npz", mu=np.zeros(2048), sigma=np.eye(2048))
    with pytest.raises(DataError, match="moments of 2048 features, extractor 'pixels' has 64"):
        aigc_bench.score(files / "fake.npy", tmp_path / "wide.npz", features=PIXELS, options=options(tmp_path))


def test_published_spatial_moments_are_a_real_side(
    files: Path, images: dict[str, NDArray[np.uint8]], tmp_path: Path
) -> None:
    """As ADM's files hold them; `sfd` and `fd_infinity` from moments equal those from the samples."""
    metrics = ("fd", "sfd", "fd_infinity")
    halves: dict[str, Any] = {
        "features": ["scoring_kit:build_halves"],
        "metrics": metrics,
        "options": options(tmp_path),
    }
    direct, _ = aigc_bench.score(files / "fake.npy", files / "real.npy", **halves)
    flat_real = flat(images["real"]).pool.double().numpy()
    pool, spatial = flat_real[:, :32], flat_real[:, 32:]
    moments = {"mu": pool.mean(0), "sigma": np.cov(pool, rowvar=False)}
    np.savez(tmp_path / "plain.npz", **moments)
    np.savez(tmp_path / "adm.npz", **moments, mu_s=spatial.mean(0), sigma_s=np.cov(spatial, rowvar=False))
    run, _ = aigc_bench.score(files / "fake.npy", tmp_path / "adm.npz", **halves)
    assert set(values(run)) == {"fd_halves", "sfd_halves", "fd_infinity_halves"}
    assert values(run) == pytest.approx(values(direct), rel=1e-6)
    run, _ = aigc_bench.score(files / "fake.npy", tmp_path / "plain.npz", **halves)
    assert set(values(run)) == {"fd_halves", "fd_infinity_halves"}
    reasons = [score.reason for score in run.scores if score.status == "not available"]
    assert reasons == [f"{tmp_path / 'plain.npz'} holds moments only; give real samples to have it"]
    with pytest.raises(DataError, match="moments of 32 features, extractor 'pixels' has 64"):
        aigc_bench.score(files / "fake.npy", tmp_path / "adm.npz", features=PIXELS, options=options(tmp_path))


def test_skipped_images_are_counted_and_listed(files: Path, tmp_path: Path) -> None:
    """In the report's notes."""
    folder = tmp_path / "fake"
    folder.mkdir()
    for path in (files / "fake").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "0007.png").write_text("no image")
    with pytest.raises(DataError, match=r"0007\.png is not a readable image"):
        aigc_bench.score(folder, files / "real.npy", features=PIXELS, options=options(tmp_path))
    run, _ = aigc_bench.score(
        folder, files / "real.npy", features=PIXELS, metrics=("fd",), on_bad_image="skip", options=options(tmp_path)
    )
    assert run.suite.num_samples == 199
    assert any("1 of 200 samples were skipped: 0007.png" in note for note in run.dataset.notes)


def test_a_limit_takes_samples_of_each_row(images: dict[str, NDArray[np.uint8]], tmp_path: Path) -> None:
    """Not of the reference; across the chunks' edges too."""
    many = np.concatenate([images["fake"]] * 4)
    for limit in (100, extraction.CHUNK, extraction.CHUNK + 3):
        limited, _ = aigc_bench.score(
            many, images["real"], features=PIXELS, metrics=("fd",), limit=limit, options=options(tmp_path)
        )
        cut, _ = aigc_bench.score(
            many[drawn_positions(len(many), limit).numpy()],
            images["real"],
            features=PIXELS,
            metrics=("fd",),
            options=options(tmp_path),
        )
        assert limited.suite.num_samples == limit
        assert values(limited) == values(cut)


def test_images_of_several_sizes_keep_their_order(tmp_path: Path) -> None:
    """With an extractor that takes any size; one that does not is told so."""
    for number in range(120):
        picture = np.full((4 + number % 3, 5, 3), number, np.uint8)
        picture[0, 0] = 255
        path = tmp_path / "fake" / f"{number:03}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(picture))
    real = np.random.default_rng(0).integers(0, 256, (100, 4, 5, 3), dtype=np.uint8)
    with pytest.raises(DataError, match=r"takes them as they are"):
        aigc_bench.score(tmp_path / "fake", real, features=PIXELS, options=options(tmp_path))
    run, _ = aigc_bench.score(
        tmp_path / "fake", real, features=["scoring_kit:build_corner"], metrics=("fd",), options=options(tmp_path)
    )
    assert run.suite.num_samples == 120


def test_rows_of_unlike_n_and_bad_requests_are_refused(files: Path, tmp_path: Path) -> None:
    """Before anything is extracted, with the way out."""
    fake, real = files / "fake.npy", files / "real.npy"

    def refused(kind: type[AigcBenchError], reason: str, fakes: Any = fake, **more: Any) -> None:
        with pytest.raises(kind, match=reason) as caught:
            aigc_bench.score(fakes, real, **({"features": PIXELS, "options": options(tmp_path)} | more))
        assert caught.value.exit_code == 2

    refused(ConfigurationError, r"unlike N .*a: 200, b: 400.*use --limit 200", {"a": fake, "b": real})
    refused(UnknownNameError, "no protocol named 'cleen'. Did you mean 'clean'", protocols=["cleen"])
    refused(UnknownNameError, "no features named 'pixel'. Did you mean 'pixels'", features=["pixel"])
    refused(UnknownNameError, "no metric named 'fdd'. Did you mean 'fd'", metrics=["fdd"])
    refused(ConfigurationError, "'psnr' cannot be computed from samples alone.*aigc-bench run", metrics=["psnr"])
    refused(ConfigurationError, "limit of at least 1", limit=0)
    refused(DataError, "no samples at", fakes=files / "missing")
    assert not (tmp_path / "store" / "cache" / "sample-features").exists()
    with pytest.raises(ConfigurationError, match="expected every set of samples once"):
        by_name(["a", "a"])
    assert by_name(["x/fake", "y/fake"]) == {"x/fake": "x/fake", "y/fake": "y/fake"}
    assert by_name(["x/floor"]) == {"x/floor": "x/floor"}
    assert by_name(["reference", "."]) == {"./reference": "reference", ".": "."}


ALL = {
    *("fid", "kid", "inception_score", "precision", "recall", "density", "coverage", "duplicates"),
    *("fid@torch-fidelity", "kid@torch-fidelity", "inception_score@torch-fidelity"),
    *("fid@adm", "sfid@adm", "inception_score@adm", "precision@adm", "recall@adm"),
    *("inception_score@improved-gan", "inception_score@studiogan", "fid@pytorch-fid", "fid@clean", "kid@clean"),
}


def test_all_protocols_in_three_passes_and_only_the_published_weights_make_a_fid(
    images: dict[str, NDArray[np.uint8]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extractor sees every set once per way of resizing; with other weights the name says which."""
    path = tmp_path / "weights.pth"
    torch.save(variance_preserving_weights(0), path)
    monkeypatch.setenv("AIGC_BENCH_WEIGHTS", str(path))
    monkeypatch.setattr(inception, "PUBLISHED_SHA256", inception.read_weights(path)[1])
    seen: list[tuple[str, int]] = []
    inner = inception.InceptionFeatures.__call__

    def counted(self: inception.InceptionFeatures, batch: torch.Tensor) -> Features:
        seen.append((self.name, len(batch)))
        return inner(self, batch)

    monkeypatch.setattr(inception.InceptionFeatures, "__call__", counted)
    fake, real, where = images["fake"][:40], images["real"][:48], {"options": options(tmp_path)}
    run, _ = aigc_bench.score(fake, real, protocols=["all"], **where)
    extractors = ("inception", "inception-torch-bilinear", "inception-pil-bicubic-float")
    assert sorted(seen) == sorted((name, num) for name in extractors for num in (40, 48))
    assert {score.metric for score in run.scores} == ALL
    found = values(run)
    assert set(found) == ALL - {"kid@torch-fidelity"}
    assert "100 subsets of 1000 need as many samples" in "".join(score.reason or "" for score in run.scores)
    assert found["fid"] == found["fid@torch-fidelity"] == found["fid@adm"]
    assert len({found[name] for name in ("fid", "fid@pytorch-fid", "fid@clean", "kid", "kid@clean", "sfid@adm")}) == 6
    assert len({found[name] for name in ALL if name.startswith("inception_score")}) == 4  # torch-fidelity's is tf's
    monkeypatch.setattr(inception, "PUBLISHED_SHA256", "0" * 64)
    run, _ = aigc_bench.score(fake, real, metrics=("fd", "kd"), **where)
    assert all(name.startswith(("fd_inception[", "kd_inception[")) for name in values(run))


def test_of_several_protocols_each_prints_what_its_code_does(
    images: dict[str, NDArray[np.uint8]], tmp_path: Path, random_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No Fréchet distance by a code that has none; alone, a protocol takes what it is asked for."""
    monkeypatch.setenv("AIGC_BENCH_WEIGHTS", str(random_weights))

    def asked(names: list[str], metrics: list[str]) -> dict[str, list[str]]:
        found = metrics_of_samples(protocols.selected(names, []), metrics)
        return {name: list(of_one) for name, of_one in found.items()}

    assert asked(["pytorch-fid"], ["kd"]) == {"pytorch-fid": ["kd"]}
    assert asked(["all"], ["fd"]) == {
        **{name: ["fd"] for name in ("tf", "pytorch-fid", "clean", "torch-fidelity", "adm")},
        **{name: [] for name in ("improved-gan", "studiogan")},
    }
    assert asked(["tf", "adm"], ["inception_score"]) == {"tf": ["inception_score"], "adm": ["inception_score_adm"]}
    with pytest.raises(ConfigurationError, match=r"none of pytorch-fid, studiogan prints recall; .*--protocol tf"):
        asked(["pytorch-fid", "studiogan"], ["recall"])


def test_without_protocol_or_features_the_first_protocol_is_meant() -> None:
    """And no protocol twice."""
    assert [protocol.name for protocol in protocols.selected([], [])] == ["tf"]
    assert [protocol.name for protocol in protocols.selected([], ["pixels"])] == ["pixels"]
    assert [p.name for p in protocols.selected(["clean", "all"], [])][:3] == ["clean", "tf", "pytorch-fid"]


# ---- the command line -------------------------------------------------------------------------------


def call(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does, without weights."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AIGC_BENCH_")}
    env = {**clean, "NO_COLOR": "1", "COLUMNS": "200", "XDG_CACHE_HOME": str(cwd), **environment}
    command = [sys.executable, "-m", "aigc_bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd, timeout=300, check=False)


def test_the_command_line_scores_and_keeps(files: Path, tmp_path: Path) -> None:
    """Table, report, JSON, and `report`, `show` and `extract` beside it."""
    few = ("--features", "digits-cnn", "--metrics", "fd,inception_score")
    done = call("extract", str(files / "real.npy"), "-o", "real.safetensors", "--features", "digits-cnn", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("real.safetensors: 400 × ")
    done = call(
        *("score", str(files / "fake"), str(files / "fake.npy"), "--real", "real.safetensors", *few),
        *("--holdout", str(files / "holdout.npy"), "-o", "run.json", "--html", "page.html"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "fd_digits-cnn" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("report.html")
    run = Run.model_validate_json((tmp_path / "run.json").read_bytes())
    assert values(run, "fake") == values(run, "fake.npy")
    assert (tmp_path / "page.html").stat().st_size > 10_000
    assert call("report", cwd=tmp_path).returncode == 0
    shown = call("show", "--json", cwd=tmp_path)
    assert json.loads(shown.stdout)["id"] == run.id


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("score", "fake.npy", "--real", "real.npy"), 2, "extractor 'inception' needs its published weights"),
        (("score", "nothing", "--real", "real.npy", "--features", "pixels"), 2, "no samples at nothing"),
        (("score", "fake.npy", "--features", "pixels"), 2, "Missing option '--real'"),
        (("score", "fake.npy", "--real", "r.safetensors", "--features", "pixels"), 2, "is no file of features"),
        (("score", "fake.npy", "--real", "real.npy", "--on-bad-image", "ignore"), 2, "error or skip, got 'ignore'"),
        (
            ("score", "fake.npy", "--real", "real.npy", "--features", "pixels", "--precision", "bf16"),
            2,
            "extractor 'pixels' has no option 'precision' and works in fp32 alone",
        ),
        (("extract", "real.npy", "-o", "real.npz", "--features", "pixels"), 2, "ends in .safetensors, got 'real.npz'"),
        (("score", "one.npy", "--real", "real.npy", "--features", "pixels"), 4, "nothing was measured"),
        (
            ("score", "flat.npy", "--real", "real.npy", "--features", "pixels"),
            5,
            "generated samples have the same features",
        ),
    ],
)
def test_refusals_of_the_command_line(
    arguments: tuple[str, ...],
    code: int,
    message: str,
    images: dict[str, NDArray[np.uint8]],
    ended: Callable[..., tuple[int, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Message and exit code."""
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "real.npy", images["real"])
    np.save(tmp_path / "fake.npy", images["fake"])
    np.save(tmp_path / "one.npy", images["fake"][:1])
    np.save(tmp_path / "flat.npy", np.zeros((60, 8, 8, 1), np.uint8))
    found, said = ended(*arguments)
    assert found == code, said
    assert message in said


@pytest.mark.slow
def test_a_killed_score_goes_on_where_it_was(images: dict[str, NDArray[np.uint8]], tmp_path: Path) -> None:
    """No chunk is extracted twice but the one that was in work; the scores are those of an undisturbed run."""
    many = np.concatenate([images["fake"]] * 20)
    np.save(tmp_path / "fake.npy", many)
    np.save(tmp_path / "real.npy", images["real"])
    (tmp_path / "slow.py").write_text(SLOW)
    arguments = ("score", "fake.npy", "--real", "real.npy", "--features", "slow:build", "--metrics", "fd", "--json")
    command = [sys.executable, "-m", "aigc_bench", *arguments]
    kills = 0
    for seconds in (5.0, 5.7, 6.3):
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        if process.poll() is None:
            kills += 1
            process.send_signal(signal.SIGKILL)
        process.wait()
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    num_chunks = -(-len(many) // extraction.CHUNK) + 1
    assert num_chunks <= len((tmp_path / "calls").read_text().split()) <= num_chunks + kills
    again = call(*arguments, "--store", "fresh", cwd=tmp_path)
    assert values(Run.model_validate_json(done.stdout), "fake.npy") == values(
        Run.model_validate_json(again.stdout), "fake.npy"
    )


SLOW = """
import time
from aigc_bench.modalities.image.extractors.pixels import build as build_pixels

def build(spec, *, device):
    pixels = build_pixels(spec, device=device)
    class Slow:
        name, digest = "slow", "0" * 64
        def __call__(self, batch):
            with open("calls", "a") as file:
                file.write("x ")
            time.sleep(0.4)
            return pixels(batch)
    return Slow()
"""

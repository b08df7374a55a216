"""A declared lower precision: named, measured, and never called a FID."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from typer.testing import CliRunner

import aigc_bench
from aigc_bench.cli import app
from aigc_bench.core import SampleSpec
from aigc_bench.core.errors import ConfigurationError, DataError
from aigc_bench.data import digits
from aigc_bench.metrics import protocols
from aigc_bench.metrics.moments import Gaussian
from aigc_bench.modalities.image.extractors import inception
from aigc_bench.runs.records import Run
from aigc_bench.runs.scoring import reduced_precision as precision
from aigc_bench.runs.scoring.reduced_precision import Drift, Seen

ROUNDED = ("scoring_kit:build_rounded",)


@pytest.fixture(scope="module")
def images() -> dict[str, NDArray[np.uint8]]:
    """300 real digits and 280 further ones with some noise, (N, 8, 8, 1)."""
    data = digits.build()
    real, fake = (part.samples.permute(0, 2, 3, 1).numpy() for part in (data.reference, data.holdout))
    noise = np.random.default_rng(0).integers(-40, 41, fake[:280].shape)
    return {"real": real[:300].copy(), "fake": np.clip(fake[:280].astype(int) + noise, 0, 255).astype(np.uint8)}


def scored(folder: Path, fake: Any, real: Any, **more: Any) -> tuple[Run, list[Any]]:
    """The run, and the events that were heard."""
    events: list[Any] = []
    options = aigc_bench.Options(store=folder / "store")
    arguments = {"features": ROUNDED, "metrics": ("fd",), "precision": "bf16"} | more
    run, _ = aigc_bench.score(fake, real, options=options, on_event=events.append, **arguments)
    return run, events


def normal(num: int, dim: int, seed: int) -> Tensor:
    """(num, dim) float32."""
    return torch.randn(num, dim, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("num", [9, 200], ids=["fewer samples than features", "more"])
def test_a_shift_is_what_the_definitions_say(num: int) -> None:
    """Every feature moved by 0.25: so are the root mean square, the largest change, and the distances of means."""
    x, real = normal(num, 24, 0), normal(150, 24, 1)
    scale = float(x.double().square().mean().sqrt())
    found = Drift.of(Seen(x, x + 0.25), (Gaussian.fitted(real), Gaussian.fitted(real + 0.25)))
    assert found.num_samples == num
    assert found.rms == pytest.approx(0.25 / scale, rel=1e-6)
    assert found.largest == pytest.approx(0.25 / scale, rel=1e-6)
    assert found.distance == pytest.approx(24 * 0.25**2, rel=1e-5)
    assert found.score == pytest.approx(found.exact_score, rel=1e-5)
    moved = Drift.of(Seen(x, x + 0.25), (Gaussian.fitted(real), Gaussian.fitted(real)))
    means = (x.double().mean(0), real.double().mean(0))
    change = float((means[0] + 0.25 - means[1]).square().sum() - (means[0] - means[1]).square().sum())
    assert moved.score is not None
    assert moved.exact_score is not None
    assert moved.score - moved.exact_score == pytest.approx(change, rel=1e-4)


def test_what_cannot_be_measured_is_not_said() -> None:
    """One image has no covariance; moments of other features are no real side."""
    x = normal(1, 4, 0)
    alone = Drift.of(Seen(x, x))
    assert (alone.rms, alone.distance, alone.score) == (0.0, None, None)
    assert "Fréchet" not in alone.text("fake", "bf16", "made")
    y = normal(5, 4, 0)
    wide = Gaussian.fitted(normal(9, 6, 1))
    found = Drift.of(Seen(y, y.bfloat16().float()), (wide, wide))
    assert found.distance is not None
    assert found.score is None
    assert "real ones" not in found.text("fake", "bf16", "made")


def test_a_lower_precision_is_measured_and_noted(images: dict[str, NDArray[np.uint8]], tmp_path: Path) -> None:
    """On the first 256 images of every row, against as many real ones; in the notes and among the events."""
    run, events = scored(tmp_path, {"a": images["fake"], "b": images["real"][:280]}, images["real"])
    texts = [event["text"] for event in events if event["event"] == "note"]
    assert [text.split(":")[0] for text in texts] == ["a", "b"]
    assert run.dataset.notes[:2] == tuple(texts)
    assert all("bf16 instead of fp32" in text and "first 256 samples" in text for text in texts)
    x = torch.from_numpy(images["fake"][:256]).flatten(1)
    y = torch.from_numpy(images["real"][:256]).flatten(1)
    exact, lowered = x.float() / 255, (x.bfloat16() / 255).float()
    expected = Drift.of(
        Seen(exact, lowered), (Gaussian.fitted(y.float() / 255), Gaussian.fitted((y.bfloat16() / 255).float()))
    )
    assert texts[0] == expected.text("a", "bf16", "rounded-bf16")
    assert 0.0005 < expected.rms < 0.005  # eight bits
    assert {score.metric for score in run.scores} == {"fd_rounded-bf16"}
    again, events = scored(tmp_path, {"a": images["fake"], "b": images["real"][:280]}, images["real"])
    assert again.dataset.notes == run.dataset.notes
    assert not [event for event in events if event["event"] == "progress"]
    run, events = scored(tmp_path, images["fake"], images["real"], precision="fp32", limit=100)
    assert not [event for event in events if event["event"] == "note"]
    run, _ = scored(tmp_path, images["fake"], images["real"], limit=100)
    assert "first 100 samples" in run.dataset.notes[0]


def test_the_real_side_has_the_same_precision(images: dict[str, NDArray[np.uint8]], tmp_path: Path) -> None:
    """Features made in another are refused; made in this one they say what it changed."""
    for name in ("fp32", "bf16"):
        aigc_bench.save_features(
            images["real"],
            tmp_path / f"{name}.safetensors",
            features=ROUNDED[0],
            precision=name,
            options=aigc_bench.Options(store=tmp_path / "store"),
        )
    with pytest.raises(DataError, match=r"made by 'rounded' \(a+\).*would be by 'rounded-bf16' \(b+\)"):
        scored(tmp_path, images["fake"], tmp_path / "fp32.safetensors")
    with pytest.raises(DataError, match=r"made by 'rounded-bf16' .*would be by 'rounded' "):
        scored(tmp_path, images["fake"], tmp_path / "bf16.safetensors", precision="fp32")
    run, _ = scored(tmp_path, images["fake"], tmp_path / "bf16.safetensors")
    assert "real ones" not in run.dataset.notes[0]
    assert any(note.startswith("reference: array: bf16 instead of fp32") for note in run.dataset.notes)


def test_published_moments_show_what_a_score_gains(images: dict[str, NDArray[np.uint8]], tmp_path: Path) -> None:
    """They are of float32 in all likelihood: the change is that of the generated side."""
    pool = images["real"].reshape(300, -1) / 255
    np.savez(tmp_path / "real.npz", mu=pool.mean(0), sigma=np.cov(pool, rowvar=False))
    run, _ = scored(tmp_path, images["fake"], tmp_path / "real.npz")
    assert "to real ones becomes" in run.dataset.notes[0]


def test_other_precisions_and_extractors_without_are_refused(
    images: dict[str, NDArray[np.uint8]], tmp_path: Path
) -> None:
    """Before anything is extracted; the message names the extractors that have it."""
    with pytest.raises(
        ConfigurationError, match=r"extractor 'pixels' has no option 'precision'.*that has it: inception"
    ):
        scored(tmp_path, images["fake"], images["real"], features=("pixels",))
    with pytest.raises(ConfigurationError, match="expected precision to be one of fp32, tf32, fp16, bf16, got 'fp8'"):
        scored(tmp_path, images["fake"], images["real"], precision="fp8")
    with pytest.raises(ConfigurationError, match="expected precision to be one of fp32, tf32, fp16, bf16, got 'fp8'"):
        inception.build(
            SampleSpec("image", (3, 8, 8)),
            device=torch.device("cpu"),
            precision="fp8",  # type: ignore[arg-type]
        )


def test_the_command_line_says_what_it_changes(
    images: dict[str, NDArray[np.uint8]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On stderr; asked for by flag or variable, and the flag wins."""
    np.save(tmp_path / "real.npy", images["real"])
    np.save(tmp_path / "fake.npy", images["fake"])
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    arguments = ["score", "fake.npy", "--real", "real.npy", "--features", *ROUNDED, "--metrics", "fd", "--json"]
    runner = CliRunner()
    for more, variable, name in (
        (["--precision", "bf16"], "fp32", "fd_rounded-bf16"),
        ([], "bf16", "fd_rounded-bf16"),
        (["--precision", "fp32"], "bf16", "fd_rounded"),
    ):
        done = runner.invoke(app, [*arguments, *more], env={"AIGC_BENCH_PRECISION": variable})
        assert done.exit_code == 0, done.stderr
        run = Run.model_validate_json(done.stdout)
        assert [score.metric for score in run.scores] == [name]
        assert ("fake.npy: bf16 instead of fp32 changes features of rounded-bf16" in done.stderr) == name.endswith(
            "bf16"
        )
    done = runner.invoke(
        app, ["extract", "real.npy", "-o", "r.safetensors", "--features", *ROUNDED, "--precision", "bf16"]
    )
    assert "features by rounded-bf16 (bbbbbbbb)" in done.stdout
    assert "real.npy: bf16 instead of fp32 changes features of rounded-bf16 by" in done.stderr


def test_no_protocol_calls_it_a_fid() -> None:
    """Neither TensorFlow's nor any other."""
    found = protocols.selected(["all"], [], "bf16")
    assert all(protocol.options["precision"] == "bf16" for protocol in found)
    for protocol in found:
        kernel = protocol.options["resize"]
        name = "inception" + ("" if kernel == "tf1-bilinear" else f"-{kernel}")
        assert protocol.called(f"fd_{name}").startswith("fid")
        assert protocol.called(f"fd_{name}-bf16").startswith(f"fd_{name}-bf16")
    assert protocols.PROTOCOLS["tf"].called("fd_inception-bf16") == "fd_inception-bf16"
    assert protocols.selected([], ["pixels"], "fp32")[0].options == {}


def test_the_inception_in_bfloat16(
    images: dict[str, NDArray[np.uint8]], random_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores under its own name even with the published weights, and its drift is of the size of eight bits."""
    monkeypatch.setenv("AIGC_BENCH_WEIGHTS", str(random_weights))
    monkeypatch.setattr(inception, "PUBLISHED_SHA256", inception.read_weights(random_weights)[1])
    monkeypatch.setattr(precision, "NUM_COMPARED", 4)
    run, _ = scored(tmp_path, images["fake"][:40], images["real"][:40], features=(), protocols=["tf"])
    assert [score.metric for score in run.scores] == ["fd_inception-bf16"]
    assert [score.extractor for score in run.scores] == ["inception-bf16"]
    assert "first 4 samples" in run.dataset.notes[0]


def test_notes_of_several_passes_say_whose_they_are(
    images: dict[str, NDArray[np.uint8]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that cannot be drawn has a sentence too, and the others are measured."""

    def broken(seeds: Tensor) -> Tensor:
        raise ValueError("no")

    run, _ = scored(tmp_path, {"a": images["fake"], "b": broken}, images["real"][:280])
    assert "changes features of rounded-bf16 by" in run.dataset.notes[0]
    assert run.dataset.notes[1].startswith("b: what bf16 changes could not be measured: sample raised ValueError")

"""Reconstructions beside their originals: rFID, MSE, PSNR and SSIM in bounded memory, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inputs_kit import Pairs, encoded
from scoring_kit import call, labelled_digits, noisy, options, values
from torch.utils.data import DataLoader

import aigc_bench
from aigc_bench.core import SampleSpec
from aigc_bench.core.errors import AigcBenchError, ConfigurationError, DataError
from aigc_bench.evidence.extractors import Place
from aigc_bench.generators.generated import FunctionGenerator, GeneratedSamples
from aigc_bench.metrics import reconstruction
from aigc_bench.metrics.protocols import PROTOCOLS
from aigc_bench.modalities.image.opening import open_samples
from aigc_bench.runs.scoring import paired
from aigc_bench.runs.store import Store, load_exhibits
from aigc_bench.samples.subset import drawn_positions

PIXELS: dict[str, Any] = {"features": ("pixels",), "metrics": ("fd", "kd"), "paired": True}
REAL, _ = labelled_digits("reference")
FAKE = noisy(REAL)


def tensor(images: Any) -> torch.Tensor:
    """(N, H, W, C) => (N, C, H, W)."""
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def test_scores_are_those_of_the_pairs(tmp_path: Path) -> None:
    """From the definition; the Fréchet distance is as without pairs, called rfid; no other is renamed."""
    run, folder = aigc_bench.score(FAKE, REAL, **PIXELS, options=options(tmp_path))
    found = values(run)
    squared = ((REAL / 255 - FAKE / 255) ** 2).mean((1, 2, 3))
    assert found["mse"] == pytest.approx(squared.mean(), rel=1e-12)
    assert found["psnr"] == pytest.approx(-10 * np.log10(squared.mean()), rel=1e-12)
    errors = reconstruction.errors_of(tensor(REAL), tensor(FAKE))
    assert found["ssim"] == pytest.approx(float(errors.ssim.mean()), rel=1e-12)
    plain, _ = aigc_bench.score(FAKE, REAL, **{**PIXELS, "paired": False}, options=options(tmp_path))
    assert found["rfd_pixels"] == values(plain)["fd_pixels"]
    assert found["kd_pixels"] == values(plain)["kd_pixels"]
    assert set(found) == {"rfd_pixels", "kd_pixels", "mse", "psnr", "ssim"}
    page = (folder / "report.html").read_text()
    assert "rfd_pixels of samples is" in page
    assert "The first originals above, reconstructions below" in page
    assert "Closest real samples" not in page  # a reconstruction is near its original
    exhibits = load_exhibits(folder)
    assert torch.equal(exhibits["originals/samples/-"], tensor(REAL)[:16])
    assert torch.equal(exhibits["reconstructions/samples/-"], tensor(FAKE)[:16])


def test_only_published_distances_are_called_rfid() -> None:
    """By every protocol; other scores keep their names."""
    names = {protocol: replace(PROTOCOLS[protocol], paired=True).called for protocol in ("tf", "clean")}
    assert names["tf"]("fd_inception") == "rfid"
    assert names["clean"]("fd_inception-pil-bicubic-float") == "rfid@clean"
    assert names["clean"]("kd_inception-pil-bicubic-float") == "kid@clean"
    assert names["tf"]("fd_inception[0123abcd]") == "rfd_inception[0123abcd]"
    assert PROTOCOLS["tf"].called("fd_inception") == "fid"


def test_a_limit_takes_pairs(tmp_path: Path) -> None:
    """Of both sides the same, at random: rFID of so many against their own originals."""
    for limit in (100, paired.CHUNK, paired.CHUNK + 3):
        run, _ = aigc_bench.score(FAKE, REAL, **PIXELS, limit=limit, options=options(tmp_path))
        rows = drawn_positions(len(REAL), limit).numpy()
        cut, _ = aigc_bench.score(FAKE[rows], REAL[rows], **PIXELS, options=options(tmp_path / "cut"))
        assert values(run) == values(cut)
        assert run.dataset.num_reference == limit


def test_every_kind_of_input_has_equal_errors(tmp_path: Path) -> None:
    """To the bit, whatever the chunks they come in."""
    for number, image in enumerate(FAKE):
        path = tmp_path / "fake" / f"{number:03}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(image[..., 0]))
    np.savez(tmp_path / "fake.npz", FAKE)
    sources: dict[str, Any] = {
        "folder": tmp_path / "fake",
        "npz": tmp_path / "fake.npz",
        "loader": DataLoader(Pairs(FAKE), batch_size=7),
    }
    run, _ = aigc_bench.score(sources, REAL, **PIXELS, options=options(tmp_path))
    found = [values(run, name) for name in sources]
    assert len(found[0]) == 5
    assert found[0] == found[1] == found[2]


def test_an_interrupted_comparison_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks that are done are not compared again, and the errors are the same."""
    place = Place(Store(tmp_path).cache, torch.device("cpu"))
    compared: list[int] = []
    real = reconstruction.errors_of

    def counted(original: torch.Tensor, fake: torch.Tensor) -> Any:
        compared.append(len(fake))
        if len(compared) == 3:
            raise KeyboardInterrupt
        return real(original, fake)

    monkeypatch.setattr(reconstruction, "errors_of", counted)
    with open_samples(FAKE) as fake, open_samples(REAL) as original:
        with pytest.raises(KeyboardInterrupt):
            paired.errors_of("fake", fake, original, place)
        found = paired.errors_of("fake", fake, original, place)
    assert compared == [128, 128, 128, 128, 66]
    whole = real(tensor(REAL), tensor(FAKE))
    assert torch.equal(found.squared, whole.squared)
    assert torch.equal(found.ssim, whole.ssim)
    assert found.window == whole.window


def test_memory_does_not_grow_with_the_number_of_pairs(tmp_path: Path) -> None:
    """Never more than a chunk of each side is asked for before it has been compared."""
    place = Place(Store(tmp_path).cache, torch.device("cpu"))
    shape = (1000, 3, 64, 64)
    given = {"fake": 0, "real": 0}
    most = 0

    def function(side: str, level: int) -> Any:
        def made(seeds: torch.Tensor) -> torch.Tensor:
            nonlocal most
            given[side] += len(seeds)
            most = max(most, abs(given["fake"] - given["real"]))
            return torch.full((len(seeds), *shape[1:]), level, dtype=torch.uint8)

        return made

    spec = SampleSpec("image", shape[1:])
    sets = [
        GeneratedSamples(side, FunctionGenerator(spec, function(side, level)), shape[0], place.device)
        for side, level in (("fake", 3), ("real", 5))
    ]
    errors = paired.errors_of("fake", sets[0], sets[1], place)
    assert errors.squared.tolist() == pytest.approx([(2 / 255) ** 2] * shape[0])
    assert most <= 512


def test_what_cannot_be_pairs_is_refused(tmp_path: Path) -> None:
    """Unlike counts and sizes, sides without images, and what would shift the pairs; nothing is extracted first."""

    def refused(kind: type[AigcBenchError], reason: str, fake: Any = FAKE, real: Any = REAL, **more: Any) -> None:
        with pytest.raises(kind, match=reason) as caught:
            aigc_bench.score(fake, real, **PIXELS, **more, options=options(tmp_path))
        assert caught.value.exit_code == 2

    refused(DataError, "samples holds 449 samples and array holds 450; expected a reconstruction of each", FAKE[1:])
    refused(DataError, "samples holds 450 samples and array holds 449", FAKE, REAL[1:])
    refused(DataError, r"samples of \(1, 8, 7\) and array of \(1, 8, 8\) \(C, H, W\)", FAKE[:, :, 1:].copy())
    refused(DataError, r"samples of \(3, 8, 8\) and array of \(1, 8, 8\)", FAKE.repeat(3, axis=3))
    refused(ConfigurationError, "--holdout has no place beside --paired", holdout=REAL)
    refused(ConfigurationError, "would shift the pairs: --on-bad-image skip excludes", on_bad_image="skip")
    np.savez(tmp_path / "moments.npz", mu=np.zeros(64), sigma=np.eye(64))
    refused(ConfigurationError, r"compares samples, and .*moments\.npz holds none; give", real=tmp_path / "moments.npz")
    assert not (tmp_path / "store" / "cache" / "sample-features").exists()


@pytest.mark.parametrize(
    ("num_fake", "num_real", "message"),
    [
        (300, 299, "fake holds more samples and .* holds 299"),
        (299, 300, "fake holds 299 samples and .* holds more"),
        (128, 300, "fake holds 128 samples and .* holds more"),
        (300, 128, "fake holds more samples and .* holds 128"),
    ],
)
def test_loaders_that_end_at_unlike_places_are_refused(
    num_fake: int, num_real: int, message: str, tmp_path: Path
) -> None:
    """They say only while they are read how many they hold."""
    place = Place(Store(tmp_path).cache, torch.device("cpu"))
    fake, real = (DataLoader(Pairs(images[:num])) for images, num in ((FAKE, num_fake), (REAL, num_real)))
    with open_samples(fake) as ours, open_samples(real) as theirs, pytest.raises(DataError, match=message):
        paired.errors_of("fake", ours, theirs, place)


def test_the_command_line_compares_pairs(tmp_path: Path) -> None:
    """Table and refusal."""
    np.save(tmp_path / "fake.npy", FAKE)
    np.save(tmp_path / "real.npy", REAL)
    np.save(tmp_path / "short.npy", FAKE[:400])
    few = ("--features", "pixels", "--metrics", "fd", "--paired")
    done = call("score", "fake.npy", "--real", "real.npy", *few, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("rfd_pixels ↓", "mse ↓", "psnr ↑", "ssim ↑"))
    done = call("score", "short.npy", "--real", "real.npy", *few, cwd=tmp_path)
    assert done.returncode == 2
    assert "short.npy holds 400 samples and real.npy holds 450" in done.stderr


def test_published_moments_beside_the_originals_are_not_what_they_are_compared_with(tmp_path: Path) -> None:
    """A file of both is one of originals here."""
    np.savez(tmp_path / "both.npz", arr_0=REAL, mu=np.zeros(64), sigma=np.eye(64))
    run, _ = aigc_bench.score(FAKE, tmp_path / "both.npz", **PIXELS, options=options(tmp_path))
    plain, _ = aigc_bench.score(FAKE, REAL, **PIXELS, options=options(tmp_path))
    assert values(run) == values(plain)
    assert not any("moments" in note for note in run.dataset.notes)


@pytest.mark.parametrize("kind", ["array", "loader"])
@pytest.mark.parametrize("limit", [100, 136])
def test_a_limit_needs_no_more_on_either_side(kind: str, limit: int, tmp_path: Path) -> None:
    """As many as the limit are pairs, whatever follows."""
    cut, _ = aigc_bench.score(FAKE[:limit], REAL[:limit], **PIXELS, options=options(tmp_path))
    for num_fake, num_real in ((limit, 450), (450, limit), (limit, limit)):
        fake: Any = FAKE[:num_fake].copy()
        fake = fake if kind == "array" else DataLoader(Pairs(fake), batch_size=50)
        run, _ = aigc_bench.score(fake, REAL[:num_real], **PIXELS, limit=limit, options=options(tmp_path))
        assert values(run) == values(cut)
    with pytest.raises(DataError, match="samples holds 99 samples and array holds 450"):
        aigc_bench.score(FAKE[:99], REAL, **PIXELS, limit=limit, options=options(tmp_path))


def test_pairs_have_classes_too_with_a_limit(tmp_path: Path) -> None:
    """Those of the originals that are drawn."""
    _, labels = labelled_digits("reference")
    labels = [label % 2 for label in labels]
    np.savez(tmp_path / "real.npz", REAL, np.array(labels))
    np.savez(tmp_path / "fake.npz", FAKE, np.array(labels))
    run, _ = aigc_bench.score(
        tmp_path / "fake.npz", tmp_path / "real.npz", **PIXELS, per_class=True, limit=200, options=options(tmp_path)
    )
    found = {s.class_name: s.estimate for s in run.scores if s.class_name is not None}
    drawn = drawn_positions(450, 200).numpy()
    rows = drawn[np.array(labels)[drawn] == 1]
    alone, _ = aigc_bench.score(FAKE[rows], REAL[rows], **PIXELS, options=options(tmp_path))
    assert found["1"] is not None
    assert found["1"].value == values(alone)["rfd_pixels"]

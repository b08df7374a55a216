"""Generators and functions as what is scored: by name, by module, as objects; and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inputs_kit import Pairs, encoded
from scoring_kit import call, labelled_digits, options, values
from torch import Tensor
from torch.utils.data import DataLoader

import aigc_bench
from aigc_bench import noise
from aigc_bench.api.scoring import by_name
from aigc_bench.core import SampleSpec
from aigc_bench.core.errors import AigcBenchError, ConfigurationError, DataError, GeneratorError, NothingMeasuredError
from aigc_bench.generators import drawing
from aigc_bench.generators.anchors import GaussianGenerator
from aigc_bench.runs.records import Run

PIXELS: dict[str, Any] = {"features": ("pixels",), "metrics": ("fd",)}
REAL, _ = labelled_digits("reference")
SPEC = SampleSpec("image", (1, 8, 8))
CPU = torch.device("cpu")


def gaussian(seeds: Tensor) -> Tensor:
    """What the built-in `gaussian` makes."""
    return GaussianGenerator(SPEC, CPU, 127.5, 64.0).sample(seeds)


def test_a_generator_is_scored_as_its_samples_are(tmp_path: Path) -> None:
    """By entry point, as a function, as an object: samples of seeds 0 … N - 1, as many as there are real ones."""
    samples = drawing.draw(GaussianGenerator(SPEC, CPU, 127.5, 64.0), 450, CPU)
    sources: dict[str, Any] = {
        "array": samples,
        "name": "gaussian",
        "module": "aigc_bench.testing:build_gaussian",
        "function": gaussian,
        "generator": GaussianGenerator(SPEC, CPU, 127.5, 64.0),
    }
    run, folder = aigc_bench.score(sources, REAL, **PIXELS, options=options(tmp_path))
    assert run.suite.num_samples == 450
    found = [values(run, name) for name in sources]
    assert len(found[0]) == 1
    assert all(row == found[0] for row in found)
    assert "name: samples of seeds 0 … 449, drawn 512 at a time." in run.dataset.notes
    assert "samples of name" in (folder / "report.html").read_text()
    limited, _ = aigc_bench.score("gaussian", REAL, **PIXELS, limit=100, options=options(tmp_path))
    cut, _ = aigc_bench.score(samples[:100], REAL, **PIXELS, options=options(tmp_path))
    assert values(limited) == values(cut)


def test_untrained_weights_repeat(tmp_path: Path) -> None:
    """A generator that draws its weights when it is built has the same ones in every process."""
    first, _ = aigc_bench.score("gan", REAL, **PIXELS, limit=60, options=options(tmp_path / "a"))
    torch.rand(3)
    again, _ = aigc_bench.score("gan", REAL, **PIXELS, limit=60, options=options(tmp_path / "b"))
    assert values(first) == values(again)
    assert any("samples: the generator is as built, not trained" in note for note in first.dataset.notes)
    known, _ = aigc_bench.score("gaussian", REAL, **PIXELS, limit=60, options=options(tmp_path / "a"))
    assert not any("not trained" in note for note in known.dataset.notes)


def test_features_of_a_generator_are_kept_and_those_of_other_weights_are_not_taken_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code is the same, the checkpoint it reads is another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    found = []
    for level in (100, 100, 140):
        (tmp_path / "level").write_text(str(level))
        run, _ = aigc_bench.score("mine:build", REAL, **PIXELS, limit=600, options=options(tmp_path))
        found.append((values(run), len((tmp_path / "calls").read_text().split())))
    (first, drawn), (again, still), (other, more) = found
    assert first == again
    assert first != other
    # Two batches are drawn; both name the set, and the picture sheet asks for its samples in one call.
    assert still - drawn < drawn
    assert more > still


MINE = """
import torch
from pathlib import Path
from aigc_bench import noise

class Mine:
    def __init__(self, spec):
        self.spec = spec
        self.level = float(Path("level").read_text())
    def sample(self, seeds):
        with open("calls", "a") as file:
            file.write("x ")
        z = noise.normal(seeds, self.spec.num_dims)
        return (self.level + 30 * z).clamp(0, 255).round().to(torch.uint8).reshape(-1, *self.spec.shape)

def build(spec, *, device):
    return Mine(spec)
"""


def test_the_shape_is_that_of_the_real_side_whatever_it_is(tmp_path: Path) -> None:
    """Of data sets and loaders the first item is looked at; a loader does not say how many there are."""
    for real in (Pairs(REAL), DataLoader(Pairs(REAL), batch_size=50), torch.from_numpy(REAL).permute(0, 3, 1, 2)):
        run, _ = aigc_bench.score("noise", real, **PIXELS, limit=80, options=options(tmp_path))
        assert run.suite.num_samples == 80
        assert len(values(run)) == 1
    with pytest.raises(ConfigurationError, match=r"how many loader of Pairs holds is not known.*use --limit"):
        aigc_bench.score("noise", DataLoader(Pairs(REAL)), **PIXELS, options=options(tmp_path))


def test_a_path_comes_before_a_generator_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder called gan is a folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gan").mkdir()
    for number, image in enumerate(REAL[:50]):
        (tmp_path / "gan" / f"{number}.png").write_bytes(encoded(image[..., 0]))
    run, _ = aigc_bench.score("gan", REAL, **PIXELS, options=options(tmp_path))
    assert run.suite.num_samples == 50


def test_what_cannot_be_generated_is_refused(tmp_path: Path) -> None:
    """With message and exit code."""

    def refused(kind: type[AigcBenchError], code: int, reason: str, fake: Any, real: Any = REAL) -> None:
        with pytest.raises(kind, match=reason) as caught:
            aigc_bench.score(fake, real, **PIXELS, options=options(tmp_path))
        assert caught.value.exit_code == code

    refused(
        DataError, 2, "no samples at gausian; expected .*or a generator: .*gaussian.*or pkg.module:build", "gausian"
    )
    refused(
        ConfigurationError, 2, "generator 'nowhere:build'.*cannot be imported: ModuleNotFoundError", "nowhere:build"
    )
    refused(DataError, 2, "no samples at http:/nowhere/x.zip", "http://nowhere/x.zip")
    refused(GeneratorError, 5, "building it raised TypeError", "math:sqrt")
    nothing = NothingMeasuredError, 4
    refused(*nothing, r"of shape \(450, 1, 8, 8\), got \(450, 3\)", lambda seeds: torch.zeros(len(seeds), 3))
    floats = lambda seeds: noise.uniform(seeds, 64).reshape(-1, 1, 8, 8)  # noqa: E731
    refused(*nothing, r"dtype torch\.uint8, got torch\.float", floats)
    refused(*nothing, "sample raised ZeroDivisionError", lambda seeds: 1 // 0)
    refused(*nothing, "expected finite samples, got NaN", lambda seeds: torch.full((450, 1, 8, 8), np.nan))
    refused(DataError, 2, "cannot read samples from function", REAL, gaussian)
    refused(ConfigurationError, 2, "'floor' and 'noise' name the anchor rows and 'reference'", {"noise": "noise"})
    refused(ConfigurationError, 2, "'reference' the real side; give the samples another", {"reference": "noise"})
    assert by_name(["noise", "x/floor"]) == {"./noise": "noise", "x/floor": "x/floor"}


def test_a_real_side_without_one_shape_is_refused(tmp_path: Path) -> None:
    """Features, moments, and images of several sizes."""
    aigc_bench.save_features(REAL, tmp_path / "real.safetensors", features="pixels", options=options(tmp_path))
    (tmp_path / "mixed").mkdir()
    for number in range(2):
        (tmp_path / "mixed" / f"{number}.png").write_bytes(encoded(REAL[number][: 4 + number, :, 0]))
    for real, reason in (
        ("real.safetensors", "holds none; give real samples"),
        ("mixed", "samples of several; resize"),
    ):
        with pytest.raises(ConfigurationError, match=reason) as caught:
            aigc_bench.score("noise", tmp_path / real, **PIXELS, options=options(tmp_path))
        assert caught.value.exit_code == 2


def test_the_command_line_scores_a_generator_of_the_working_directory(tmp_path: Path) -> None:
    """By name and by module; one that breaks its contract ends with 5."""
    np.save(tmp_path / "real.npy", REAL)
    (tmp_path / "level").write_text("100")
    (tmp_path / "mine.py").write_text(MINE)
    few = ("--real", "real.npy", "--features", "pixels", "--metrics", "fd", "--limit", "60")
    done = call("score", "mine:build", "noise", *few, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mine:build" in done.stdout
    (tmp_path / "mine.py").write_text(MINE.replace(".round().to(torch.uint8)", ""))
    done = call("score", "mine:build", *few, cwd=tmp_path)
    assert done.returncode == 4
    done = call("score", "mine:build", "noise", *few, "--json", cwd=tmp_path)
    assert done.returncode == 5
    assert set(values(Run.model_validate_json(done.stdout), "./noise")) == {"fd_pixels"}
    assert "expected image samples of dtype torch.uint8, got torch.float" in done.stderr
    assert "Traceback" not in done.stderr

"""What several test files need."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

if "PYTEST_XDIST_WORKER" in os.environ:
    # As many threads as processors in every worker, and in what it starts, would fight for them.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from typer.testing import CliRunner

from aigc_bench.cli import app
from aigc_bench.core import FeaturePair, Features
from aigc_bench.modalities.image.extractors.inception_layout import variance_preserving_weights


class _Stub(types.ModuleType):
    """A module whose every name is a class without anything."""

    __path__: list[str] = []  # noqa: RUF012  what makes a module a package
    __version__ = "0.0"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return sys.modules.get(f"{self.__name__}.{name}") or type(name, (), {})


def _has(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


# Not beside our own packages: torchmetrics imports torch-fidelity wherever it is, and that imports torchvision.
sys.path += [folder for folder in [os.environ.get("AIGC_BENCH_PEERS_PATH")] if folder]

if _has("torch_fidelity") and not _has("torchvision"):
    # Its builds need another torch than ours, and nothing of it is called here.
    for _name in ("", ".datasets", ".models", ".models.inception", ".transforms", ".transforms.functional", ".utils"):
        sys.modules[f"torchvision{_name}"] = _Stub(f"torchvision{_name}")
if not _has("requests"):
    sys.modules["requests"] = _Stub("requests")  # clean-fid would download by it


@pytest.fixture(scope="session")
def torch_fidelity() -> Any:
    """The peer's modules, or a skip."""
    if not _has("torch_fidelity"):
        pytest.skip(
            "torch-fidelity is not here: set AIGC_BENCH_PEERS_PATH to the folder of "
            "pip install --no-deps --target FOLDER torch-fidelity==0.4.0 pytorch-fid==0.3.0 clean-fid==0.1.35 tqdm"
        )
    names = ("feature_extractor_inceptionv3", "metric_fid", "metric_kid", "metric_isc", "metric_prc")
    return types.SimpleNamespace(**{name: importlib.import_module(f"torch_fidelity.{name}") for name in names})


@pytest.fixture(scope="session")
def pytorch_fid(torch_fidelity: Any, random_weights: Path) -> Any:
    """pytorch-fid's module of its network on the random weights, or a skip."""
    if not _has("pytorch_fid"):
        pytest.skip("pytorch-fid is not installed")
    # Its blocks derive from torchvision's, which have the same layers as torch-fidelity's.
    blocks = torch_fidelity.feature_extractor_inceptionv3
    network = blocks.FeatureExtractorInceptionV3("inception", ["2048"], str(random_weights))
    names = {"InceptionA": blocks.InceptionA, "InceptionC": blocks.InceptionC, "InceptionE": blocks.InceptionE_1}
    torchvision = types.ModuleType("torchvision")
    models = types.SimpleNamespace(inception=types.SimpleNamespace(**names), inception_v3=lambda **_: network)
    vars(torchvision).update(__version__="0.20.0", models=models)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torchvision", torchvision)
        module = importlib.import_module("pytorch_fid.inception")
    module.load_state_dict_from_url = lambda *_, **__: torch.load(random_weights)  # type: ignore[attr-defined]
    return module


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Runs the command line in this process, which saves importing torch: its exit code and what stderr got.

    An exception that is not the command line's way to end is raised here.
    """

    def end(*arguments: str, **environment: str) -> tuple[int, str]:
        for name in [name for name in os.environ if name.startswith("AIGC_BENCH_")]:
            monkeypatch.delenv(name)
        monkeypatch.setattr(sys, "path", [*sys.path])  # the working directory is put before it
        done = CliRunner().invoke(app, arguments, env={"NO_COLOR": "1", "COLUMNS": "200", **environment})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stderr

    return end


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets, or a skip."""
    folder = Path(os.environ.get("AIGC_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "mnist").is_dir():
        pytest.skip("MNIST is not here: set AIGC_BENCH_DATA to a folder that holds mnist/")
    return folder


@pytest.fixture
def pair() -> FeaturePair:
    """300 real and 260 generated heavy-tailed features of 12 dimensions, ten logits each."""
    generator = torch.Generator().manual_seed(3)

    def features(num: int, shift: float) -> Features:
        z = torch.randn(num, 12, generator=generator)
        scale = torch.rand(num, 1, generator=generator) + 0.5
        return Features(z * scale + shift, 3 * torch.randn(num, 10, generator=generator))

    return FeaturePair(features(300, 0.0), features(260, 0.4), "made", "0" * 64)


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of random weights in the published layout of the FID's Inception."""
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(variance_preserving_weights(0), path)
    return path

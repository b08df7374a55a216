"""The rewritten Inception-v3 against the plain one, and what its loader refuses."""

from __future__ import annotations

import hashlib
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_bench.core import SampleSpec
from aigc_bench.core.errors import ConfigurationError, DataError
from aigc_bench.modalities.image.extractors import inception
from aigc_bench.modalities.image.extractors.inception_layout import layout, variance_preserving_weights
from aigc_bench.modalities.image.extractors.inception_plain import Plain
from aigc_bench.modalities.image.extractors.resize import Kernel
from aigc_bench.system import download

CPU = torch.device("cpu")
SPEC = SampleSpec("image", (3, 32, 32))

ROUNDING = 5e-5
"""float32 rounding over 48 layers, as a share of the largest feature or logit; measured: 2e-5"""

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    """Random weights in the published layout."""
    return variance_preserving_weights(0)


@pytest.fixture(scope="module")
def weights(state: State, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in a file as the peers read it."""
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(state, path)
    return path


@pytest.fixture(autouse=True)
def _no_weights_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AIGC_BENCH_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def images(num: int, channels: int = 3) -> Tensor:
    """Noise of one to eight pixels' grain, (num, channels, 32, 32) uint8."""
    generator = torch.Generator().manual_seed(num)
    grains = [2 ** (i % 4) for i in range(num)]
    noise = [torch.rand(1, channels, 32 // grain, 32 // grain, generator=generator) for grain in grains]
    return torch.cat([F.interpolate(z, (32, 32)) for z in noise]).mul(255).round().to(torch.uint8)


# ---- against the plain network ------------------------------------------------------------------------


def prepared(batch: Tensor, kernel: Kernel) -> Tensor:
    """Resized and scaled in float64: with torch's own interpolation, else with our matrices."""
    if kernel == "torch-bilinear":
        return F.interpolate(batch.double() / 255, (299, 299), mode="bilinear", align_corners=False) * 2 - 1
    return (inception.resize(batch, kernel, 299, 299).double() - 128) / 128


def assert_rounding(found: Tensor | None, expected: Tensor) -> None:
    """Equal but for rounding."""
    assert found is not None
    assert found.dtype == torch.float32
    assert float((found.double() - expected).abs().max() / expected.abs().max()) <= ROUNDING


@pytest.mark.parametrize("kernel", inception.AFFINES)
def test_rewriting_the_network_changes_nothing(state: State, weights: Path, kernel: Kernel) -> None:
    """Folded, fused and commuted in float32 against plain in float64."""
    batch = images(4)
    with torch.inference_mode():
        pool, logits, spatial = Plain(state)(prepared(batch, kernel))
    found = inception.build(SPEC, device=CPU, weights=str(weights), resize=kernel, spatial=True)(batch)
    assert_rounding(found.pool, pool)
    assert_rounding(found.logits, logits)
    assert_rounding(found.spatial, spatial)
    assert spatial.shape == (len(batch), 17 * 17 * 7)
    assert inception.build(SPEC, device=CPU, weights=str(weights), resize=kernel)(batch[:1]).spatial is None


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_loses_less_than_the_plain_network_rounded(
    precision: inception.Precision, state: State, weights: Path
) -> None:
    """And some; but neither the resized image nor the last pooling nor the logits are rounded."""
    dtype = inception.DTYPES[precision]
    batch, kernel = images(2), "tf1-bilinear"
    with torch.inference_mode():
        x = prepared(batch, kernel)
        pool, *_ = Plain(state)(x)
        rounded, *_ = Plain(state, dtype)(x.to(dtype))
    found = inception.build(SPEC, device=CPU, weights=str(weights), precision=precision)(batch)
    assert found.logits is not None
    assert (found.pool.dtype, found.logits.dtype) == (torch.float32, torch.float32)
    ours, theirs = (float((one.double() - pool).square().mean()) for one in (found.pool, rounded))
    assert 0 < ours < theirs
    assert not torch.equal(found.pool, found.pool.to(dtype).float())
    logits = found.pool.double() @ state["fc.weight"].double().T
    assert float((found.logits.double() - logits).abs().max() / logits.abs().max()) < 1e-6


def test_random_weights_keep_images_apart(weights: Path) -> None:
    """Neither vanishing nor exploding, and not every image of one class: what the other tests rest on."""
    found = inception.build(SPEC, device=CPU, weights=str(weights))(images(8))
    assert found.logits is not None
    assert 0.2 < float(found.pool.mean()) < 2
    assert 0.05 < float(found.pool.std(0).mean()) < 2
    assert len(set(found.logits.argmax(1).tolist())) >= 3


def test_features_do_not_depend_on_the_batch(weights: Path) -> None:
    """To the bit where a sample keeps its place, and grey is three equal channels."""
    extractor = inception.build(SampleSpec("image", (1, 32, 32)), device=CPU, weights=str(weights))
    batch = images(inception.MICRO_BATCH + 2, channels=1)
    together = extractor(batch)
    assert together.pool.shape == (len(batch), 2048)
    assert torch.equal(extractor(batch[:3]).pool, together.pool[:3])
    assert torch.equal(extractor(batch[:3].expand(-1, 3, -1, -1)).pool, together.pool[:3])
    torch.testing.assert_close(extractor(batch[-2:]).pool, together.pool[-2:], rtol=1e-4, atol=1e-4)
    assert extractor(batch[:0]).pool.shape == (0, 2048)
    extractor.batch_size = 4
    torch.testing.assert_close(extractor(batch).pool, together.pool, rtol=1e-4, atol=1e-4)


def test_a_gpu_sees_more_at_once_and_has_one_more_precision(weights: Path) -> None:
    """TF32 is nothing that a CPU could do."""
    with pytest.raises(ConfigurationError, match="TF32 is arithmetic of a GPU, and the device is a CPU: choose fp32"):
        inception.build(SPEC, device=CPU, weights=str(weights), precision="tf32")
    build = partial(inception.build, SPEC, device=torch.device("meta"), weights=str(weights))
    exact, tf32 = build(), build(precision="tf32")
    assert exact.batch_size == tf32.batch_size == inception.GPU_BATCH
    assert exact.digest == inception.build(SPEC, device=CPU, weights=str(weights)).digest != tf32.digest
    assert tf32.name.startswith("inception-tf32")


# ---- names, digests, and where the file comes from ---------------------------------------------------


def test_names_and_digests_tell_files_and_resizing_apart(
    state: State, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the published file may be called "inception"; another has its hash in the name."""
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    copy = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(state, copy)
    found = [inception.build(SPEC, device=CPU, weights=str(path)) for path in (weights, copy)]
    found += [inception.build(SPEC, device=CPU, weights=str(weights), resize="pil-bicubic-float")]
    found += [inception.build(SPEC, device=CPU, weights=str(weights), precision=name) for name in ("bf16", "fp16")]
    assert found[0].name == f"inception[{sha256[:8]}]"
    assert found[2].name == f"inception-pil-bicubic-float[{sha256[:8]}]"
    assert found[3].name == f"inception-bf16[{sha256[:8]}]"
    assert len({extractor.name for extractor in found}) == len({extractor.digest for extractor in found}) == 5
    batch = images(1)
    assert torch.equal(found[0](batch).pool, found[1](batch).pool)
    monkeypatch.setattr(inception, "PUBLISHED_SHA256", sha256)
    published = inception.build(SPEC, device=CPU, weights=str(weights))
    assert (published.name, published.digest) == ("inception", found[0].digest)
    assert inception.build(SPEC, device=CPU, weights=str(weights), precision="bf16").name == "inception-bf16"


def test_the_file_is_found_in_order(state: State, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option, then AIGC_BENCH_WEIGHTS, then the cache folder; with nothing there, what to put where."""
    with pytest.raises(DataError, match=rf"no file .*aigc-bench/weights/{inception.FILES[0]}: put .*6726825d.*toshas"):
        inception.build(SPEC, device=CPU)
    cached = download.cache_folder("weights") / inception.FILES[1]
    cached.parent.mkdir(parents=True)
    cached.symlink_to(weights)
    name = inception.build(SPEC, device=CPU).name
    assert name.startswith("inception[")
    monkeypatch.setenv("AIGC_BENCH_WEIGHTS", "/nowhere/at/all.pth")
    with pytest.raises(DataError, match=r"no file /nowhere/at/all\.pth.*AIGC_BENCH_WEIGHTS"):
        inception.build(SPEC, device=CPU, download=True)
    assert inception.build(SPEC, device=CPU, weights=str(weights)).name == name


def test_a_download_is_asked_for_and_verified(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched unasked; a file that is not the published one is not kept."""
    monkeypatch.setattr(inception, "URLS", (weights.as_uri(), "another"))
    with pytest.raises(DataError, match="needs its published weights"):
        inception.build(SPEC, device=CPU)
    with pytest.raises(DataError, match="checksum mismatch"):
        inception.build(SPEC, device=CPU, download=True)
    assert not list((tmp_path / "cache").rglob("*.pth"))
    monkeypatch.setattr(inception, "PUBLISHED_SHA256", hashlib.sha256(weights.read_bytes()).hexdigest())
    assert inception.build(SPEC, device=CPU, download=True).name == "inception"
    assert (download.cache_folder("weights") / inception.FILES[0]).is_file()


# ---- refusals ----------------------------------------------------------------------------------------


class Payload:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("plain", [True, False], ids=["a bare pickle", "torch.save"])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path, plain: bool) -> None:
    """Neither as pickle writes it nor as torch does."""
    path, trace = tmp_path / "weights.pth", tmp_path / "it-ran"
    content = {"fc.weight": Payload(trace)}
    if plain:
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with pytest.raises(ConfigurationError, match=r"weights\.pth is refused"):
        inception.build(SPEC, device=CPU, weights=str(path))
    assert not trace.exists()


def test_other_state_dicts_are_refused_by_name(tmp_path: Path) -> None:
    """The message names the first missing keys and wrong shapes."""
    empty = {key: torch.zeros(1).expand(shape) for key, shape in layout().items()}
    del empty["Mixed_6c.branch7x7_2.conv.weight"]
    empty["fc.weight"] = torch.empty(1000, 2048)
    path = tmp_path / "weights.pth"
    torch.save(empty, path)
    message = (
        r"\(1 keys missing, 1 of another shape\): missing: Mixed_6c\.branch7x7_2\.conv\.weight; "
        r"fc\.weight has shape \(1000, 2048\), expected \(1008, 2048\)"
    )
    with pytest.raises(ConfigurationError, match=message):
        inception.build(SPEC, device=CPU, weights=str(path))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"not a file of weights", b"PK\x03\x04 cut off"])
def test_what_is_no_file_of_weights_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    """Empty, text, and a truncated archive."""
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="weights"):
        inception.build(SPEC, device=CPU, weights=str(path))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    """A list of tensors."""
    path = tmp_path / "weights.pth"
    torch.save([torch.zeros(1)], path)
    with pytest.raises(ConfigurationError, match="expected a state dict of tensors, got list"):
        inception.build(SPEC, device=CPU, weights=str(path))


def test_other_samples_and_kernels_are_refused(weights: Path) -> None:
    """Before the file is read."""
    for spec in (SampleSpec("audio", (100,), 8000), SampleSpec("image", (2, 8, 8))):
        with pytest.raises(ConfigurationError, match="expects images of 1 or 3 channels"):
            inception.build(spec, device=CPU, weights=str(weights))
    with pytest.raises(ConfigurationError, match=r"expected resize to be one of tf1-bilinear, .*'nearest'"):
        inception.build(SPEC, device=CPU, weights=str(weights), resize="nearest")  # type: ignore[arg-type]

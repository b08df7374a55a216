"""`inception`: the features of the Fréchet Inception Distance (Heusel et al., arXiv 1706.08500), and its classifier.

The weights are a published file of 91 MB that does not ship with the package: TensorFlow's `inception-2015-12-05`,
ported for pytorch-fid and torch-fidelity. With that file the extractor is called "inception"; with another it has the
first digits of the file's SHA-256 in its name, so that its scores are not mistaken for FIDs.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import safetensors.torch
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor

from aigc_bench.core import Features, SampleSpec
from aigc_bench.core.errors import ConfigurationError, DataError
from aigc_bench.modalities.image.extractors.inception_layout import SIZE_PX, layout
from aigc_bench.modalities.image.extractors.inception_network import Network
from aigc_bench.modalities.image.extractors.resize import Kernel, resize
from aigc_bench.system.download import cache_folder, fetch

MICRO_BATCH, GPU_BATCH = 16, 256
"""images that the network takes at once on a CPU and elsewhere (docs/precision.md has the rates)"""

PUBLISHED_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
FILES = ("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth")
"""names of the one published file; the first is torch-fidelity's, the second pytorch-fid's"""
URLS = (
    f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILES[0]}",
    f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILES[1]}",
)

AFFINES: Mapping[Kernel, tuple[float, float]] = {
    "tf1-bilinear": (128.0, 128.0),
    "torch-bilinear": (127.5, 127.5),
    "pil-bicubic-float": (128.0, 128.0),
}
"""grey level that becomes 0, and grey levels to 1: pytorch-fid scales to [-1, 1], the others as TensorFlow did"""


Precision = Literal["fp32", "tf32", "fp16", "bf16"]
"""of the convolutions; resizing, the last pooling and the logits are float32 always. TF32 is float32 of which a GPU's
tensor cores see ten bits of mantissa (NVIDIA, "NVIDIA A100 Tensor Core GPU Architecture", 2020)"""
DTYPES: Mapping[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "tf32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
}


class InceptionFeatures:
    """The network behind one way of resizing.

    Args:
        state: the published state dict, checked.
        sha256: of the file it came from.
        kernel: how images are resized to 299 × 299.
        device: where the network runs.
        precision: of the convolutions; another than "fp32" stands in the name, so that no score is called a FID.
        spatial: give the features of ADM's sFID too.
    """

    resizes = True

    def __init__(
        self,
        state: Mapping[str, Tensor],
        sha256: str,
        kernel: Kernel,
        device: torch.device,
        *,
        precision: Precision = "fp32",
        spatial: bool = False,
    ) -> None:
        centre, scale = AFFINES[kernel]
        arithmetic = "tf32" if precision == "tf32" else str(DTYPES[precision]).removeprefix("torch.")
        preprocessing = f"{kernel} to {SIZE_PX}, (x - {centre}) / {scale}, {arithmetic}, batch-norm folded, v1"
        self.name = "inception" + ("" if kernel == "tf1-bilinear" else f"-{kernel}")
        if precision != "fp32":
            self.name += f"-{precision}"
        if sha256 != PUBLISHED_SHA256:
            self.name += f"[{sha256[:8]}]"
        self.digest = hashlib.sha256(f"{sha256} {preprocessing}".encode()).hexdigest()
        self._network = Network(state, centre, scale, DTYPES[precision]).to(device).eval()
        self._kernel, self._device, self._tf32 = kernel, device, precision == "tf32"
        self.batch_size = MICRO_BATCH if device.type == "cpu" else GPU_BATCH
        """images that the network takes at once"""
        self.outputs = ("pool", "logits", *(("spatial",) if spatial else ()))
        """what is given of `Features`"""
        self.logit_bias = state["fc.bias"].to(torch.float32)
        """(1008,) what some conventions of the Inception Score add to the logits"""

    @torch.inference_mode()
    def __call__(self, batch: Tensor) -> Features:
        """(N, 1 or 3, H, W) uint8 => pool (N, 2048), logits without bias (N, 1008), and spatial (N, 2023) if asked.

        All are float32 and on the batch's device.
        """
        parts = [self._features(chunk) for chunk in batch.split(self.batch_size)]
        columns = [torch.cat(column).to(batch.device) for column in zip(*parts, strict=True)]
        return Features.of(dict(zip(self.outputs, columns, strict=True)))

    def _features(self, chunk: Tensor) -> list[Tensor]:
        num = len(chunk)
        # One shape for the network, so that the arithmetic does not depend on how many samples are asked for.
        filled = F.pad(chunk.to(self._device), (0, 0, 0, 0, 0, 0, 0, self.batch_size - num))
        resized = resize(filled, self._kernel, SIZE_PX, SIZE_PX)
        # torch's default on a GPU is TF32: not what the published numbers were made with.
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=self._tf32):
            found = self._network(resized.expand(-1, 3, -1, -1))
        return [output[:num] for output in found[: len(self.outputs)]]


def build(
    spec: SampleSpec,
    *,
    device: torch.device,
    weights: str | None = None,
    resize: Kernel = "tf1-bilinear",
    precision: Precision = "fp32",
    spatial: bool = False,
    download: bool = False,
) -> InceptionFeatures:
    """Build the extractor; grey images are repeated to three channels.

    Args:
        spec: images of one or three channels, of any size.
        device: where the network runs.
        weights: a .pth or .safetensors file; else AIGC_BENCH_WEIGHTS, else the published file in the cache folder.
        resize: "tf1-bilinear" as in the FID and torch-fidelity, "torch-bilinear" as in pytorch-fid,
            "pil-bicubic-float" as in clean-fid; each with its own scaling of grey levels.
        precision: "fp32", or convolutions in "tf32" (on a GPU alone), "fp16" or "bf16", for speed where the processor
            has it; see docs/precision.md.
        spatial: give the features of ADM's sFID too.
        download: fetch the published file where neither `weights` nor AIGC_BENCH_WEIGHTS names one.

    Raises:
        ConfigurationError: other samples, an unknown `resize` or `precision`, or a file without this network's weights.
        DataError: there is no file, or it cannot be downloaded.
    """
    if spec.modality != "image" or spec.shape[0] not in (1, 3):
        raise ConfigurationError(
            f"extractor 'inception' expects images of 1 or 3 channels, got {spec.modality} of shape {spec.shape}"
        )
    if resize not in get_args(Kernel):
        raise ConfigurationError(f"expected resize to be one of {', '.join(get_args(Kernel))}, got {resize!r}")
    if precision not in DTYPES:
        raise ConfigurationError(f"expected precision to be one of {', '.join(DTYPES)}, got {precision!r}")
    if precision == "tf32" and device.type == "cpu":
        raise ConfigurationError("TF32 is arithmetic of a GPU, and the device is a CPU: choose fp32, fp16 or bf16")
    state, sha256 = read_weights(_find(weights or os.environ.get("AIGC_BENCH_WEIGHTS"), download))
    return InceptionFeatures(state, sha256, resize, device, precision=precision, spatial=spatial)


def _find(named: str | None, download: bool) -> Path:
    places = [Path(named)] if named else [cache_folder("weights") / file for file in FILES]
    for place in places:
        if place.is_file():
            return place
    if download and not named:
        return fetch(URLS[0], places[0], PUBLISHED_SHA256)
    raise DataError(
        f"extractor 'inception' needs its published weights and there is no file {places[0]}: put {FILES[0]} there "
        f"(91 MB, SHA-256 {PUBLISHED_SHA256[:8]}…, from {URLS[0]}, or {URLS[1]}), name another place with --weights "
        "or AIGC_BENCH_WEIGHTS, or have it fetched with --download"
    )


def read_weights(path: Path) -> tuple[dict[str, Tensor], str]:
    """The state dict of a .pth or .safetensors file, and the file's SHA-256; no code of the file is run.

    Raises:
        ConfigurationError: the file holds anything but tensors, or not those of the published layout.
        DataError: it cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    state = _tensors(content, path)
    _check(state, path)
    return state, hashlib.sha256(content).hexdigest()


def _tensors(content: bytes, path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            state = safetensors.torch.load(content)
        else:
            with warnings.catch_warnings():
                # It asks users to file an issue about a pickle that is refused next.
                warnings.simplefilter("ignore")
                state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ConfigurationError(
            f"{path} is refused: it is no PyTorch file of tensors alone, and a pickle can run any code ({error})"
        ) from error
    except (SafetensorError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise ConfigurationError(f"{path} is no file of weights: {error}") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ConfigurationError(f"{path}: expected a state dict of tensors, got {type(state).__name__}")
    return state


def _check(state: Mapping[str, Tensor], path: Path) -> None:
    expected = layout()
    missing = [key for key in expected if key not in state]
    unlike = [
        f"{key} has shape {tuple(state[key].shape)}, expected {shape}"
        for key, shape in expected.items()
        if key in state and tuple(state[key].shape) != shape
    ]
    problems = ([f"missing: {', '.join(missing[:3])}"] if missing else []) + unlike[:3]
    if problems:
        raise ConfigurationError(
            f"{path} does not hold the weights of the FID's Inception-v3 ({len(missing)} keys missing, {len(unlike)} "
            f"of another shape): {'; '.join(problems)}"
        )

"""`digits-cnn` and `mnist-cnn`: small classifiers whose last hidden layer is the feature space.

Their weights ship with the package; `experiments/train_extractors.py` reproduces them from the `fit` split alone.
The network always sees batches of one shape, the last one filled up, so that the arithmetic does not depend on how
many samples are asked for.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from aigc_bench.core import Features, SampleSpec
from aigc_bench.core.errors import ConfigurationError

NUM_FEATURES = 64
MICRO_BATCH = 512
PREPROCESSING = "uint8/127.5-1, float32, batch-norm folded, post-ReLU linear 64, v2"


class Network(nn.Module):
    """Two blocks of two 3 × 3 convolutions, each followed by a halving; 64 features; 10 logits."""

    def __init__(self, shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        channels, height, width_px = shape
        layers: list[nn.Module] = []
        for inputs, outputs in ((channels, width), (width, 2 * width)):
            for first in (inputs, outputs):
                layers += [
                    nn.Conv2d(first, outputs, 3, padding=1, bias=False),
                    nn.BatchNorm2d(outputs),
                    nn.ReLU(),
                ]
            layers += [nn.MaxPool2d(2), nn.Dropout2d(0.1)]
        self.body = nn.Sequential(*layers, nn.Flatten())
        flat = 2 * width * (height // 4) * (width_px // 4)
        self.embed = nn.Sequential(nn.Dropout(0.3), nn.Linear(flat, NUM_FEATURES), nn.ReLU())
        self.head = nn.Linear(NUM_FEATURES, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # (N, C, H, W) in [-1, 1] => (N, 64), (N, 10)
        """(N, 1, H, W) => features before the last layer, and logits."""
        pool = self.embed(self.body(x))
        return pool, self.head(pool)


class ClassifierFeatures:
    """A trained `Network` as an extractor, its batch-norms folded into the convolutions."""

    batch_size = MICRO_BATCH
    """images that the network takes at once"""

    def __init__(self, name: str, network: Network, digest: str, device: torch.device) -> None:
        self.name, self.digest = name, digest
        network.eval()
        network.body = _folded(network.body)
        self._network, self._device = network.to(device), device

    @torch.inference_mode()
    def __call__(self, batch: Tensor) -> Features:
        """(N, C, H, W) uint8 => pool (N, 64), logits (N, 10), float32, on the batch's device."""
        parts = [self._features(chunk) for chunk in batch.split(MICRO_BATCH)]
        pool, logits = (torch.cat(column).to(batch.device) for column in zip(*parts, strict=True))
        return Features(pool, logits)

    def _features(self, chunk: Tensor) -> tuple[Tensor, Tensor]:
        num = len(chunk)
        filled = F.pad(chunk.to(self._device), (0, 0, 0, 0, 0, 0, 0, MICRO_BATCH - num))
        pool, logits = self._network(filled.to(torch.float32) / 127.5 - 1)
        return pool[:num], logits[:num]


def _folded(body: nn.Sequential) -> nn.Sequential:
    layers: list[nn.Module] = []
    for layer in body:
        if isinstance(layer, nn.BatchNorm2d):
            convolution = layers.pop()
            assert isinstance(convolution, nn.Conv2d)
            layer = fuse_conv_bn_eval(convolution, layer)
        layers.append(layer)
    return nn.Sequential(*layers)


SHAPES = {"digits-cnn": ((1, 8, 8), 32), "mnist-cnn": ((1, 28, 28), 16)}


def weights_path(name: str) -> Path:
    """Where the shipped weights are."""
    return Path(str(resources.files("aigc_bench.modalities.image.extractors") / "weights" / f"{name}.safetensors"))


def _load(name: str, spec: SampleSpec, device: torch.device) -> ClassifierFeatures:
    shape, width = SHAPES[name]
    if spec.modality != "image" or spec.shape != shape:
        raise ConfigurationError(
            f"extractor {name!r} expects images of shape {shape}, got {spec.modality} of shape {spec.shape}; "
            "'pixels' takes any image"
        )
    path = weights_path(name)
    network = Network(shape, width)
    network.load_state_dict(safetensors.torch.load_file(path))
    digest = hashlib.sha256(path.read_bytes() + PREPROCESSING.encode()).hexdigest()
    return ClassifierFeatures(name, network, digest, device)


def build_digits_cnn(spec: SampleSpec, *, device: torch.device) -> ClassifierFeatures:
    """The classifier of scikit-learn's 8 × 8 digits."""
    return _load("digits-cnn", spec, device)


def build_mnist_cnn(spec: SampleSpec, *, device: torch.device) -> ClassifierFeatures:
    """Build the extractor `mnist-cnn`: a classifier of MNIST's digits with committed weights."""
    return _load("mnist-cnn", spec, device)

"""Reproduce the weights of `digits-cnn` and `mnist-cnn` from the fit splits.

python experiments/train_extractors.py digits-cnn
python experiments/train_extractors.py mnist-cnn --data-dir FOLDER
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_bench.core import Batch, Dataset
from aigc_bench.data import digits, idx
from aigc_bench.modalities.image.extractors.classifier import SHAPES, Network, weights_path

SETTINGS = {"digits-cnn": (120, 64, 0.6), "mnist-cnn": (14, 128, 2.0)}
"""epochs, batch size, largest shift in pixels"""


def augmented(samples: Tensor, shift: float, generator: torch.Generator) -> Tensor:
    """Random shifts, rotations to ± 9°, scales to ± 10 %. (N, C, H, W) in [-1, 1]."""
    num, side = samples.shape[0], samples.shape[-1]
    u = torch.rand(4, num, generator=generator) * 2 - 1
    angle, scale = 0.16 * u[0], 1 + 0.1 * u[1]
    theta = torch.zeros(num, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = scale * angle.cos(), -scale * angle.sin()
    theta[:, 1, 0], theta[:, 1, 1] = scale * angle.sin(), scale * angle.cos()
    theta[:, :, 2] = (u[2:] * 2 * shift / side).T
    grid = F.affine_grid(theta, list(samples.shape), align_corners=False)
    return F.grid_sample(samples, grid, padding_mode="border", align_corners=False)


def train(name: str, data: Batch, seed: int) -> Network:
    """One-cycle SGD with Nesterov momentum. No label smoothing: it would cap the Inception Score of perfect samples."""
    epochs, batch_size, shift = SETTINGS[name]
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = Network(*SHAPES[name])
    steps = len(data.samples) // batch_size * epochs
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)
    samples = data.samples.to(torch.float32) / 127.5 - 1
    assert data.labels is not None
    for epoch in range(epochs):
        order = torch.randperm(len(samples), generator=generator)
        for rows in order.split(batch_size)[: len(samples) // batch_size]:
            _, logits = network(augmented(samples[rows], shift, generator))
            loss = F.cross_entropy(logits, data.labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}/{epochs}: loss {loss.item():.4f}", flush=True)
    return network.eval()


@torch.inference_mode()
def accuracy(network: Network, data: Batch) -> float:
    """Share of samples whose class is predicted."""
    assert data.labels is not None
    logits = torch.cat([network(part.to(torch.float32) / 127.5 - 1)[1] for part in data.samples.split(500)])
    return float((logits.argmax(1) == data.labels).double().mean())


def write_weights(network: Network, about: dict[str, str | int | float], path: Path) -> None:
    """Weights with one key of metadata: safetensors orders several at random, and the file's hash is the digest."""
    content = safetensors.torch.save(network.state_dict(), {"about": json.dumps(about, sort_keys=True)})
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}")
    # Not save_file, which makes a file that only its owner may read: it would be installed so.
    partial.write_bytes(content)
    partial.replace(path)


def main() -> None:
    """Train, report the accuracy on what was not fitted, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=list(SHAPES))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    data: Dataset = digits.build() if options.name == "digits-cnn" else idx.build_mnist(data_dir=options.data_dir)
    network = train(options.name, data.fit, options.seed)
    about: dict[str, str | int | float] = {
        "script": "reports/train_extractors.py",  # where it was for the shipped files: the same bytes come out
        "seed": options.seed,
        "data": f"{data.name}, split fit",
        "data_digest": data.digest,
    }
    for split in ("reference", "holdout"):
        about[f"{split}_accuracy"] = round(accuracy(network, getattr(data, split)), 6)
        print(f"{split} accuracy: {about[f'{split}_accuracy']:.4%}")
    write_weights(network, about, options.output or weights_path(options.name))


if __name__ == "__main__":
    main()

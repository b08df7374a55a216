"""Where the statistics of features are made: on the device that they were seen on, if it has float64 and room."""

from __future__ import annotations

import torch

from aigc_bench.core import Features

WITHOUT_FLOAT64 = ("mps",)
"""devices whose features are scored on the CPU: distances end in float64"""
WORKING = 3
"""times the bytes of a set's features that a GPU has to have free: for both sides, and for what is made of them"""
SPARE_BYTES = 2**30
"""of a GPU, for tiles and decompositions"""


def placed(features: Features, device: torch.device) -> Features:
    """The features on the device, or on the CPU where statistics cannot be made there."""
    return features.to(device if _can_hold(features, device) else torch.device("cpu"))


def together(first: Features, second: Features) -> tuple[Features, Features]:
    """Both on one device: on the CPU, if one of them has found no room elsewhere."""
    if first.pool.device == second.pool.device:
        return first, second
    cpu = torch.device("cpu")
    return first.to(cpu), second.to(cpu)


def _can_hold(features: Features, device: torch.device) -> bool:
    if device.type in WITHOUT_FLOAT64:
        return False
    if device.type != "cuda":
        return True
    parts = (features.pool, features.logits, features.spatial)
    num_bytes = sum(part.nbytes for part in parts if part is not None)
    free, _ = torch.cuda.mem_get_info(device)
    return WORKING * num_bytes + SPARE_BYTES <= free

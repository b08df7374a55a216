"""Checkpoints: nested state as safetensors with the structure in the metadata; no pickle."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from aigc_bench.core.errors import GeneratorError
from aigc_bench.system.files import save_tensors


def save_state(path: Path, state: dict[str, Any], **metadata: Any) -> None:
    """Write nested dicts and lists of tensors and plain values, atomically."""
    tensors: dict[str, Tensor] = {}
    structure = _flatten(state, tensors)
    text = {"structure": json.dumps(structure), **{key: json.dumps(value) for key, value in metadata.items()}}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    save_tensors(tensors, temporary, metadata=text)
    os.replace(temporary, path)


def load_state(path: Path, device: str = "cpu") -> tuple[dict[str, Any], dict[str, Any]]:
    """Read what `save_state` wrote: (state, metadata)."""
    with safetensors.safe_open(path, framework="pt", device=device) as file:
        metadata = {key: json.loads(value) for key, value in file.metadata().items()}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    state = _unflatten(metadata.pop("structure"), tensors)
    return state, metadata


def _flatten(node: Any, tensors: dict[str, Tensor]) -> Any:
    """Replace every tensor by {"$tensor": key}; other containers become tagged lists of pairs."""
    if isinstance(node, Tensor):
        key = str(len(tensors))
        # A copy: safetensors refuses tensors that share memory.
        tensors[key] = node.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"$tensor": key}
    if isinstance(node, dict):
        return {"$dict": [[key, _flatten(value, tensors)] for key, value in node.items()]}
    if isinstance(node, list | tuple):
        return {"$tuple" if isinstance(node, tuple) else "$list": [_flatten(item, tensors) for item in node]}
    if node is None or isinstance(node, bool | int | float | str):
        return node
    raise GeneratorError(f"state_dict holds a {type(node).__name__}; expected tensors, numbers and text")


def _unflatten(node: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(node, dict):
        return node
    ((tag, value),) = node.items()
    if tag == "$tensor":
        return tensors[value]
    if tag == "$dict":
        return {key: _unflatten(item, tensors) for key, item in value}
    items = [_unflatten(item, tensors) for item in value]
    return tuple(items) if tag == "$tuple" else items

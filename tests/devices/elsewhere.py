"""A device that this machine does not have, with values: what is computed there is computed here, and may not meet it.

A tensor made with `device=ELSEWHERE` under `Elsewhere()` carries a tensor of the CPU that does its arithmetic. An
operation of tensors of both places raises, as CUDA does; numbers, tensors without dimensions and the indices of
`x[index]` may come from the CPU, as there. So code that looks at values (`nonzero`, `item`) can be tested, too, which
torch's FakeTensorMode cannot do, and its results can be compared with the CPU's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

ELSEWHERE = torch.device("meta")
aten = torch.ops.aten
INDEXED = (aten.index.Tensor, aten.index_put_.default, aten.index_put.default, aten._index_put_impl_.default)
"""operations whose indices may lie on the CPU; what is indexed and what is put there may not be of two places"""
MOVED = (aten.copy_.default, aten._to_copy.default)
"""from place to place"""
READ = (aten._local_scalar_dense.default, aten.equal.default)
"""to a number of Python's"""


class There(Tensor):
    """A tensor that says it lies elsewhere; `inner` is on the CPU."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> There:
        """Of the same shape and strides."""
        with torch.inference_mode(False):
            made: There = Tensor._make_wrapper_subclass(
                cls, inner.size(), inner.stride(), inner.storage_offset(), dtype=inner.dtype, device=ELSEWHERE
            )
        made.inner = inner
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The operation, of the inner tensors."""
        return _dispatched(func, args, kwargs or {})

    def tolist(self) -> Any:
        """Which torch refuses to subclasses, and not to devices."""
        return self.inner.tolist()


class _Made(TorchFunctionMode):
    """`torch.tensor(values, device=…)` is no operation that a dispatch mode sees."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Made here and sent there."""
        kwargs = kwargs or {}
        if func is torch.tensor and kwargs.get("device") is not None:
            return func(*args, **{**kwargs, "device": None}).to(kwargs["device"])
        return func(*args, **kwargs)


class Elsewhere(TorchDispatchMode):
    """While it is entered, tensors can be made there."""

    def __enter__(self) -> Elsewhere:
        """Together with what sees `torch.tensor`."""
        self._made = _Made()
        self._made.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        """Both end."""
        super().__exit__(*error)
        self._made.__exit__(*error)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The operation, on the CPU."""
        return _dispatched(func, args, kwargs or {})


def _dispatched(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    tensors = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, Tensor)]
    there = any(isinstance(value, There) for value in tensors)
    asked = kwargs.get("device")
    if there and func not in MOVED:
        _check(func, [args[0], *args[2:3]] if func in INDEXED else tensors)
    if asked is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    found = func(*tree_map(_inner, args), **tree_map(_inner, kwargs))
    written = kwargs["out"] if "out" in kwargs else args[0] if func._schema.is_mutable and args else None
    if isinstance(written, There) and found is written.inner:
        return written
    if func in READ or not (there if asked is None else asked == ELSEWHERE):
        return found
    return tree_map(lambda value: There(value) if isinstance(value, Tensor) else value, found)


def _inner(value: Any) -> Any:
    return value.inner if isinstance(value, There) else value


def _check(func: Any, tensors: Sequence[Any]) -> None:
    if any(isinstance(value, Tensor) and not isinstance(value, There) and value.dim() for value in tensors):
        raise RuntimeError(f"{func}: tensors of more than one device")

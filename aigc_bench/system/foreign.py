"""Code that is not ours: what it raises says where, and what it changes for everybody is put back."""

from __future__ import annotations

import contextlib
import locale
import os
import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from aigc_bench.core.errors import AigcBenchError, GeneratorError


class ForeignStateWarning(UserWarning):
    """A plug-in changed what all code of the process shares."""


@dataclass(frozen=True, slots=True)
class _Setting:
    """Something that all code of the process shares."""

    name: str
    """as a warning says it; empty: put back without a word, since importing a library on demand may change it"""
    get: Callable[[], Any]
    put: Callable[[Any], object]


def _put_filters(filters: list[Any]) -> None:
    warnings.resetwarnings()  # tells the interpreter, too, that there are others now
    warnings.filters[:] = filters  # type: ignore[index]  # a list, whatever typeshed promises of it


SETTINGS = (
    _Setting("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype),
    _Setting(
        "torch's deterministic algorithms",
        lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        lambda both: torch.use_deterministic_algorithms(both[0], warn_only=both[1]),
    ),
    _Setting("torch's number of threads", torch.get_num_threads, torch.set_num_threads),
    _Setting("torch's gradient mode", torch.is_grad_enabled, torch.set_grad_enabled),
    _Setting(
        "torch's precision of float32 products",
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    _Setting("the working directory", os.getcwd, os.chdir),
    _Setting("the locale", lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)),
    _Setting("", lambda: list(warnings.filters), _put_filters),
)
RANDOM_STATES: tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...] = (
    (random.getstate, random.setstate),
    (np.random.get_state, np.random.set_state),
    (torch.get_rng_state, torch.set_rng_state),
)


@contextlib.contextmanager
def foreign_code(what: str) -> Iterator[None]:
    """Run code that is not ours.

    Whatever it raises becomes a GeneratorError, `sys.exit` included. What it changes for all code of the process is put
    back, with a warning. Random numbers go on: see `random_states_kept`.

    Raises:
        GeneratorError: `what` raised, with the original as its cause.
    """
    before = [setting.get() for setting in SETTINGS]
    try:
        yield
    except AigcBenchError:
        raise
    except SystemExit as error:  # its code would end us, and be read as a verdict
        raise GeneratorError(f"{what} called sys.exit({error.code!r})") from error
    except Exception as error:
        raise GeneratorError(f"{what} raised {type(error).__name__}: {error}") from error
    finally:
        _put_back(what, before)


@contextlib.contextmanager
def random_states_kept() -> Iterator[None]:
    """Leave the global random generators as they were, whatever draws from them or seeds them meanwhile.

    Around a row and not around a call: what draws all samples from a global generator would draw the same in each call.
    """
    states = [get() for get, _ in RANDOM_STATES]
    try:
        yield
    finally:
        for (_, put), state in zip(RANDOM_STATES, states, strict=True):
            put(state)


def _put_back(what: str, before: list[Any]) -> None:
    changed = []
    for setting, value in zip(SETTINGS, before, strict=True):
        if setting.get() != value:
            setting.put(value)
            changed += [setting.name] if setting.name else []
    if changed:
        warnings.warn(
            f"{what} changed {' and '.join(changed)}, which other rows depend on; it is put back after every call",
            ForeignStateWarning,
            stacklevel=4,
        )

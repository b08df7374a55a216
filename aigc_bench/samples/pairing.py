"""Which reconstruction is of which original: by the names of their files, by the numbers in these, or by position."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from aigc_bench.core.errors import DataError
from aigc_bench.core.wording import listed
from aigc_bench.samples.sets import SampleSet
from aigc_bench.samples.subset import SubsetSamples

K = TypeVar("K", str, int)


@dataclass(frozen=True, slots=True)
class Pairing:
    """Reconstructions in the order of their originals."""

    fake: SampleSet
    rows: Tensor | None
    """(N,) int64 ascending: which of the originals are reconstructed; None: all, or not known beforehand"""
    how: str
    """a sentence"""


def paired(name: str, fake: SampleSet, original: SampleSet) -> Pairing:
    """Match reconstructions with their originals.

    Where both sides have names of files, these decide, or the numbers in them. Otherwise the first is of the first.

    Raises:
        DataError: names that do not say which is of which, or a reconstruction of nothing.
    """
    mine, theirs = fake.names, original.names
    if mine is not None and theirs is not None:
        for key, what in ((_stem, "the names of their files"), (_base, "the names of their files, folders apart")):
            found = _matched(mine, theirs, key)
            if found is not None:
                return _ordered(fake, found, theirs, what)
        found = _matched(mine, theirs, _number)
        if found is not None:
            return _ordered(fake, found, theirs, "the numbers in their files' names")
    for side, names in ((name, mine), (original.name, theirs)):
        _check_order(side, names, (name, original.name))
    example = "" if mine is None or theirs is None else f": {mine[0]} is taken to be of {theirs[0]}"
    return Pairing(fake, None, f"pairs are made by position, the first with the first{example}")


def _ordered(fake: SampleSet, found: list[int], theirs: Sequence[str], what: str) -> Pairing:
    """Both sides in the order of the originals; `found` says of which original each reconstruction is."""
    assert fake.names is not None
    rows, order = torch.tensor(found).sort()
    how = f"pairs are made by {what}: {fake.names[int(order[0])]} is of {theirs[int(rows[0])]}"
    matched = fake if bool((order == torch.arange(len(order))).all()) else SubsetSamples(fake, order)
    return Pairing(matched, None if len(found) == len(theirs) else rows, how)


def _matched(mine: Sequence[str], theirs: Sequence[str], key: Callable[[str], K | None]) -> list[int] | None:
    """Position of each one's original; None where the keys do not say it, once for each."""
    of = {key(name): position for position, name in enumerate(theirs)}
    keys = [key(name) for name in mine]
    if None in of or None in keys or len(of) < len(theirs) or len(set(keys)) < len(keys) or not of.keys() >= set(keys):
        return None
    return [of[one] for one in keys]


def _check_order(side: str, names: Sequence[str] | None, sides: tuple[str, str]) -> None:
    """Refuse to pair by position what its numbers put in another order."""
    numbers = [_number(name) for name in names or ()]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers) or len(set(known)) < len(known) or known == sorted(known):
        return
    assert names is not None
    raise DataError(
        f"which reconstruction in {sides[0]} is of which original in {sides[1]} is not clear: by name, the files of "
        f"{side} come as {listed(names)}, which is not the order of their numbers, and the other side's do not have "
        "the same names or numbers; give both sides the same file names, or pad the numbers with zeros"
    )


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _base(name: str) -> str:
    return _stem(name).rpartition("/")[2]


def _number(name: str) -> int | None:
    """The last number in the name of the file."""
    digits = re.findall(r"\d+", _base(name))
    return int(digits[-1]) if digits else None

"""Two pipes between the processes of a pair, over which they hand the turn to each other (see `aigc_bench_turns`)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from aigc_bench.gate.plugin.aigc_bench_turns import TURNS


@dataclass
class Turn:
    """One process of a pair whose blocks alternate: its ends of two pipes, and whether its block comes first."""

    descriptors: tuple[int, int]
    begins: bool
    _open: list[int] = field(init=False)

    def __post_init__(self) -> None:
        """Remember which descriptors this process has still to close."""
        self._open = list(self.descriptors)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variable that tells the process its descriptors and whether it begins."""
        return {TURNS: "{} {} {}".format(*self.descriptors, int(self.begins))}

    def close(self) -> None:
        """Close our copies: while they are open, the partner of a process that ended would see no end of file."""
        while self._open:
            os.close(self._open.pop())


@contextlib.contextmanager
def turns() -> Iterator[tuple[Turn, Turn]]:
    """(the process that begins, the second one), joined by two pipes that are closed at the end."""
    read_first, write_second = os.pipe()
    read_second, write_first = os.pipe()
    pair = Turn((read_first, write_first), begins=True), Turn((read_second, write_second), begins=False)
    try:
        yield pair
    finally:
        for turn in pair:
            turn.close()

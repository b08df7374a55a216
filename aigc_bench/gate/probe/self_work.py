"""Small workloads of the standard library, timed in blocks: what `gate error-rates` judges.

`self_work.py ASKED.json FOUND.json`, as of `suite_times.py`. A name that ends in SLOWER stands for 5 % more of the
same work, 21 rounds instead of 20, in a process of head; a process of base does the plain work under either name.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aigc_bench_turns import Turns

SLOWER = " +5 %"
ROUNDS = 20
BLOCK_S = 0.02


def arithmetic() -> None:
    """Work on integers in a loop."""
    total = 0
    for i in range(400):
        total += i * i % 7


def hashing() -> None:
    """C code on a little memory."""
    hashlib.sha256(b"aigc-bench" * 600).digest()


def sorting() -> None:
    """Comparisons, and memory in no order."""
    sorted(i * 7919 % 1009 for i in range(250))


def mapping() -> None:
    """Allocation and hashing of objects."""
    {str(i): (i,) for i in range(120)}


def joining() -> None:
    """Work on strings."""
    "-".join(f"{i:04d}" for i in range(130)).upper().split("-")


WORK: dict[str, Callable[[], None]] = {work.__name__: work for work in (arithmetic, hashing, sorting, mapping, joining)}


def block_seconds(work: Callable[[], None], rounds: int, num_blocks: int, turns: Turns) -> list[float]:
    """Seconds of `rounds` calls, in blocks of at least 20 ms, after a block to warm up."""
    turns.meet()
    calls = 1
    while _elapsed(work, rounds * calls) < BLOCK_S:
        calls *= 2
    return [block_s / calls for block_s in turns.blocks(partial(_elapsed, work, rounds * calls), num_blocks)]


def _elapsed(work: Callable[[], None], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        work()
    return time.perf_counter() - start


def rounds_of(name: str, side: str) -> int:
    """How often a measured name's work is done."""
    return ROUNDS + 1 if name.endswith(SLOWER) and side == "head" else ROUNDS


def times(asked: dict[str, Any], turns: Turns) -> list[dict[str, Any]]:
    """Every name's blocks, in pytest-benchmark's form."""
    return [
        {"fullname": name, "stats": {"data": block_seconds(work, rounds, asked["blocks"], turns)}}
        for name in asked["only"]
        for work, rounds in [(WORK[name.removesuffix(SLOWER)], rounds_of(name, asked["side"]))]
    ]


if __name__ == "__main__":
    # Only measured processes have this module on their path, while `gate error-rates` imports the names above.
    from aigc_bench_turns import Turns

    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    measured = {"benchmarks": times(asked, Turns.of_environment())}
    Path(sys.argv[2]).write_text(json.dumps(measured), encoding="utf-8")

"""A pytest plug-in for a measured process: what is to run, and what became of it.

It runs under whichever Python and pytest a side has, so it needs nothing but them. pytest's own `--deselect` matches
beginnings of names, and its JSON leaves out what failed.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from aigc_bench_turns import Timer, Turns

SELECTION = "AIGC_BENCH_SELECTION"
"""a JSON file: node ids to run, and no others"""
OUTCOMES = "AIGC_BENCH_OUTCOMES"
"""a file of JSON lines: what failed, and why"""

_turns = Turns.of_environment()
_timer = Timer(_turns)


def timer() -> float:
    """For --benchmark-timer: a round waits for its turn."""
    return float(_timer.read(sys._getframe(1).f_code.co_name))


def pytest_runtest_logstart() -> None:
    """Both processes begin a benchmark together; what is not a round of it is done while the other waits."""
    _timer.forget()
    _turns.meet()


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Keep what is selected, in its order."""
    path = os.environ.get(SELECTION)
    if path is None:
        return
    with open(path, encoding="utf-8") as file:
        selected = set(json.load(file))
    gone = [item for item in items if item.nodeid not in selected]
    config.hook.pytest_deselected(items=gone)
    items[:] = [item for item in items if item.nodeid in selected]


def pytest_collectreport(report: Any) -> None:
    """A file that cannot be imported fails as a whole."""
    if report.failed:
        _write(report)


def pytest_runtest_logreport(report: Any) -> None:
    """A benchmark that raised, or whose fixtures did."""
    if report.failed:
        _write(report)


def pytest_sessionfinish() -> None:
    """How many threads and which device torch had, where the benchmarks use it."""
    _turns.leave()
    torch = sys.modules.get("torch")
    if torch is not None:
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
        _append({"process": {"threads": torch.get_num_threads(), "device": device}})


def _write(report: Any) -> None:
    lines = str(report.longrepr).strip().splitlines()
    told = [line[1:].strip() for line in lines if line.startswith("E ")] or lines[-1:]
    _append({"name": report.nodeid, "reason": " ".join(told)[:500]})


def _append(record: dict[str, Any]) -> None:
    with open(os.environ[OUTCOMES], "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")

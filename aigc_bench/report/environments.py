"""Environments as texts: one by itself, and what differs between two."""

from __future__ import annotations

from aigc_bench.gate.verdicts import Judgement
from aigc_bench.system.machine import Environment


def texts(record: Environment) -> dict[str, str]:
    """What stands in a report, in its order."""
    shown = {
        "device": record.gpu or record.cpu,
        "threads": f"{record.threads} of {record.cpu_count} CPUs",
        "memory": f"{record.memory_bytes / 2**30:.1f} GiB",
        "python": record.python,
        "platform": record.platform,
        "aigc-bench": record.aigc_bench,
        "git revision": record.git_revision or "not a repository",
        **record.packages,
    }
    return {"driver": record.gpu_driver, **shown} if record.gpu_driver else shown


def compared(judgement: Judgement) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
    """(what, base, head) of what differs, and (what, text) of what does not; both empty where neither was measured."""
    base, head = (texts(side.environment) if side.environment else {} for side in (judgement.base, judgement.head))
    both = [(key, base.get(key, "–"), head.get(key, "–")) for key in dict.fromkeys([*base, *head])]
    return [row for row in both if row[1] != row[2]], [row[:2] for row in both if row[1] == row[2]]

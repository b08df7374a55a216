"""What a row of the self-test is: a number that is known, how far off it may be and why, and what was found."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from aigc_bench.core import OnEvent
from aigc_bench.core.errors import (
    AigcBenchError,
    BenchmarkFailedError,
    NotAvailableError,
    NothingMeasuredError,
    RegressionError,
)
from aigc_bench.system.machine import Environment

Status = Literal["PASS", "REGRESSION", "not run"]


@dataclass(frozen=True, slots=True)
class Check:
    """A number that is known, and how to compute it here."""

    name: str
    expected: float
    tolerance: float
    """the largest absolute difference that passes"""
    why: str
    """why the tolerance is as wide as it is"""
    source: str
    """where the expected value is from"""
    found: Callable[[], float]
    """raises NotAvailableError, with the reason, where it cannot run"""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Row(_Record):
    """A check with what was found."""

    name: str
    expected: float
    tolerance: float
    why: str
    source: str
    found: float | None
    status: Status
    reason: str | None
    """why it is not run, or what was raised"""
    wall_s: float


class SelfTest(_Record):
    """Everything the self-test found; what `--json` prints."""

    schema_version: Literal[1] = 1
    environment: Environment
    wall_s: float
    rows: tuple[Row, ...]


def measured(checks: Sequence[Check], on_event: OnEvent) -> tuple[Row, ...]:
    """Run every check; one that raises a bug, or is undefined, is a row, too.

    Raises:
        NothingMeasuredError: not one could run.
    """
    rows = []
    for number, check in enumerate(checks):
        on_event({"event": "case", "name": check.name, "seed": None, "number": number, "total": len(checks)})
        rows.append(_measured(check))
        if rows[-1].status == "REGRESSION":
            on_event({"event": "failed", "name": check.name, "seed": None, "reason": _text(rows[-1])})
    if all(row.status == "not run" for row in rows):
        reasons = "; ".join(dict.fromkeys(row.reason for row in rows if row.reason))
        raise NothingMeasuredError(f"no row of the self-test ran: {reasons or 'there is none'}")
    return tuple(rows)


def _measured(check: Check) -> Row:
    started = time.perf_counter()
    found, reason = None, None
    status: Status = "REGRESSION"
    try:
        value = check.found()
    except NotAvailableError as error:
        status, reason = "not run", str(error)
    except BenchmarkFailedError as error:
        reason = str(error)
    except AigcBenchError:  # the user's to mend, such as a full disk: no fault of the number
        raise
    except Exception as error:  # bugs are what a self-test is for: it names them and goes on
        reason = f"{type(error).__name__}: {error}"
    else:
        if math.isfinite(value):
            found = value
            status = "PASS" if abs(value - check.expected) <= check.tolerance else "REGRESSION"
        else:
            reason = f"found {value}"
    return Row(
        name=check.name,
        expected=check.expected,
        tolerance=check.tolerance,
        why=check.why,
        source=check.source,
        found=found,
        status=status,
        reason=reason,
        wall_s=time.perf_counter() - started,
    )


def check_passed(found: SelfTest) -> None:
    """Raise if a row that ran is wrong.

    Raises:
        RegressionError: names every one.
    """
    ran = [row for row in found.rows if row.status != "not run"]
    wrong = [row for row in ran if row.status == "REGRESSION"]
    if wrong:
        texts = "; ".join(f"{row.name}: {_text(row)}" for row in wrong)
        raise RegressionError(
            f"{len(wrong)} of {len(ran)} rows of the self-test are wrong: {texts}. Scores of this installation cannot "
            "be trusted; compare its versions with constraints.txt"
        )


def _text(row: Row) -> str:
    found = row.reason or f"found {row.found:.9g}"
    return f"{found}, expected {row.expected:.9g} ± {row.tolerance:.2g}"

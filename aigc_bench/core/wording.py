"""How numbers are written in sentences and tables."""

from __future__ import annotations

import math


def percent(log_ratio: float) -> str:
    """A log ratio as the change it stands for, to two digits: log 1.051 is "5.1 %", log 0.95 is "-5 %"."""
    change = 100 * math.expm1(log_ratio)
    return f"{change:.2g} %" if abs(change) < 100 else f"{change:.0f} %"

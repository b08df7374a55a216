"""Numbers as a page, a table or a message shows them."""

from __future__ import annotations

import math

UNITS = {"bytes": (1 / 2**20, "MiB"), "s": (1e3, "ms")}
"""unit => (factor, unit that is shown)"""


def number(value: float, error: float | None = None) -> str:
    """As many digits as the error supports (two of the error), else four significant ones; never "-0"."""
    if error and error > 0 and math.isfinite(error):
        decimals = max(0, 1 - math.floor(math.log10(error)))
        return f"{value:z.{min(decimals, 6)}f}"
    if value and abs(value) >= 1e4:
        return f"{value:,.0f}"
    return f"{value:z.4g}"


def scaled(score_unit: str) -> tuple[float, str]:
    """Factor and name of the unit that people read."""
    return UNITS.get(score_unit, (1.0, score_unit))


def percentage(ratio: float, digits: int = 3) -> str:
    """A part of a whole: "5 %"."""
    return f"{100 * ratio:.{digits}g} %"

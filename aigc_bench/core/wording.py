"""How numbers and names are written in sentences and tables."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable


def percent(log_ratio: float) -> str:
    """A log ratio as the change it stands for, to two digits: log 1.051 is "5.1 %", log 0.95 is "-5 %"."""
    change = 100 * math.expm1(log_ratio)
    return f"{change:z.2g} %" if abs(change) < 100 else f"{change:.0f} %"


def printable(text: str) -> str:
    r"""Text that any file and terminal takes: bytes of a path that are no UTF-8 as \xNN.

    Python holds such bytes as lone surrogates (PEP 383), which can neither be encoded nor shown.
    """
    return re.sub("[\ud800-\udfff]", lambda found: _escaped(ord(found[0])), text)


def _escaped(code: int) -> str:
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def listed(names: Iterable[str], num: int = 3) -> str:
    """The first names, and how many more there are: "a, b, c, and 2 more"."""
    all_names = list(names)
    more = [f"and {len(all_names) - num} more"] if len(all_names) > num else []
    return ", ".join([*all_names[:num], *more])

"""Which side of a pair is started first."""

from __future__ import annotations


def abba(number: int, seed: int) -> tuple[str, str]:
    """(first, second) of pair `number`: base, head, head, base, … with an even seed, head first with an odd one.

    In this ABBA order a machine that becomes slower at a constant rate slows both sides by the same amount over every
    two pairs, so that the drift cancels.
    """
    return ("base", "head") if (number + seed) % 2 == 0 else ("head", "base")

"""Values that are computed once and kept with the object they are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

S = TypeVar("S")
T = TypeVar("T")
P = ParamSpec("P")


class Memo:
    """Values of pure functions of one object: each is computed at the first call, and kept as long as the object.

    What the real side's radii or moments are is wanted by several metrics and for every row. The function itself is the
    key, so that the type of what is kept is that of what the function returns.
    """

    def __init__(self) -> None:
        self._values: dict[tuple[object, tuple[object, ...]], object] = {}

    def once(
        self, function: Callable[Concatenate[S, P], T], subject: S, /, *arguments: P.args, **options: P.kwargs
    ) -> T:
        """`function(subject, *arguments)`, computed now or kept from an earlier call.

        Args:
            function: depends on its arguments alone.
            subject: the object that this belongs to.
            arguments: hashable; values for unlike arguments are kept apart.
            options: must be empty: arguments are given by position, so that equal ones are one key.
        """
        assert not options
        key = (function, arguments)
        if key not in self._values:
            self._values[key] = function(subject, *arguments, **options)
        value: T = self._values[key]  # type: ignore[assignment]  # what this function returned
        return value

    def known(self, function: Callable[[S], T]) -> T | None:
        """What `once` has computed, or None where nobody has asked."""
        value: T | None = self._values.get((function, ()))  # type: ignore[assignment]
        return value

    def remember(self, function: Callable[[S], T], value: T) -> None:
        """Keep a value that was computed before, and read from a file."""
        self._values[function, ()] = value

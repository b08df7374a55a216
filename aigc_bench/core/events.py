"""Progress: what the harness says while it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Event = Mapping[str, Any]
"""Progress: {"event": "stage" | "step" | …, …}; what listens decides what to show."""


OnEvent = Callable[[Event], None]

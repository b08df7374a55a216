"""The two sides of a comparison, and the scale their differences are on."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from aigc_bench.system.machine import Environment

Scale = Literal["log ratio", "difference"]


class Side(BaseModel):
    """One of the two things compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """as it was asked for: a git ref, a run's id, a path, a baseline's name"""
    identity: str
    """what exactly it was: a commit, a run's id, a command line"""
    environment: Environment | None = None
    """None where it was never measured"""

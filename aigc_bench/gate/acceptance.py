"""Known costs that somebody accepted: a committed TOML file, checked strictly, whose entries expire.

    [[accepted]]
    subject = "test_decode[*]"      # as reports print it; "*" is any text and "?" any character
    kind = "speed"                  # or "quality"; both where it is left out
    up_to = "5%"                    # or .05: the estimate may be worse by this much
    why = "checks its input now"
    until = 2027-03-31              # the last day; or "0.9": in force before that version of the project

An entry covers a REGRESSION whose estimate is worse by no more than `up_to`. A larger one, or any once the entry has
expired, fails the build again, so that every accepted cost is reviewed at some time.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from aigc_bench.core.errors import ConfigurationError, UnknownNameError
from aigc_bench.gate.verdicts import Acceptance, Decision


def share(given: object) -> float:
    """A share as a number: 0.05 for "5%", .05 or ".05".

    Raises:
        ValueError: neither, or not above 0; a number above 1 is more likely a forgotten "%".
    """
    percent = isinstance(given, str) and given.strip().endswith("%")
    text = given.strip().removesuffix("%") if isinstance(given, str) else given
    try:
        value = math.nan if isinstance(text, bool) else float(text)  # type: ignore[arg-type]  # refused below
    except (TypeError, ValueError):
        value = math.nan
    if not 0 < value < math.inf:
        raise ValueError('expected a share above 0 such as "5%" or .05')
    if value > 1 and not percent:
        raise ValueError(f'expected a share such as "5%" or .05; if so much is meant, write "{100 * value:g}%"')
    return value / 100 if percent else value


def _until(given: object) -> str:
    """A day in ISO 8601, or a version."""
    if type(given) is date:  # not its subclass with a time of day
        return given.isoformat()
    if isinstance(given, str):
        day = _day(given)
        if day:
            return day.isoformat()
        # PEP 440 reads "2027-03" as a version, too, which no project would ever reach.
        if not re.match(r"\d{4}-", given) and _version(given):
            return given
    raise ValueError('expected a day such as 2027-03-31 or a version such as "0.9"')


def _reason(given: object) -> object:
    if isinstance(given, str) and not given.strip():
        raise ValueError("expected the reason why this cost is accepted")
    return given


class AcceptedCost(BaseModel):
    """A regression that somebody accepts: its size, its reason, and until when."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    subject: str = Field(min_length=1)
    """a benchmark's name or "GENERATOR: METRIC", or a pattern of them"""
    kind: Literal["quality", "speed"] | None = None
    up_to: Annotated[float, BeforeValidator(share)]
    """the largest worsening that is accepted, as a ratio less one"""
    why: Annotated[str, BeforeValidator(_reason)]
    until: Annotated[str, BeforeValidator(_until)]
    """the last day, ISO 8601; or the first version in which it is no longer accepted"""

    def covers(self, decision: Decision) -> bool:
        """Whether the entry's pattern and kind match this benchmark or score."""
        # Brackets are literal, not fnmatch's sets of characters: names of parametrised tests contain them.
        alike = fnmatchcase(decision.subject, self.subject.replace("[", "[[]"))
        return alike and self.kind in (None, decision.kind)

    def reaches(self, decision: Decision) -> bool:
        """Whether the estimated worsening is at most `up_to`; False without an estimate."""
        if decision.worsening is None:
            return False
        if decision.scale == "log ratio":
            return decision.worsening <= math.log1p(self.up_to) + ROUNDING
        return decision.base is not None and decision.worsening <= self.up_to * abs(decision.base) + ROUNDING


ROUNDING = 1e-12
"""tolerance for rounding, so that a worsening of exactly `up_to` is accepted"""


class AcceptedCosts(BaseModel):
    """All accepted costs of a file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    accepted: tuple[AcceptedCost, ...] = Field(default=(), strict=False)


@dataclass(frozen=True, slots=True)
class Now:
    """What an entry's `until` is held against."""

    today: date
    version: str | None = None
    """of the project that is gated; None where it is not known"""

    def is_past(self, until: str) -> bool:
        """Whether a day is over, or a version reached: its pre-releases come before it (PEP 440).

        Raises:
            ConfigurationError: a version is asked about, and the project's is not known or is none.
        """
        day = _day(until)
        if day is not None:
            return self.today > day
        known = _version(self.version or "")
        if known is None:
            raise ConfigurationError(
                f"accepted until version {until}, but the project's version is "
                f"{'not known' if self.version is None else repr(self.version)}: state it in [project] of its "
                "pyproject.toml or in AIGC_BENCH_PROJECT_VERSION, or give a day such as 2027-03-31"
            )
        return known >= Version(until)


def load(path: Path) -> AcceptedCosts:
    """Read the file.

    Raises:
        ConfigurationError: it cannot be read, is not TOML, or has an unknown key or a wrong value.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read as a TOML file of accepted costs: {error}") from error
    try:
        return AcceptedCosts.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {'; '.join(_problem(item) for item in error.errors())}") from error


def apply(decisions: Sequence[Decision], file: AcceptedCosts, now: Now) -> tuple[Decision, ...]:
    """The decisions, each REGRESSION that an entry covers with that entry as its `acceptance`.

    Raises:
        ConfigurationError: an entry ends with a version, and the project's is not known.
    """
    return tuple(_judged(item, file, now) if item.verdict == "REGRESSION" else item for item in decisions)


def unused(decisions: Sequence[Decision], file: AcceptedCosts) -> tuple[AcceptedCost, ...]:
    """Entries that match nothing that was compared: misspelt, or of a benchmark that no longer exists."""
    return tuple(entry for entry in file.accepted if not any(entry.covers(decision) for decision in decisions))


def _judged(decision: Decision, file: AcceptedCosts, now: Now) -> Decision:
    """A REGRESSION with the first entry in force that is large enough, else with the first expired one."""
    about = [(entry, now.is_past(entry.until)) for entry in file.accepted if entry.covers(decision)]
    reaching = sorted((pair for pair in about if pair[0].reaches(decision)), key=lambda pair: pair[1])
    if reaching:
        entry, expired = reaching[0]
        return replace(decision, acceptance=Acceptance(entry.up_to, entry.why, entry.until, expired))
    in_force = [entry.up_to for entry, expired in about if not expired]
    if in_force:
        return replace(
            decision, reason=f"{decision.reason}; more than the {100 * max(in_force):.3g} % that is accepted"
        )
    return decision


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _problem(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        known = AcceptedCost if len(item["loc"]) > 1 else AcceptedCosts
        prefix = [str(part) for part in item["loc"][:-1]]
        return str(UnknownNameError.of("key", place, [".".join([*prefix, key]) for key in known.model_fields]))
    got = "" if item["type"] == "missing" else f", got {item['input']!r}"
    return f"{place}: {item['msg'].removeprefix('Value error, ')}{got}"

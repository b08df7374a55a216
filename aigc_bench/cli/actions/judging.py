"""What every command that judges shares: accepted costs, words into values, and how it ends."""

from __future__ import annotations

import math
import os
import re
import tomllib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from aigc_bench.cli.application import print_json
from aigc_bench.core.errors import (
    AigcBenchError,
    ConfigurationError,
    IncomparableError,
    IncompleteRunError,
    InconclusiveError,
    RegressionError,
    UnwrittenReportError,
)
from aigc_bench.gate import acceptance
from aigc_bench.gate.acceptance import AcceptedCosts, Now
from aigc_bench.gate.verdicts import Judgement
from aigc_bench.report.judgement.files import Outputs, write_judgement
from aigc_bench.report.judgement.headline import headline
from aigc_bench.report.judgement.page import Pictures
from aigc_bench.report.judgement.terminal import judgement_lines

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

ERRORS: dict[int, type[AigcBenchError]] = {
    error.exit_code: error for error in (RegressionError, InconclusiveError, IncomparableError, IncompleteRunError)
}


@dataclass(frozen=True, slots=True)
class Judging:
    """What was asked for, found sound before anything is measured."""

    outputs: Outputs
    accepted: AcceptedCosts
    now: Now
    fail_on_inconclusive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingOptions:
    """What every command that judges takes, as it was typed; see `aigc_bench.cli.judging`."""

    accept: Path | None
    fail_on_inconclusive: bool
    output: Path | None
    markdown: Path | None
    junit: Path | None
    html: Path | None
    as_json: bool

    def prepared(self) -> Judging:
        """See `prepared`."""
        outputs = Outputs(self.as_json, self.output, self.markdown, self.junit, self.html)
        return prepared(outputs, self.accept, fail_on_inconclusive=self.fail_on_inconclusive)


def prepared(outputs: Outputs, accept: Path | None, *, fail_on_inconclusive: bool = False) -> Judging:
    """Read and check what is needed in the end, so that its mistakes cost no measuring.

    Raises:
        ConfigurationError: the file of accepted costs is not sound.
        StoreError: an output cannot be written.
    """
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    outputs = replace(outputs, summary=Path(summary) if summary else outputs.summary)
    outputs.check()
    accepted = acceptance.load(accept) if accept else acceptance.AcceptedCosts()
    now = acceptance.Now(datetime.now(UTC).date(), _project_version(accept) if accept else None)
    for entry in accepted.accepted:
        now.is_past(entry.until)
    return Judging(outputs, accepted, now, fail_on_inconclusive)


def finish(judgement: Judgement, judging: Judging, pictures: Pictures | None = None) -> None:
    """Apply what is accepted, print, write, and end with the judgement's exit code.

    Raises:
        RegressionError, InconclusiveError, IncomparableError, IncompleteRunError: as the judgement's exit code says.
        UnwrittenReportError: all is well, but for an output that could not be written.
    """
    judged = settled(judgement, judging)
    if judging.outputs.as_json:
        print_json(judged.model_dump_json(indent=2))
    else:
        Console().print(judgement_lines(judged))
    unwritten = None
    try:
        write_judgement(judged, judging.outputs, pictures)
    except UnwrittenReportError as error:
        unwritten = error
    if judged.exit_code:
        # The verdict outweighs a full disk, which is said beside it.
        raise ERRORS[judged.exit_code](headline(judged) + (f" Also: {unwritten}" if unwritten else ""))
    if unwritten:
        raise unwritten


def settled(judgement: Judgement, judging: Judging) -> Judgement:
    """The judgement under the policy: with accepted costs, and a statement for each that speaks of nothing."""
    idle = tuple(
        f"The accepted cost of {entry.subject!r} speaks of nothing that was compared: it is misspelt, or out of date."
        for entry in acceptance.unused(judgement.decisions, judging.accepted)
    )
    return judgement.model_copy(
        update={
            "decisions": acceptance.apply(judgement.decisions, judging.accepted, judging.now),
            "statements": (*judgement.statements, *idle),
            "fail_on_inconclusive": judging.fail_on_inconclusive,
        }
    )


def _project_version(accept: Path) -> str | None:
    """Of the project that the file belongs to, as AIGC_BENCH_PROJECT_VERSION or the nearest pyproject.toml says."""
    stated = os.environ.get("AIGC_BENCH_PROJECT_VERSION")
    if stated:
        return stated
    for folder in accept.resolve().parents:
        path = folder / "pyproject.toml"
        if path.is_file():
            try:
                version = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {}).get("version")
            except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
                raise ConfigurationError(f"{path} cannot be read for the project's version: {error}") from error
            return version if isinstance(version, str) else None
    return None


# ---- words into values ------------------------------------------------------------------------------


def names(text: str | None) -> tuple[str, ...]:
    """Names apart by commas, with or without blanks; none of no text."""
    return tuple(name for part in (text or "").split(",") if (name := part.strip()))


def duration(text: str, option: str) -> float:
    """Seconds of an age such as 12h or 7d.

    Raises:
        ConfigurationError: it is none, or nothing.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([smhd])\s*", text)
    if not match or float(match[1]) <= 0:
        raise ConfigurationError(f"expected {option} as 90m, 12h or 7d, got {text!r}")
    return float(match[1]) * UNITS[match[2]]


def seconds(text: str, option: str) -> float:
    """A time such as 90s, 5m or 1h; a bare number is seconds.

    Raises:
        ConfigurationError: it is none, or nothing.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([smh]?)\s*", text)
    found = float(match[1]) * UNITS[match[2] or "s"] if match else 0.0
    if found <= 0:
        raise ConfigurationError(f"expected {option} as 90s, 5m or 1h, got {text!r}")
    return found


def log_ratio(text: str, option: str) -> float:
    """The same as `ratio`, as a log ratio."""
    return math.log1p(ratio(text, option))


def ratio(text: str, option: str) -> float:
    """A part of a whole, as "2%" or "0.02".

    Raises:
        ConfigurationError: it is neither, or negative.
    """
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        found = float(number) / (100 if percent else 1)
    except ValueError:
        found = math.nan
    # 2 without a percent sign is a forgotten one.
    if not 0 <= found < math.inf or (found > 1 and not percent):
        raise ConfigurationError(f"expected {option} as 2% or 0.02, got {text!r}")
    return found

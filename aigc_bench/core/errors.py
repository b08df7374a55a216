"""The exception tree. Every leaf carries the exit code that the command line ends with.

The eight codes: 0 pass, 1 regression, 2 usage or configuration, 3 inconclusive, 4 nothing comparable or nothing
measured, 5 a benchmark failed, 70 a bug, 130 interrupted. An `AigcBenchError` is the user's to mend and prints without
a traceback; any other exception is a bug of ours, shows one, and ends with a code that is none of a gate's.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

BUG_EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h: Python's own 1 for a traceback would be read as a regression"""


class AigcBenchError(Exception):
    """Something a user can mend: says what was expected, what came, and the way out."""

    exit_code = 2
    reason = "error"
    printed = False
    """whether what was found stands on stdout already, with the reasons in it"""


class ConfigurationError(AigcBenchError):
    """A suite, flag, environment variable or option that cannot be understood."""

    reason = "configuration"


class UnknownNameError(ConfigurationError):
    """A name that nothing is registered under."""

    reason = "unknown-name"

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
        """Build the message: the miss, the nearest known name, and everything there is."""
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return cls(f"no {kind} named {name!r}.{hint} Known: {', '.join(names) or 'none'}")


class DataError(AigcBenchError):
    """A data set that is missing, truncated, or not what its checksum says."""

    reason = "data"


class StoreError(AigcBenchError):
    """The run store cannot be read, written or locked."""

    reason = "store"


class FeaturesMissingError(StoreError):
    """Features that a run's record names and that are no longer there, or never were kept."""

    reason = "features-missing"


class NothingComparableError(AigcBenchError):
    """Two runs without a single score that can be compared."""

    exit_code = 4
    reason = "nothing-comparable"


class UnwrittenReportError(StoreError):
    """What was found has been printed, and a file of it could not be written."""

    printed = True


class RegressionError(AigcBenchError):
    """A number is not what it should be; what was found has been printed."""

    exit_code = 1
    reason = "regression"
    printed = True


class InconclusiveError(AigcBenchError):
    """A gate that could not decide, where the policy is to fail on that; what was found has been printed."""

    exit_code = 3
    reason = "inconclusive"
    printed = True


class IncomparableError(AigcBenchError):
    """Two sides that may not be compared; which and why has been printed."""

    exit_code = 4
    reason = "incomparable"
    printed = True


class NothingMeasuredError(AigcBenchError):
    """A run that selected or produced no score: zero benchmarks is not success."""

    exit_code = 4
    reason = "nothing-measured"


class BenchmarkFailedError(AigcBenchError):
    """A case of the suite failed; the rest was measured and written."""

    exit_code = 5
    reason = "benchmark-failed"


class IncompleteRunError(BenchmarkFailedError):
    """The run was measured and written, and some of its cases or scores failed; it holds the reasons."""

    printed = True


class GeneratorError(BenchmarkFailedError):
    """A generator broke its contract: wrong shape or type, NaN, or an exception of its own."""

    reason = "generator"


class MeasurementError(BenchmarkFailedError):
    """A score that is undefined on this evidence. It is never replaced by 0 or NaN."""

    reason = "undefined"


class NotAvailableError(AigcBenchError):
    """A score that this generator or this much data cannot have: reported as such, and no failure."""

    exit_code = 4
    reason = "not-available"


class InterruptedRunError(AigcBenchError):
    """Ctrl-C: what was finished is kept, and the same command goes on from there."""

    exit_code = 130
    reason = "interrupted"

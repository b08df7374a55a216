"""Words in, words out, exit codes.

Results go to stdout; progress and messages to stderr. Heavy imports stand inside the commands that need them, so
that `--help` answers at once.
"""

# The order of `--help`.
from aigc_bench.cli import running, scoring, looking  # isort: skip
from aigc_bench.cli import gating  # isort: skip
from aigc_bench.cli.application import app, main

__all__ = ["app", "gating", "looking", "main", "running", "scoring"]

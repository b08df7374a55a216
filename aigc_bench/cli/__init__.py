"""Words in, words out, exit codes.

Results go to stdout; progress and messages to stderr. Heavy imports stand inside the commands that need them, so
that `--help` answers at once.
"""

# The order of `--help`.
from aigc_bench.cli import running, scoring, looking  # isort: skip
from aigc_bench.cli import comparing, gate_quality, gate_speed, gate_all  # isort: skip
from aigc_bench.cli.application import app, main

__all__ = ["app", "comparing", "gate_all", "gate_quality", "gate_speed", "looking", "main", "running", "scoring"]

"""Words in, words out, exit codes.

Results go to stdout; progress and messages to stderr. These modules declare the commands; what a command does stands in
`cli/actions/`, which is imported when the command runs, so that `--help` answers at once.
"""

# The order of `--help`.
from aigc_bench.cli import running, scoring, looking  # isort: skip
from aigc_bench.cli import comparing, gate_quality, gate_speed, gate_all  # isort: skip
from aigc_bench.cli.application import app, main

__all__ = ["app", "comparing", "gate_all", "gate_quality", "gate_speed", "looking", "main", "running", "scoring"]

"""`python -m aigc_bench` is `aigc-bench`: a fault of ours ends with a code that is none of a gate's, at any moment."""

from __future__ import annotations

import importlib
import sys
import traceback

from aigc_bench.core.errors import BUG_EXIT_CODE


def main() -> None:
    """Load the command line and run it. The interpreter itself would end with 1, the gate's word for a regression."""
    try:
        command_line = importlib.import_module("aigc_bench.cli")
    except Exception:
        traceback.print_exc()
        sys.exit(BUG_EXIT_CODE)
    command_line.main()


if __name__ == "__main__":
    main()

"""`python -m aigc_bench` is `aigc-bench`."""

import sys

from aigc_bench.cli import main

sys.exit(main())

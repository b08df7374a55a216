"""`python -m aigc_bench` is `aigc-bench`."""

from aigc_bench.cli import main

main()

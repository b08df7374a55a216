"""Numbers that are known, computed anew."""

from __future__ import annotations

import time
from functools import partial

from aigc_bench.api.options import Options, machine, place_of
from aigc_bench.core import OnEvent
from aigc_bench.selftest import pixels, statistics
from aigc_bench.selftest import published as published_scores
from aigc_bench.selftest.rows import SelfTest, measured
from aigc_bench.system.machine import environment


def selftest(options: Options | None = None, *, on_event: OnEvent = lambda event: None) -> SelfTest:
    """Compute numbers that are known anew: laws always, published scores of CIFAR-10 where weights and data are there.

    Raises:
        NothingMeasuredError: nothing could run.
    """
    options = options or Options()
    started, device = time.perf_counter(), machine(options)
    checks = [*statistics.checks(), *pixels.checks(device)]
    place = partial(place_of, options, on_event)
    checks += published_scores.checks(
        options.data_dir, device, place, weights=options.weights, download=options.download
    )
    rows = measured(checks, on_event)
    return SelfTest(environment=environment(device), wall_s=time.perf_counter() - started, rows=rows)

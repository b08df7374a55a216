"""aigc-bench scores generative models, with error bars, and guards them against getting worse.

import aigc_bench
run, folder = aigc_bench.run("digits")
run, folder = aigc_bench.score("samples/", "real.zip")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Options", "__version__", "compare", "gate_quality", "resolve_suite", "run", "save_stats", "score"]

if TYPE_CHECKING:
    from aigc_bench.api import Options, resolve_suite, run, save_stats, score
    from aigc_bench.comparing import compare, gate_quality


def __getattr__(name: str) -> Any:
    # Lazily, so that `aigc-bench --help` does not wait for torch.
    if name in __all__:
        from aigc_bench import api, comparing

        return getattr(comparing if name in ("compare", "gate_quality") else api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

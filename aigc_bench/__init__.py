"""aigc-bench scores generative models, with error bars, and guards them against getting worse.

import aigc_bench
run, folder = aigc_bench.run("digits")
run, folder = aigc_bench.score("samples/", "real.zip")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Options",
    "Scoring",
    "__version__",
    "compare",
    "frame",
    "gate_quality",
    "resolve_suite",
    "run",
    "save_features",
    "score",
]

if TYPE_CHECKING:
    from aigc_bench.api.comparing import compare, gate_quality
    from aigc_bench.api.frames import frame
    from aigc_bench.api.options import Options
    from aigc_bench.api.running import resolve_suite, run
    from aigc_bench.api.scoring import Scoring, save_features, score


_HOMES = {
    "Options": "options",
    "Scoring": "scoring",
    "compare": "comparing",
    "frame": "frames",
    "gate_quality": "comparing",
    "resolve_suite": "running",
    "run": "running",
    "save_features": "scoring",
    "score": "scoring",
}
"""name => module of `aigc_bench.api`"""


def __getattr__(name: str) -> Any:
    # Lazily, so that `aigc-bench --help` does not wait for torch.
    if name in _HOMES:
        return getattr(importlib.import_module(f"aigc_bench.api.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})

"""What an interpreter is and has, as JSON in a file: versions, and threads as the environment has them."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib import metadata


def described() -> dict[str, object]:
    """Nothing heavy is imported: what torch makes of the threads is asked in the processes that are measured."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    stated = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    packages = {
        str(distribution.metadata["Name"]): distribution.version
        for distribution in metadata.distributions()
        if distribution.metadata["Name"]
    }
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "threads": int(stated) if stated.isdigit() else cpus,
        "device": "cpu",
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(described(), file)

"""Histories with something wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from gate_kit import BENCHMARK, TOY, commit, git, toy_repository


@pytest.fixture(scope="session")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One repository with a tag for each thing that may be wrong."""
    repository = toy_repository(tmp_path_factory.mktemp("histories") / "toy")
    sources = {
        "good": {},
        "crash": {"toy.py": TOY.replace("return sum", "raise ValueError('out of luck')\n    return sum")},
        "dead": {"toy.py": TOY + "\nimport os\nos._exit(7)\n"},
        "hang": {"toy.py": TOY + "\nimport time\ntime.sleep(60)\n"},
        "broken": {"toy.py": TOY + "\nimport not_there\n"},
        "changed": {"bench/test_toy.py": BENCHMARK.replace("iterations=20", "iterations=21")},
        "helper": {"bench/conftest.py": "X = 1\n"},
        "renamed": {"bench/test_toy.py": None, "bench/test_new.py": BENCHMARK.replace("test_", "test_new_")},
        "empty": {"bench/test_toy.py": "def test_nothing():\n    pass\n"},
        "nan": {"conftest.py": (
            "import pytest\n\n\n@pytest.hookimpl(tryfirst=True)\ndef pytest_benchmark_update_json(output_json):\n"
            "    output_json['benchmarks'][0]['stats']['data'][0] = float('nan')\n"
        )},
    }  # fmt: skip
    start = git(repository, "rev-parse", "HEAD")
    for name, files in sources.items():
        git(repository, "checkout", "--quiet", "--detach", start)
        for path in [path for path, text in files.items() if text is None]:
            (repository / path).unlink()
        commit(repository, {path: text for path, text in files.items() if text is not None})
        git(repository, "tag", name)
    return repository

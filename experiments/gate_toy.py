"""A repository of small workloads with three commits: base, the same files again, and 5 % more of the same work."""

from __future__ import annotations

import subprocess
from pathlib import Path

WHO = ["-c", "user.name=gate", "-c", "user.email=gate@example.org", "-c", "core.hooksPath=/dev/null"]

TOY = '''"""Small workloads; ROUNDS of each are one call."""

import hashlib
import json
import re

ROUNDS = 20
RECORD = {"names": [f"name {i}" for i in range(12)], "numbers": list(range(12))}
TEXT = "one fish, two fish, red fish, blue fish; " * 4


def rounds(work):
    for _ in range(ROUNDS):
        work()


WORK = {
    "arithmetic": lambda: sum(i * i % 7 for i in range(100)),
    "hashing": lambda: hashlib.sha256(b"aigc-bench" * 200).digest(),
    "sorting": lambda: sorted(i * 7919 % 1009 for i in range(80)),
    "mapping": lambda: {str(i): (i,) for i in range(50)},
    "joining": lambda: "-".join(f"{i:04d}" for i in range(40)).upper(),
    "encoding": lambda: json.loads(json.dumps(RECORD)),
    "matching": lambda: re.findall(r"(\\w+) fish", TEXT),
    "copying": lambda: bytes(bytearray(40_000))[::-1],
}
'''
TOY_BENCHMARKS = """import pytest
import toy


@pytest.mark.parametrize("name", sorted(toy.WORK))
def test_work(benchmark, name):
    benchmark(toy.rounds, toy.WORK[name])
"""
TOY_PROJECT = '[project]\nname = "toy"\nversion = "1"\n\n[tool.setuptools]\npy-modules = ["toy"]\n'


def git(repository: Path, *arguments: str) -> str:
    """Run git; what it prints."""
    done = subprocess.run(["git", *WHO, *arguments], cwd=repository, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def made(repository: Path) -> Path:
    """The repository, made where it is missing; tags base, same and slower."""
    if not (repository / ".git").is_dir():
        (repository / "bench").mkdir(parents=True, exist_ok=True)
        (repository / "bench" / "test_work.py").write_text(TOY_BENCHMARKS)
        (repository / "pyproject.toml").write_text(TOY_PROJECT)
        git(repository, "init", "--quiet")
        for tag, text in (("base", TOY), ("same", TOY), ("slower", TOY.replace("ROUNDS = 20", "ROUNDS = 21"))):
            (repository / "toy.py").write_text(text)
            git(repository, "add", "--all")
            git(repository, "commit", "--quiet", "--allow-empty", "--message", tag)
            git(repository, "tag", tag)
    return repository

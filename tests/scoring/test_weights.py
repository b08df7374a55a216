"""Inception's weights by --weights and --download: the options that the message names."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scoring_kit import call

PATCHED = """
from aigc_bench.modalities.image.extractors import inception
inception.URLS = ({url!r}, inception.URLS[1])
inception.PUBLISHED_SHA256 = {sha256!r}
"""
SCORE = ("score", "real.npy", "--real", "real.npy", "--metrics", "duplicates")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working directory with images."""
    np.save(tmp_path / "real.npy", np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8))
    return tmp_path


@pytest.fixture
def server(random_weights: Path) -> Iterator[str]:
    """The address at which a local server has the weights."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *given: object, **options: object) -> None:
            super().__init__(*given, directory=str(random_weights.parent), **options)  # type: ignore[arg-type]

        def log_message(self, *given: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/{random_weights.name}"
        running.shutdown()


def test_the_message_names_options_that_are_there(place: Path) -> None:
    """Of the command that prints it."""
    done = call(*SCORE, cwd=place)
    assert done.returncode == 2
    for option in ("--weights", "--download"):
        assert option in done.stderr
        assert option in call("score", "--help", cwd=place).stdout
        assert option in call("extract", "--help", cwd=place).stdout


@pytest.mark.slow
def test_a_file_of_weights_is_used(place: Path, random_weights: Path) -> None:
    """By `score` and by `extract`; a score of other weights is not called FID."""
    done = call(*SCORE, "--weights", str(random_weights), cwd=place)
    assert done.returncode == 0, done.stderr
    done = call("extract", "real.npy", "-o", "real.safetensors", "--weights", str(random_weights), cwd=place)
    assert done.returncode == 0, done.stderr
    assert (place / "real.safetensors").is_file()


@pytest.mark.slow
def test_weights_are_fetched_when_told_to(
    place: Path, server: str, random_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a local server, into the cache folder, and only if their checksum is the expected one."""
    sha256 = hashlib.sha256(random_weights.read_bytes()).hexdigest()
    for expected, code in (("0" * 64, 2), (sha256, 0)):
        (place / "sitecustomize.py").write_text(PATCHED.format(url=server, sha256=expected))
        done = call(*SCORE, "--download", cwd=place, PYTHONPATH=str(place))
        assert done.returncode == code, done.stderr

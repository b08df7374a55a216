"""What a gate records of the machine before it measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from aigc_bench.gate.speed import preflight


def test_gpus_and_their_clocks_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence per GPU; none where nvidia-smi is missing, fails, or says something else."""
    command = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", str(tmp_path))  # not where a real one may be

    def said(script: str) -> list[str]:
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)
        return [text for text in preflight.machine_statements() if text.startswith("GPU")]

    rows = "0, NVIDIA H100, 580.82, 1755 MHz, 1980 MHz, 2619 MHz\\n1, NVIDIA H100, 580.82, 345 MHz, 1980 MHz, 2619 MHz"
    found = said(f"printf '{rows}\\n'")
    assert found == [
        "GPU 0 NVIDIA H100, driver 580.82, SM clock 1755 MHz (at most 1980 MHz), memory clock 2619 MHz.",
        "GPU 1 NVIDIA H100, driver 580.82, SM clock 345 MHz (at most 1980 MHz), memory clock 2619 MHz.",
    ]
    brakes = 'case "$1" in *reasons*) printf "0, 0x0000000000000001\\n1, 0x0000000000000024\\n";; esac'
    assert said(brakes) == [
        "GPU 1 runs below its clock: its power limit, its temperature, by software. The pairs will vary more, and more "
        "of them will be needed."
    ]
    assert said("echo 'No devices were found'; exit 6") == []
    assert said("echo 'something else'") == []
    command.unlink()
    assert not any(text.startswith("GPU") for text in preflight.machine_statements())


def test_a_load_and_little_memory_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """And neither is where there is none."""
    monkeypatch.setattr("os.getloadavg", lambda: (9.0, 1.0, 1.0))
    monkeypatch.setattr(preflight, "_free_bytes", lambda: 2**20)
    warned = preflight.machine_statements()
    assert any("other processes are running" in text for text in warned)
    assert any(text.startswith("Only 1 MiB of memory are free") for text in warned)
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setattr(preflight, "_free_bytes", lambda: 2**40)
    assert len(warned) == len(preflight.machine_statements()) + 2

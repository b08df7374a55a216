"""The layers of docs/design.md: a file imports only from rows below its own, or from its own folder."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import aigc_bench

ROOT = Path(aigc_bench.__file__).parent

ROWS = [
    {"errors"},
    {"core"},
    {"noise", "plugins", "stats", "download", "drawing", "records"},
    {"metrics", "features", "data", "inputs", "testing", "machine", "timing", "suite", "protocols"},
    {"train", "verdicts"},
    {"collect"},
    {"store", "acceptance"},
    {"bench"},
    {"exhibits", "plan"},
    {"harness"},
    {"scoring"},
    {"selftest", "changes", "matching", "recorded"},
    {"comparison", "baselines"},
    {"gate"},
    {"report"},
    {"api", "progress", "comparing"},
    {"cli"},
    {"__main__"},
]
ROW = {name: number for number, names in enumerate(ROWS) for name in names}


def imports(path: Path) -> set[str]:
    """The parts of aigc_bench that a file imports, "aigc_bench" itself for the facade."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "aigc_bench":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_every_file_imports_only_from_rows_below() -> None:
    """And nothing imports the facade, the reference models, or a sibling's folder."""
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts == ("__init__",):
            continue
        own = parts[0]
        for name in imports(path):
            head, _, rest = name.partition(".")
            if head == "aigc_bench_models" or name == "aigc_bench":
                wrong.append(f"{path.name} imports {name}")
            target = rest.split(".")[0] if head == "aigc_bench" else name if name in ROW and "." not in name else ""
            if target and target != own and ROW[target] >= ROW[own]:
                wrong.append(f"{path.relative_to(ROOT)} (row {ROW[own]}) imports {target} (row {ROW[target]})")
    assert wrong == []


def test_every_module_has_a_row() -> None:
    """A new file has to find its place."""
    there = {path.stem if path.is_file() else path.name for path in ROOT.iterdir() if path.suffix in ("", ".py")}
    assert {name for name in there if name not in ("__init__", "__pycache__", "suites")} == set(ROW)


def test_help_does_not_wait_for_torch() -> None:
    """`aigc-bench --help` imports neither torch nor anything else that takes long."""
    code = (
        "import sys; sys.argv = ['aigc-bench', '--help']\n"
        "from aigc_bench.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'torch', 'scipy', 'matplotlib', 'pandas', 'sklearn', 'pydantic', 'numpy'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout

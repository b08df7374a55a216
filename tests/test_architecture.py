"""The layers of docs/design.md, and the limits on size.

A room is a first-level name of the package, and inside runs/, gate/, report/ and modalities/ a second-level one. A file
imports only from rows below that of its own room, or from its own room. `experiments/structure.py` reads the files, and
prints the same in numbers.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import structure

import aigc_bench

ROOT = Path(aigc_bench.__file__).parent
PACKAGE = structure.read_package(ROOT)
MODELS = structure.read_package(Path(structure.TOP) / "models" / structure.MODELS)
IMPORTS = structure.import_graph(PACKAGE)
ROOMS = structure.room_graph(PACKAGE, IMPORTS)

ROWS = [
    {"core", "noise"},
    # A folder's own `__init__`, which imports nothing, stands where the lowest of its rooms may need it.
    {
        "stats",
        "system",
        "samples",
        "modalities",
        "runs",
        "runs/suites",
        "gate",
        "gate/plugin",
        "report",
        "report/drawing",
        "report/numbers",
        "report/panels",
        "report/terms",
    },
    {"metrics", "modalities/modality", "runs/records", "gate/sides"},
    {"generators", "modalities/image", "runs/store", "runs/comparison"},
    {"testing", "gate/probe"},
    {"data", "evidence", "gate/verdicts"},
    {"runs/recorded", "runs/scoring", "selftest", "gate/acceptance"},
    {"runs/baselines", "gate/quality", "gate/speed", "report/environments"},
    {"gate/joint", "report/run"},
    {"report/judgement"},
    {"api"},
    {"cli"},
    {"__main__"},
]
"""from the bottom up; names of one row do not import each other"""
ROW = {name: number for number, names in enumerate(ROWS) for name in names}


def test_every_room_has_one_row() -> None:
    """A new folder, or a new file where a second-level name is a room, has to find its place."""
    assert sorted(set(ROOMS) - set(ROW)) == [], "give them a row in ROWS"
    assert len(ROW) == sum(len(names) for names in ROWS), "a room stands in two rows"


def test_every_file_imports_only_from_rows_below() -> None:
    """Or from its own room; so there are no cycles between rooms, either."""
    wrong = [
        f"{PACKAGE[name].file} (row {ROW[own]}) imports {target} (row {ROW[PACKAGE[target].room]})"
        for name, targets in IMPORTS.items()
        for target in sorted(targets)
        if (own := PACKAGE[name].room)
        and (room := PACKAGE[target].room)
        and room != own
        and ROW.get(room, 0) >= ROW.get(own, len(ROWS))
    ]
    assert wrong == []
    assert structure.cycles(ROOMS) == []


def test_nothing_imports_the_facade_or_the_reference_models() -> None:
    """Both are clients of what stands below them."""
    wrong = [
        f"{module.file} imports {name}"
        for module in PACKAGE.values()
        for name in structure.imported_names(module)
        if name.partition(".")[0] == structure.MODELS
        or (name.partition(".")[0] == structure.PACKAGE and ".".join(name.split(".")[:2]) not in PACKAGE)
        or name == structure.PACKAGE
    ]
    assert wrong == []


def test_no_imports_inside_functions() -> None:
    """They hide an arrow, and a missing dependency until the call."""
    assert [module.file for module in PACKAGE.values() if structure.imports_inside_functions(module)] == []


def test_no_long_functions() -> None:
    """Over 40 lines: a type is missing, or two things are done."""
    long = {line for module in [*PACKAGE.values(), *MODELS.values()] for line in structure.long_functions(module)}
    assert sorted(long) == []


def test_no_long_files() -> None:
    """Over 250 lines, or 300 for a reference model, which is one file on purpose."""
    long = {module.file for module in [*PACKAGE.values(), *MODELS.values()] if structure.is_long(module)}
    assert sorted(long) == []


def test_only_its_own_folder_knows_a_modality() -> None:
    """No comparison with a modality's name, and no such name, stands outside modalities/."""
    names = {path.parent.name for path in (ROOT / "modalities").glob("*/modality.py")}
    wrong = []
    for module in PACKAGE.values():
        if module.room.startswith("modalities"):
            continue
        for node in ast.walk(ast.parse((ROOT.parent / module.file).read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Constant) and node.value in names
            compared = isinstance(node, ast.Compare) and "modality" in {
                side.attr for side in [node.left, *node.comparators] if isinstance(side, ast.Attribute)
            }
            if named or compared:
                wrong.append(f"{module.file}:{node.lineno}")
    assert "image" in names
    assert wrong == []


def test_the_structure_of_a_made_up_package(tmp_path: Path) -> None:
    """Rooms, arrows, cycles, chains and offenders, counted by hand."""
    files = {
        "__init__.py": "from aigc_bench.top import f\n",
        "top.py": "from .runs import a\nfrom aigc_bench.low import VALUE\n\n\ndef f():\n    import json\n",
        "low.py": "VALUE = 1\n",
        "runs/__init__.py": "",
        "runs/a.py": "import aigc_bench.runs.b.inner\n",
        "runs/b/__init__.py": "from .. import a\n",
        "runs/b/inner.py": "from aigc_bench import low\n\n\ndef g():\n" + "    g()\n" * 40,
    }
    for name, text in files.items():
        path = tmp_path / "aigc_bench" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    it = structure.read_folder(tmp_path, "made up")
    assert it.rooms == {
        "top": {"runs/a", "low"},
        "low": set(),
        "runs": set(),
        "runs/a": {"runs/b"},
        "runs/b": {"runs/a", "low"},
    }
    assert it.root_names == {"top": {"runs", "low"}, "low": set(), "runs": {"low"}}
    assert structure.cycles(it.rooms) == [["runs/a", "runs/b"]]
    assert structure.cycles(it.imports) == []
    assert structure.longest_chain(it.rooms) == ["top", "runs/a ⇄ runs/b", "low"]
    assert structure.longest_chain(it.imports) == [
        f"aigc_bench{name}" for name in ("", ".top", ".runs.a", ".runs.b.inner", ".low")
    ]
    assert sum(map(structure.imports_inside_functions, it.package.values())) == 1
    assert [line for module in it.package.values() for line in structure.long_functions(module)] == [
        "aigc_bench/runs/b/inner.py: g"
    ]


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

"""How the package is put together, in numbers: a Markdown table with one column for each tree that is looked at.

python experiments/structure.py                                                   # the working tree
python experiments/structure.py --at 4612126 --at HEAD > reports/structure.md     # two commits, side by side

Files are parsed and never imported, so that a commit whose dependencies are missing can be read, too.
`tests/test_architecture.py` uses the same functions for the limits that it checks.
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGE, MODELS = "aigc_bench", "aigc_bench_models"
TOP = Path(__file__).parents[1]
SPLIT = ("runs", "gate", "report", "modalities")
"""folders of the package whose second-level names are rooms of their own"""
FUNCTION_LINES, FILE_LINES, MODEL_LINES = 40, 250, 300

Graph = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Module:
    """A parsed source file."""

    name: str
    """dotted; a package has the name of its folder"""
    file: str
    """relative to the folder that holds the package"""
    text: str
    is_package: bool

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.text)

    @property
    def num_lines(self) -> int:
        """Lines of the file, blank ones included."""
        return len(self.text.splitlines())

    @property
    def room(self) -> str:
        """The first name below the package, with the second one inside the folders of `SPLIT`; "" for the facade."""
        names = self.name.split(".")[1:]
        return "/".join(names[: 2 if names and names[0] in SPLIT else 1])


def read_package(folder: Path) -> dict[str, Module]:
    """Every module of a package, by its dotted name."""
    modules = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        file = path.relative_to(folder.parent).as_posix()
        modules[name] = Module(name, file, path.read_text(encoding="utf-8"), is_package)
    return modules


def imported_names(module: Module) -> Iterator[str]:
    """The dotted name of everything that a file imports, at its top or inside a function: modules or names in them."""
    package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            home = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{home}.{alias.name}" for alias in node.names)


def import_graph(modules: Mapping[str, Module]) -> Graph:
    """Module => the modules of the same package that it imports."""

    def resolved(name: str) -> str | None:
        return name if name in modules else parent if (parent := name.rpartition(".")[0]) in modules else None

    return {
        name: frozenset(target for each in imported_names(module) if (target := resolved(each)) and target != name)
        for name, module in modules.items()
    }


def room_graph(modules: Mapping[str, Module], imports: Graph) -> Graph:
    """Room => the other rooms that its modules import from; the facade is no room."""
    rooms: dict[str, set[str]] = {module.room: set() for module in modules.values() if module.room}
    for name, targets in imports.items():
        own = modules[name].room
        if own:
            rooms[own] |= {modules[target].room for target in targets} - {own, ""}
    return {room: frozenset(targets) for room, targets in rooms.items()}


def cycles(graph: Graph) -> list[list[str]]:
    """Groups of two or more nodes that reach each other, in the order of their names."""
    reach = {node: _reachable(graph, node) for node in graph}
    groups = {tuple(sorted(other for other in reach[node] if node in reach[other])) for node in graph}
    return sorted(list(group) for group in groups if len(group) > 1)


def longest_chain(graph: Graph) -> list[str]:
    """A longest chain of imports, a cycle counted as one link, which stands under the names of all its members.

    Of chains of equal length it is the first in the order of names, so that the answer repeats.
    """
    link = {node: node for node in graph} | {node: " ⇄ ".join(group) for group in cycles(graph) for node in group}
    condensed: dict[str, set[str]] = {name: set() for name in link.values()}
    for node, targets in graph.items():
        condensed[link[node]] |= {link[target] for target in targets} - {link[node]}
    chains: dict[str, list[str]] = {}

    def chain(name: str) -> list[str]:
        if name not in chains:
            below = [chain(target) for target in sorted(condensed[name])]
            chains[name] = [name, *max(below, key=len, default=[])]
        return chains[name]

    return max((chain(name) for name in sorted(condensed)), key=len, default=[])


def functions(module: Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a file."""
    return [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def imports_inside_functions(module: Module) -> int:
    """How many import statements stand inside functions."""
    inside = {
        node
        for function in functions(module)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    return len(inside)


def long_functions(module: Module) -> list[str]:
    """`file: function` of every function over 40 lines from its `def` to its end."""
    return [
        f"{module.file}: {node.name}"
        for node in functions(module)
        if (node.end_lineno or node.lineno) - node.lineno + 1 > FUNCTION_LINES
    ]


def is_long(module: Module) -> bool:
    """Whether a file has over 250 lines; a reference model, which is one file, may have 300."""
    return module.num_lines > (MODEL_LINES if module.name.startswith(MODELS) else FILE_LINES)


def _reachable(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [*graph[start]]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += graph[node]
    return seen


@dataclass(frozen=True)
class Structure:
    """What the table says of one tree."""

    title: str
    package: Mapping[str, Module]
    models: Mapping[str, Module]

    @cached_property
    def imports(self) -> Graph:
        """Between modules."""
        return import_graph(self.package)

    @cached_property
    def rooms(self) -> Graph:
        """Between rooms."""
        return room_graph(self.package, self.imports)

    @cached_property
    def root_names(self) -> Graph:
        """Between the first-level names: `runs/` and the others of `SPLIT` are one node each."""
        names: dict[str, set[str]] = {room.partition("/")[0]: set() for room in self.rooms}
        for room, targets in self.rooms.items():
            own = room.partition("/")[0]
            names[own] |= {target.partition("/")[0] for target in targets} - {own}
        return {name: frozenset(targets) for name, targets in names.items()}

    @property
    def every_module(self) -> list[Module]:
        """Of the package and of the reference models."""
        return [*self.package.values(), *self.models.values()]


def _count(arrows: Graph) -> int:
    return sum(len(targets) for targets in arrows.values())


ROWS: dict[str, Callable[[Structure], int]] = {
    "names at the root of `aigc_bench/`": lambda it: len(it.root_names),
    "arrows between them": lambda it: _count(it.root_names),
    "import cycles between them": lambda it: len(cycles(it.root_names)),
    "layers of them": lambda it: len(longest_chain(it.root_names)),
    "rooms": lambda it: len(it.rooms),
    "arrows between rooms": lambda it: _count(it.rooms),
    "import cycles between rooms": lambda it: len(cycles(it.rooms)),
    "layers of rooms": lambda it: len(longest_chain(it.rooms)),
    "modules": lambda it: len(it.package),
    "arrows between modules": lambda it: _count(it.imports),
    "layers of modules: length of the longest import chain": lambda it: len(longest_chain(it.imports)),
    "imports inside functions": lambda it: sum(map(imports_inside_functions, it.package.values())),
    f"functions over {FUNCTION_LINES} lines": lambda it: sum(len(long_functions(m)) for m in it.every_module),
    f"files over {FILE_LINES} lines (models: {MODEL_LINES})": lambda it: sum(map(is_long, it.every_module)),
}


def read_folder(folder: Path, title: str) -> Structure:
    """The tree in a folder that holds `aigc_bench/` and `models/`."""
    return Structure(title, read_package(folder / PACKAGE), read_package(folder / "models" / MODELS))


def read_commit(revision: str) -> Structure:
    """The tree of a commit, unpacked into a temporary folder."""
    git = ["git", "-C", str(TOP)]
    commit = subprocess.run([*git, "rev-parse", "--short=7", f"{revision}^{{commit}}"], capture_output=True, check=True)
    packed = subprocess.run([*git, "archive", revision, PACKAGE, "models"], capture_output=True, check=True)
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
        return read_folder(Path(folder), commit.stdout.decode().strip())


def table(trees: Sequence[Structure]) -> Iterator[str]:
    """The lines of the table."""
    yield "| | " + " | ".join(tree.title for tree in trees) + " |"
    yield "|---|" + "---|" * len(trees)
    for name, measure in ROWS.items():
        yield f"| {name} | " + " | ".join(str(measure(tree)) for tree in trees) + " |"


def details(tree: Structure) -> Iterator[str]:
    """The longest chain and the cycles, by name, below the table."""
    chain = [name.replace(f"{PACKAGE}.", "") for name in longest_chain(tree.imports)]
    yield f"**{tree.title}**, the longest import chain: {' → '.join(f'`{name}`' for name in chain)}."
    for group in cycles(tree.rooms):
        yield f"\nRooms that import each other: {', '.join(f'`{room}`' for room in group)}."
    yield ""


TEXT = """\
# How the package is put together

An *arrow* stands for one name that imports another; how often does not count. A *room* is a first-level name of
`aigc_bench/`; inside {split} it is a second-level one.
*Layers* are the links of the longest import chain, where modules that import each other are one link. Imports inside
functions, and those for type checkers alone, make arrows, too. Files are parsed, not imported.

Made by `{command}`.
"""


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--at", action="append", metavar="REF", help="a commit; repeatable (default: the working tree)")
    revisions = parser.parse_args().at or []
    trees = [read_commit(revision) for revision in revisions] or [read_folder(TOP, "working tree")]
    command = " ".join(["python experiments/structure.py", *(f"--at {revision}" for revision in revisions)])
    folders = [f"`{name}/`" for name in SPLIT]
    print(TEXT.format(split=f"{', '.join(folders[:-1])} and {folders[-1]}", command=command))
    print("\n".join(table(trees)), end="\n\n")
    print("\n".join(line for tree in trees for line in details(tree)).rstrip())


if __name__ == "__main__":
    main()

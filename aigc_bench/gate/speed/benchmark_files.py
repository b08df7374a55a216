"""Benchmark files of two sides: what a test consists of, and one side's files put in the place of the other's.

What is timed has to be the same on both sides. Either both run the files of one of them, or each runs its own, and a
test may be compared where it, its fixtures and its helpers are the same: comments and line breaks apart.
"""

from __future__ import annotations

import ast
import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aigc_bench.core.wording import listed
from aigc_bench.gate.sides.building import PROJECT_FILES

FilesOf = Literal["head", "base", "own"]
CONFTEST = "conftest.py"


def holds_tests(name: str) -> bool:
    """Whether pytest collects tests from a file of this name; any other file may be a helper of all of them."""
    stem = Path(name).stem
    return stem.startswith(("test_", "bench_")) or stem.endswith(("_test", "_bench"))


def python_files(top: Path, paths: Sequence[str]) -> dict[str, Path]:
    """Every Python file among the paths, and the conftest.py of the folders above them, by its name from the top."""
    files: set[Path] = set()
    for name in paths:
        path = top / name.partition("::")[0]
        files |= set(path.rglob("*.py")) if path.is_dir() else {path}
        files |= {folder / CONFTEST for folder in path.parents if folder.is_relative_to(top)}
    return {
        path.relative_to(top).as_posix(): path
        for path in sorted(files)
        if path.is_file() and "__pycache__" not in path.parts
    }


# ---- one side's files for both ----------------------------------------------------------------------


def put_in_place(paths: Sequence[str], source: Path, target: Path) -> None:
    """Give `target`, a checkout of ours, the benchmark files that `source` has, and take away those that it has not.

    A folder of nothing but benchmarks is replaced as a whole, with the data that lie in it; of any other only the files
    that hold tests, and every conftest.py.
    """
    for name in (path.partition("::")[0] for path in paths):
        holds_project = any((source / name / file).exists() for file in PROJECT_FILES)
        if (source / name).is_dir() and not holds_project:
            shutil.rmtree(target / name, ignore_errors=True)
            shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    ours, theirs = python_files(target, paths), python_files(source, paths)
    for name in ours.keys() - theirs.keys():
        if _is_benchmarks(name):
            ours[name].unlink()
    for name, path in theirs.items():
        if _is_benchmarks(name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)


def _is_benchmarks(name: str) -> bool:
    return holds_tests(name) or Path(name).name == CONFTEST


def shared_statement(files_of: FilesOf, paths: Sequence[str]) -> str:
    """What a reader has to know of whose files were run."""
    return f"Both sides run the benchmark files of {files_of} ({listed(paths)}); --benchmarks chooses others."


# ---- what a test consists of ------------------------------------------------------------------------


def digests_of_tests(top: Path, paths: Sequence[str]) -> dict[str, str]:
    """Name, as in `file::Class::function`, => SHA-256 over its source and all of these files that it uses.

    A file that cannot be parsed has none.
    """
    files = python_files(top, paths)
    modules = {name: module for name, path in files.items() if (module := _Module.read(name, path)) is not None}
    return {
        test: _digest(modules, modules[name], node)
        for name in files
        if holds_tests(name) and name in modules
        for test, node in modules[name].tests()
    }


@dataclass(frozen=True, slots=True)
class _Module:
    """A file's top-level names, and what each of them is."""

    name: str
    tree: ast.Module
    top: Mapping[str, ast.stmt]

    @classmethod
    def read(cls, name: str, path: Path) -> _Module | None:
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            return None
        return cls(name, tree, {bound: node for node in tree.body for bound in _bound(node)})

    def tests(self) -> Iterator[tuple[str, ast.stmt]]:
        """Every function and method that pytest would collect; of a method the whole class, which may set it up."""
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{self.name}::{node.name}", node
            elif isinstance(node, ast.ClassDef):
                for item in node.body:
                    if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
                        yield f"{self.name}::{node.name}::{item.name}", node

    def always(self) -> Iterator[ast.stmt]:
        """What concerns every test of the file: marks, and fixtures that are used without being asked for."""
        for name, node in self.top.items():
            if name == "pytestmark" or "autouse=True" in _source_of_decorators(node):
                yield node


def _bound(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
    return [child.id for child in ast.walk(node) if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)]


def _used(node: ast.AST) -> set[str]:
    """Names that a piece of code refers to: variables, and arguments and texts, which may be names of fixtures."""
    names: set[str] = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            names.add(child.id)
        elif isinstance(child, ast.arg):
            names.add(child.arg)
        elif isinstance(child, ast.Constant) and isinstance(child.value, str) and child.value.isidentifier():
            names.add(child.value)
    return names


def _source_of_decorators(node: ast.stmt) -> str:
    return " ".join(ast.unparse(item) for item in getattr(node, "decorator_list", ()))


def _digest(modules: Mapping[str, _Module], module: _Module, test: ast.stmt) -> str:
    conftests = [
        modules[name] for folder in Path(module.name).parents if (name := (folder / CONFTEST).as_posix()) in modules
    ]
    parts: dict[tuple[str, str], None] = {}
    queue = [(module, test), *((one, node) for one in (module, *conftests) for node in one.always())]
    while queue:
        where, node = queue.pop()
        key = (where.name, ast.unparse(node))
        if key in parts:
            continue
        parts[key] = None
        parts |= dict.fromkeys(_helpers(modules, where, node))
        for name in _used(node):
            queue += [(place, place.top[name]) for place in (where, *conftests) if name in place.top]
    return hashlib.sha256(repr(sorted(parts)).encode()).hexdigest()


def _helpers(modules: Mapping[str, _Module], where: _Module, node: ast.stmt) -> Iterator[tuple[str, str]]:
    """The files among the benchmarks that an import statement reads, as wholes."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return
    names = {alias.name.rpartition(".")[2] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        names.add(node.module.rpartition(".")[2])
    for name, module in modules.items():
        path = Path(name)
        if (path.parent.name if path.stem == "__init__" else path.stem) in names and module is not where:
            yield name, ast.unparse(module.tree)

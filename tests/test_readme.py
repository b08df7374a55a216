"""The README in both languages, and the how-to pages, followed word for word in a new folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from aigc_bench import core

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE_NAME = re.compile(r"# ([\w./-]+\.(?:py|toml))\n")
PAGES = sorted((ROOT / "docs" / "how-to").glob("*.md"))
COMMENT = re.compile(r"\s+#\s.*")
MAX_README_LINES = 150


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    language: str
    """console: run by the tests; sh: shown, for what needs files or weights that are not there"""
    text: str

    @property
    def file_name(self) -> str | None:
        """The file that the block's first line names, if it does."""
        match = FILE_NAME.match(self.text) if self.language in ("python", "toml") else None
        return match[1] if match else None


def blocks(path: Path) -> list[Block]:
    """Every fenced block of a page, in order."""
    return [Block(language, text) for language, text in BLOCK.findall(path.read_text(encoding="utf-8"))]


def shell(line: str, folder: Path) -> str:
    """Run a line as a reader would, in a shell, and return what it printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AIGC_BENCH_", "GITHUB_"))}
    who = {f"GIT_{role}_{what}": "toy" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**clean, **who, "PATH": path, "NO_COLOR": "1", "COLUMNS": "200"}
    done = subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def follow(path: Path, folder: Path) -> dict[str, str]:
    """Write every file of a page and run every command, in order; command => output."""
    outputs = {}
    for block in blocks(path):
        if block.file_name is not None:
            file = folder / block.file_name
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            outputs |= {line: shell(line, folder) for line in block.text.splitlines()}
    return outputs


EXPECTED = {
    "add-a-data-set": "fd_pixels",
    "add-a-metric": "brightness_pixels",
    "add-a-modality": "fd_values",
    "add-an-extractor": "fd_thumbnails",
    "gate-your-repository": "all names begin with mine:build:",
    "score-your-model": "mine:build",
    "score-your-samples": "auth_pct",
}


def test_every_how_to_page_is_followed() -> None:
    """A page without an expected output would be run without being looked at."""
    assert [path.stem for path in PAGES] == sorted(EXPECTED)


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_how_to_page_does_what_it_says(path: Path, tmp_path: Path) -> None:
    """Every file is written, every command ends with 0, and what the page is about is printed."""
    outputs = follow(path, tmp_path)
    assert outputs
    assert EXPECTED[path.stem] in "\n".join(outputs.values())
    speed = [output for line, output in outputs.items() if "gate speed" in line]
    assert all("test_sample" in output and ("PASS" in output or "INCONCLUSIVE" in output) for output in speed)
    quality = [output for line, output in outputs.items() if "gate quality" in line]
    assert all("PASS" in output for output in quality)


def test_both_languages_have_the_same_commands() -> None:
    """And the same files, comments apart."""
    english, chinese = (
        [Block(block.language, COMMENT.sub("", block.text)) for block in blocks(ROOT / name)]
        for name in ("README.md", "README.zh.md")
    )
    assert english
    assert english == chinese


def test_the_readme_is_short() -> None:
    """Long explanations have pages of their own."""
    for name in ("README.md", "README.zh.md"):
        assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_links_to_pages_and_folders_lead_somewhere(name: str) -> None:
    """Every relative link is a file or a folder of the repository."""
    links = re.findall(r"\]\(([^)#]+)", (ROOT / name).read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_the_api_page_lists_what_core_exports() -> None:
    """What plug-ins import is public, so it is documented."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").splitlines()
    assert [name for name in core.__all__ if f"::: aigc_bench.core.{name}" not in page] == []


def test_every_page_is_on_the_map() -> None:
    """A page that index.md does not link to is not found."""
    docs = ROOT / "docs"
    index = (docs / "index.md").read_text(encoding="utf-8")
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")} - {"index.md"}
    assert sorted(page for page in pages if f"({page}" not in index) == []

"""The description on a package index: the README, whose relative links would lead nowhere there."""

import re
from pathlib import Path

from setuptools import setup

PAGES = "https://github.com/aigc-bench/aigc-bench/blob/main/"
IMAGES = "https://raw.githubusercontent.com/aigc-bench/aigc-bench/main/"
RELATIVE = r"(!?)\[([^]]*)\]\((?![a-z]+:|#)([^)]+)\)"


def absolute(text: str) -> str:
    """Markdown with every relative link and image made absolute."""
    return re.sub(RELATIVE, lambda m: f"{m[1]}[{m[2]}]({IMAGES if m[1] else PAGES}{m[3]})", text)


if __name__ == "__main__":
    readme = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    setup(long_description=absolute(readme), long_description_content_type="text/markdown")

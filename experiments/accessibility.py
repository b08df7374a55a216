"""Every kind of page through axe-core in a headless Chromium: an automatic check of accessibility.

python experiments/accessibility.py   # needs npm and chromium; `tox -e accessibility` does the same

The pages are those of a small run, of samples that were scored, and of a gate. Serious and critical findings fail.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import aigc_bench
from aigc_bench.api.comparing import judged_quality
from aigc_bench.report.judgement.page import page

AXE = "axe-core@4.10.3"
TINY = ("generators.gan.budget.steps=5", "generators.vae.budget.steps=5", "speed.latency_calls=20")
FAILS = {"serious", "critical"}
RUN = """
<script>{axe}</script>
<script>
axe.run(document).then(found => {{
  const lines = found.violations.map(v => ({{id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.length,
                                            first: v.nodes[0].html.slice(0, 200)}}));
  document.documentElement.innerHTML = '<body><pre id="found"></pre></body>';
  document.getElementById('found').textContent = JSON.stringify(lines);
}});
</script>
"""


def pages(folder: Path) -> dict[str, str]:
    """Name => HTML."""
    options = aigc_bench.Options(store=folder / "store")
    suite = aigc_bench.resolve_suite("smoke", overrides=TINY)
    runs = [aigc_bench.run(suite, options)[1] for _ in range(2)]
    images = np.random.default_rng(0).integers(0, 256, (2, 120, 8, 8, 1), dtype=np.uint8)
    _, scored = aigc_bench.score({"扩散模型": images[0]}, images[1], features="pixels", options=options)
    judgement, pictures = judged_quality(*runs, claim="checkpoint", store=folder / "store")
    return {
        "run": (runs[0] / "report.html").read_text(encoding="utf-8"),
        "score": (scored / "report.html").read_text(encoding="utf-8"),
        "gate": page(judgement, pictures),
    }


def findings(text: str, axe: str, folder: Path) -> list[dict[str, str]]:
    """What axe-core finds in a page."""
    path = folder / "page.html"
    path.write_text(text.replace("</body>", RUN.format(axe=axe) + "</body>"), encoding="utf-8")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("chromium is not here: install it to check accessibility")
    done = subprocess.run(
        [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=60000", "--dump-dom", path],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    if found is None:
        raise SystemExit("axe-core did not come to an end")
    violations: list[dict[str, str]] = json.loads(html.unescape(found[1]))
    return violations


def main() -> None:
    """Print every finding; end with 1 if one is serious."""
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(["npm", "install", "--silent", "--prefix", name, AXE], check=True)
        axe = (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
        for kind, text in pages(folder).items():
            found = findings(text, axe, folder)
            print(f"{kind}: {len(found)} findings")
            for one in found:
                print(f"  {one['impact']}: {one['help']} ({one['id']}, {one['nodes']}): {one['first']}")
                failed |= one["impact"] in FAILS
    sys.exit(failed)


if __name__ == "__main__":
    main()

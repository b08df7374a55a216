"""How often the gate on quality is wrong, and what it catches, by its three claims.

python experiments/gate_quality.py --data mnist > quality.md

A VAE that the harness trains gives the samples. `weights` and `checkpoint`: sides that nothing tells apart, and sides
of which one is degraded. `recipe`: a pool of training seeds of the digits suite's VAE, split at random. What was judged
is kept in --store, line by line, so that a run that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from degradations import OF_IMAGES, collapsed, jittered, quantised, without_class
from quality_sides import Scorer, Side, rows_of
from torch import Tensor

import aigc_bench
from aigc_bench.api import running as api
from aigc_bench.api.options import Options
from aigc_bench.core import FeatureExtractor, Features, plugins
from aigc_bench.core.suites import cases
from aigc_bench.evidence import extractors
from aigc_bench.gate.quality.claims import Claim, QualityPolicy
from aigc_bench.gate.quality.judge import judge
from aigc_bench.gate.verdicts import Judgement
from aigc_bench.generators import drawing
from aigc_bench.runs.recorded import Recorded
from aigc_bench.runs.records import Run
from aigc_bench.runs.scoring.cases import SuiteRows
from aigc_bench.stats import binomial, noninferiority

METRICS = ("fd", "kd", "inception_score", "precision", "recall", "density", "coverage", "class_balance")
POLICY = QualityPolicy("weights")
"""with the defaults that users have"""
OF_POWER = ("fd", "kd", "precision", "coverage", "class_balance", "duplicates")
NUM_ALIKE = 1000
"""samples a side where nothing changed"""
NUM_REAL = 2000
EXTRACTORS = {"digits": "digits-cnn", "mnist": "mnist-cnn"}
VAE = '{{build="vae", batch_size=64, budget={{steps={steps}}}, options={{latent_dim=16, hidden=256}}}}'
DROPPED = 3
RECIPE_METRICS = ("fd", "kd")


class Journal:
    """Results by name, kept line by line in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.is_file() else []
        self._found = {one["name"]: one["value"] for one in map(json.loads, lines)}

    def value(self, name: str, produce: Callable[[], Any]) -> Any:
        """What is kept under the name, or is made now."""
        if name not in self._found:
            self._found[name] = produce()
            with self._path.open("a") as file:
                file.write(json.dumps({"name": name, "value": self._found[name]}) + "\n")
        return self._found[name]


@dataclass
class Lab:
    """A trained generator, its samples by seed, and their features."""

    rows: SuiteRows
    extractor: FeatureExtractor
    images: Tensor
    """(P, C, H, W) uint8, of seeds 0 … P - 1"""
    features: Features
    spare: Features
    """of further seeds, to stand in the place of others"""
    real: Features

    @classmethod
    def opened(cls, data: str, steps: int, num_pool: int, options: Options) -> Lab:
        """Train, or take from the cache, and draw."""
        suite = aigc_bench.resolve_suite(data, overrides=[f"generators=[{VAE.format(steps=steps)}]", "seeds=1"])
        rows = api.prepare(suite, options)
        extractor = extractors.extractor_for(rows.protocols[0], rows.split("reference"), rows.place)
        images, spare = drawn(rows, num_pool + num_pool // 4).split([num_pool, num_pool // 4])
        real = rows.dataset.reference.loaded().samples[:NUM_REAL]
        seen = [extractors.observed_features(extractor, samples) for samples in (images, spare, real)]
        return cls(rows, extractor, images, *seen)

    def seen(self, images: Tensor) -> Features:
        """The extractor's view."""
        return extractors.observed_features(self.extractor, images)

    def scorer(self, metrics: tuple[str, ...]) -> Scorer:
        """Scores by these metrics against the real side."""
        return Scorer(
            self.real, self.extractor.name, self.extractor.digest, [plugins.load("metric", name) for name in metrics]
        )


def drawn(rows: SuiteRows, num: int, bits: int | None = None) -> Tensor:
    """Samples of seeds 0 … num - 1 of the only generator; its weights rounded to `bits` where asked."""
    generator: Any = rows.subject(next(cases(rows.suite))).generator
    if bits is not None:
        generator.load_state_dict(quantised(generator.state_dict(), bits))
    return drawing.draw(generator, num, rows.place.device)


# ---- nothing changed ---------------------------------------------------------------------------------


def told(judgement: Judgement) -> dict[str, Any]:
    """Verdict and worsening by metric."""
    return {one.subject.partition(": ")[2]: [one.verdict, one.worsening] for one in judgement.decisions}


def judged(base: Recorded, head: Recorded, claim: Claim) -> dict[str, Any]:
    """What the gate says with its defaults."""
    return told(judge(base, head, QualityPolicy(claim), ""))


def copies(lab: Lab, scorer: Scorer, number: int) -> dict[str, Any]:
    """Samples and copies of them one level off, each pair's sides assigned at random; both claims."""
    random = np.random.default_rng([1, number])
    rows = torch.from_numpy(random.permutation(len(lab.images))[:NUM_ALIKE])
    first, second = rows_of(lab.features, rows), lab.seen(jittered(lab.images[rows], number))
    swapped = torch.from_numpy(random.random(NUM_ALIKE) < 0.5)[:, None]
    sides = (mixed(first, second, swapped), mixed(second, first, swapped))
    base, head = (scorer.side(name, side, seeded=True) for name, side in zip(("base", "head"), sides, strict=True))
    return {"weights": judged(base, head, "weights"), "checkpoint, shared seeds": judged(base, head, "checkpoint")}


def mixed(first: Features, second: Features, swapped: Tensor) -> Features:
    """The second's rows where swapped, else the first's."""
    assert first.logits is not None and second.logits is not None  # noqa: PT018 (both extractors classify)
    return Features(torch.where(swapped, second.pool, first.pool), torch.where(swapped, second.logits, first.logits))


def draws(lab: Lab, scorer: Scorer, number: int) -> dict[str, Any]:
    """Two sets of samples of unlike seeds."""
    order = torch.from_numpy(np.random.default_rng([2, number]).permutation(len(lab.images)))
    base, head = (
        scorer.side(name, rows_of(lab.features, order[start : start + NUM_ALIKE]), seeded=False)
        for name, start in (("base", 0), ("head", NUM_ALIKE))
    )
    return {"checkpoint, independent": judged(base, head, "checkpoint")}


def alike(lab: Lab, journal: Journal, runs: int) -> Iterator[str]:
    """The table of false alarms: by metric, and of a whole gate run."""
    scorer = lab.scorer(METRICS)
    found: dict[str, list[dict[str, Any]]] = {}
    for number in range(runs):
        for kind, make in (("copies", copies), ("draws", draws)):
            verdicts = journal.value(f"{kind} {number}", lambda make=make, number=number: make(lab, scorer, number))
            for claim, one in verdicts.items():
                found.setdefault(claim, []).append(one)
    yield "| claim | gate runs | decisions | REGRESSION | **runs that fail** | PASS | INCONCLUSIVE |"
    yield "|---|---|---|---|---|---|---|"
    for claim, judgements in found.items():
        verdicts = [verdict for one in judgements for verdict, _ in one.values()]
        failed = sum(any(verdict == "REGRESSION" for verdict, _ in one.values()) for one in judgements)
        yield (
            f"| {claim} | {len(judgements)} | {len(verdicts)} | {share(verdicts.count('REGRESSION'), len(verdicts))} "
            f"| **{share(failed, len(judgements))}** | {verdicts.count('PASS') / len(verdicts):.0%} "
            f"| {verdicts.count('INCONCLUSIVE') / len(verdicts):.0%} |"
        )


def share(hits: int, num: int) -> str:
    """A share with its exact binomial interval."""
    found = binomial.exact(hits, num)
    return f"{hits / num:.2%} ({found.low:.2%} to {found.high:.2%})"


# ---- something is worse ------------------------------------------------------------------------------


def degraded(lab: Lab) -> Iterator[tuple[str, Features]]:
    """Every way to be worse, with features of the whole pool so degraded."""
    yield "nothing", lab.features
    for name, change in OF_IMAGES.items():
        yield name, lab.seen(change(lab.images))
    yield f"class {DROPPED} dropped", without_class(lab.features, lab.spare, DROPPED)
    yield "collapse of 10 % to 10 samples", rows_of(lab.features, collapsed(len(lab.images), 0.1))
    for bits in (8, 5, 4):
        yield f"weights of {bits} bits", lab.seen(drawn(lab.rows, len(lab.images), bits))


def caught(lab: Lab, scorer: Scorer, worse: Features, num: int, number: int) -> dict[str, Any]:
    """By the claim of pairs, with the same seeds; and by that of checkpoints, with others."""
    order = torch.from_numpy(np.random.default_rng([3, number]).permutation(len(lab.images)))
    base, head, other = (
        scorer.side(name, rows_of(features, order[start : start + num]), seeded=False)
        for name, features, start in (("base", lab.features, 0), ("head", worse, 0), ("head", worse, num))
    )
    return {"weights": judged(base, head, "weights"), "checkpoint": judged(base, other, "checkpoint")}


def power(lab: Lab, journal: Journal, repeats: int, nums: list[int]) -> Iterator[str]:
    """The table of what is caught, of how many times."""
    scorer = lab.scorer(OF_POWER)
    titles = [f"{claim}, N = {num:,}" for claim in ("weights", "checkpoint") for num in nums]
    yield f"| degradation | fd worse by | {' | '.join(titles)} |"
    yield "|---" * (2 + len(titles)) + "|"
    for name, worse in degraded(lab):
        cells = []
        for num in nums:
            for number in range(repeats):
                made = journal.value(
                    f"{name}, {num}, {number}",
                    lambda worse=worse, num=num, number=number: caught(lab, scorer, worse, num, number),
                )
                cells.append((num, made))
        largest = [made["weights"] for num, made in cells if num == nums[-1]]
        change = np.median([value for one in largest for metric, (_, value) in one.items() if metric.startswith("fd")])
        columns = [verdicts([made[claim] for size, made in cells if size == num]) for claim in CLAIMS for num in nums]
        yield f"| {name} | {math.expm1(change):+.1%} | {' | '.join(columns)} |"


CLAIMS = ("weights", "checkpoint")


def verdicts(judgements: list[dict[str, Any]]) -> str:
    """How many gate runs fail, and by what."""
    failed = [{metric for metric, (verdict, _) in one.items() if verdict == "REGRESSION"} for one in judgements]
    counts = {name: sum(any(metric.startswith(name) for metric in one) for one in failed) for name in OF_POWER}
    parts = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    return f"**{sum(map(bool, failed))} of {len(failed)}**" + (f": {parts}" if parts else "")


# ---- recipes -----------------------------------------------------------------------------------------


def trained(steps: int, seeds: int, options: Options) -> Recorded:
    """The digits suite's VAE over so many training seeds; cached, a case at a time."""
    entry = f'{{build="vae", batch_size=128, budget={{steps={steps}}}, options={{latent_dim=16, hidden=256}}}}'
    metrics = f"metrics={json.dumps(list(RECIPE_METRICS))}"
    suite = aigc_bench.resolve_suite("digits", overrides=[f"generators=[{entry}]", metrics, f"seeds={seeds}"])
    run, folder = api.run(suite, options, on_event=progress)
    return Recorded("", run, folder)


def progress(event: Any) -> None:
    """A line per trained seed, on stderr."""
    if event.get("event") == "case":
        print(f"{event['name']} {event['seed']}", file=sys.stderr, flush=True)


def part(whole: Recorded, seeds: np.ndarray) -> Side:
    """The run as if it had these training seeds alone."""
    kept = set(seeds.tolist())
    scores = tuple(one for one in whole.run.scores if one.training_seed in kept)
    run: Run = whole.run.model_copy(update={"scores": scores})
    return Side("", run, whole.folder)


def recipes(full: Recorded, others: dict[str, Recorded], splits: int) -> Iterator[str]:
    """What so many against as many seeds say of the same recipe and of others; whether the number needed is right."""
    random = np.random.default_rng(4)
    yield (
        "| head | seeds a side | test | gate runs | fd: PASS | INCONCLUSIVE | REGRESSION | kd: REGRESSION "
        "| **runs that fail** |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for num in (5, 10):
        yield recipe_row(
            "the same recipe", num, "Welch's t", [one_split(full, full, num, random) for _ in range(splits)]
        )
        for title, other in others.items():
            for paired in (False, True):
                test = "paired t" if paired else "Welch's t"
                found = [one_split(full, other, num, random, paired=paired) for _ in range(splits)]
                yield recipe_row(title, num, test, found)
    yield ""
    refused = judge(part(full, np.arange(1)), part(full, np.arange(1, 2)), QualityPolicy("recipe"), "")
    yield f"One seed on each side: {refused.verdict}, exit code {refused.exit_code}: {refused.decisions[0].reason}."
    yield ""
    yield from needed(full, random, splits)


def one_split(
    base: Recorded, head: Recorded, num: int, random: np.random.Generator, *, paired: bool = False
) -> dict[str, Any]:
    """Two draws of seeds from their pools: disjoint of one pool, the same where paired, of two pools otherwise any."""
    sizes = [sum(one.status == "ok" for one in side.run.cases) for side in (base, head)]
    if base is head:
        order = random.permutation(sizes[0])
        sides = part(base, order[:num]), part(head, order[num : 2 * num])
    else:
        drawn_seeds = random.permutation(min(sizes))[:num]
        others = drawn_seeds if paired else random.permutation(sizes[1])[:num]
        sides = part(base, drawn_seeds), part(head, others)
    return told(judge(*sides, QualityPolicy("recipe", paired_seeds=paired), ""))


def recipe_row(title: str, num: int, test: str, judgements: list[dict[str, Any]]) -> str:
    """Shares of verdicts."""
    by_metric = {
        name: [verdict for one in judgements for metric, (verdict, _) in one.items() if metric.startswith(name)]
        for name in RECIPE_METRICS
    }
    shares = [f"{by_metric['fd'].count(word) / len(judgements):.1%}" for word in ("PASS", "INCONCLUSIVE")]
    worse = [f"{by_metric[name].count('REGRESSION') / len(judgements):.1%}" for name in RECIPE_METRICS]
    failed = sum(any(verdict == "REGRESSION" for verdict, _ in one.values()) for one in judgements)
    cells = [title, num, test, len(judgements), *shares, *worse, f"**{failed / len(judgements):.1%}**"]
    return f"| {' | '.join(map(str, cells))} |"


def needed(full: Recorded, random: np.random.Generator, splits: int) -> Iterator[str]:
    """The number of seeds that should pass with 80 % power, drawn from the pool with replacement, and how many do."""
    values = np.log([one.estimate.value for one in full.run.scores if one.metric.startswith("fd") and one.estimate
                     and one.training_seed is not None])  # fmt: skip
    yield "| detect | seeds a side that should decide | pass, of as many drawn from the pool | with half as many |"
    yield "|---|---|---|---|"
    for detect in (0.05, 0.10, 0.20):
        spread = float(values.std())  # of the pool as the whole population
        num = noninferiority.seeds_needed(spread, spread, math.log1p(detect))
        if num is None:
            continue
        passed = [pass_share(values, max(size, 2), detect, random, splits) for size in (num, num // 2)]
        yield f"| {detect:.0%} | {num} | {passed[0]:.0%} | {passed[1]:.0%} |"
    yield ""
    yield f"The pool's standard deviation of log fd is {values.std(ddof=1):.3f}, over {len(values)} seeds."


def pass_share(values: np.ndarray, num: int, detect: float, random: np.random.Generator, repeats: int) -> float:
    """How often the same recipe passes with so many seeds a side."""
    passed = 0
    for _ in range(repeats):
        sides = random.choice(values, (2, num))
        difference = noninferiority.welch(*sides.tolist())
        found = noninferiority.finding_of(difference, tolerance=math.log1p(POLICY.tolerance), detect=math.log1p(detect))
        passed += found.verdict == "PASS"
    return passed / repeats


def main() -> None:
    """Print the section of the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=sorted(EXTRACTORS), default="digits")
    parser.add_argument("--data-dir", type=Path, help="where MNIST lies")
    parser.add_argument("--store", type=Path, default=Path("runs-quality"), help="what was trained and judged")
    parser.add_argument("--steps", type=int, default=1500, help="of the VAE's training")
    parser.add_argument("--pool", type=int, default=20_000, help="samples to draw sides from")
    parser.add_argument("--runs", type=int, default=300, help="gate runs of each claim where nothing changed")
    parser.add_argument("--repeats", type=int, default=20, help="gate runs of each degradation")
    parser.add_argument("--nums", type=int, nargs="+", default=[1000, 5000], help="samples a side")
    parser.add_argument("--seeds", type=int, default=24, help="trained at full steps, and half as many at fewer")
    parser.add_argument("--recipe-steps", type=int, default=1500)
    parser.add_argument("--splits", type=int, default=1000, help="of the seeds into 5 and 5")
    parser.add_argument("--sections", nargs="+", default=["alike", "power", "recipe"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    options = Options(given.store / given.data, "cpu", 1, given.data_dir)
    given.store.mkdir(parents=True, exist_ok=True)
    journal = Journal(given.store / f"{given.data}-{given.steps}-{given.pool}.jsonl")
    print("## Quality\n")
    print(f"Made by `python {shlex.join(sys.argv)}`.\n")
    if {"alike", "power"} & set(given.sections):
        lab = Lab.opened(given.data, given.steps, given.pool, options)
        print(
            ABOUT.format(
                **vars(given),
                tolerance=POLICY.tolerance,
                detect=POLICY.detect,
                extractor=lab.extractor.name,
                num=NUM_ALIKE,
                real=len(lab.real.pool),
            )
        )
        for section, lines in (("alike", alike(lab, journal, given.runs)),
                               ("power", power(lab, journal, given.repeats, given.nums))):  # fmt: skip
            if section in given.sections:
                print(f"\n### {TITLES[section]}\n")
                for line in lines:
                    print(line, flush=True)
    if "recipe" in given.sections:
        print(f"\n### {TITLES['recipe']}\n")
        recipe_options = Options(given.store / "digits", "cpu", 1)
        steps = given.recipe_steps
        full = trained(steps, given.seeds, recipe_options)
        others = {
            f"{name} the steps": trained(steps // parts, max(given.seeds // 2, 10), recipe_options)
            for name, parts in (("half", 2), ("a quarter of", 4))
        }
        print(f"The digits suite's VAE: {given.seeds} seeds of {steps} steps, {max(given.seeds // 2, 10)} of fewer.\n")
        for line in recipes(full, others, given.splits):
            print(line, flush=True)


ABOUT = (
    "A VAE trained for {steps} steps on {data}, {pool:,} samples of it, features by `{extractor}`, {real:,} real "
    "samples. Tolerance {tolerance:.0%}, detect {detect:.0%}. Intervals are exact binomial ones, 95 %."
)
TITLES = {
    "alike": "Nothing changed: weights and checkpoints",
    "power": "What is caught: how many of the gate runs fail, and by which scores",
    "recipe": "Recipes: training seeds drawn from a pool",
}


if __name__ == "__main__":
    main()

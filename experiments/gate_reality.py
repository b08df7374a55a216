"""The gate on speed on this machine: its false alarms on identical code, and how surely it sees 5 % more work.

python experiments/gate_reality.py --runs 20 --slower-runs 8 >> reports/gate.md
python experiments/gate_reality.py --runs 20 --repository .. --which own   # this project's own benchmarks
python experiments/gate_reality.py --runs 6 --slower-runs 5 --apart        # a process at a time, and not in turns
python experiments/gate_reality.py --table                                 # of the traces that are there

Every run is a whole `gate speed`, from pilot to verdicts, with a seed of its own:

* *toy*: eight small workloads in a repository made here, with three commits, each built by pip into an environment of
  its own: base, one with the same files, and one in which every workload does 21 rounds in the place of 20.
* *own*: tests/benchmarks of this project; two commits with the same files, in two worktrees that share this
  interpreter, each with its own sources (to build torch's environment twice would take gigabytes).

A run's trace (all blocks of all processes, and the judgement) goes to reports/traces/gate; one that is there is not
measured again, and one that was interrupted goes on where it was. Others' rules are judged on the same traces: on
blocks that were taken in turns, which their own tools would not give them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gate_toy
import numpy as np
import peer_rules

from aigc_bench.gate.sides.sides import Asked
from aigc_bench.gate.speed.judge import gate_speed
from aigc_bench.gate.speed.measure import PytestFiles
from aigc_bench.gate.speed.planning import SpeedPolicy
from aigc_bench.gate.speed.session import Request
from aigc_bench.gate.verdicts import Judgement
from aigc_bench.stats import binomial

TRACES = Path(__file__).parents[1] / "reports" / "traces" / "gate"
BLOCKS = 7
DIGITS = 5
"""significant, of a block's seconds: finer than any clock's spread"""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is gated, and its commits."""

    name: str
    asked: Callable[[str, str], Asked]
    paths: tuple[str, ...]
    base: str
    same: str
    slower: str | None = None
    apart: bool = False
    """whether the processes of a pair run one after the other"""


def toy(folder: Path, *, apart: bool = False) -> Subject:
    """The toy, made where it is missing."""
    repository = gate_toy.made(folder / "toy")
    return Subject(
        "toy-apart" if apart else "toy",
        lambda *refs: Asked(refs=refs, folder=repository),
        ("bench",),
        "base",
        "same",
        "slower",
        apart,
    )


def own(repository: Path) -> Subject:
    """This project's benchmarks; the second commit has the first one's files, and no branch."""
    base = gate_toy.git(repository, "rev-parse", "HEAD")
    same = gate_toy.git(repository, "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "the same files")
    return Subject(
        "own",
        lambda *refs: Asked(refs=refs, shared_environment=True, folder=repository),
        ("tests/benchmarks/test_speed.py",),
        base,
        same,
    )


# ---- runs -------------------------------------------------------------------------------------------


def measure(subject: Subject, kind: str, number: int, store: Path, budget_s: float | None) -> None:
    """One gate, and its trace; nothing where the trace is there."""
    path = TRACES / f"{subject.name}-{kind}-{number:03d}.json.gz"
    if path.is_file():
        return
    head = subject.same if kind == "same" else subject.slower
    assert head is not None
    policy = SpeedPolicy(seed=1000 * number + (kind == "slower"), budget_s=budget_s, apart=subject.apart)
    command = f"aigc-bench gate speed {' '.join(subject.paths)} --base {subject.base} --head {head}"
    place = run_store(store, f"{subject.name}-{kind}-{number:03d}")
    asked = subject.asked(subject.base, head)
    judgement = gate_speed(asked, Request(PytestFiles(subject.paths), policy, place, command))
    [journal] = (place / "gate" / "journals").glob("*.jsonl")
    pairs = [record for line in journal.read_text().splitlines() if "pair" in (record := json.loads(line))]
    for pair in pairs:
        for side in ("base", "head"):
            pair[side] = {name: _rounded(value) for name, value in pair[side].items()}
    trace = {"subject": subject.name, "kind": kind, "number": number, "pairs": pairs}
    trace["judgement"] = judgement.model_dump(mode="json", exclude={"verdict", "exit_code"})
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(gzip.compress(json.dumps(trace, separators=(",", ":")).encode(), mtime=0))
    partial.rename(path)


def run_store(store: Path, name: str) -> Path:
    """A store with a journal of its own, and the environments of all runs."""
    environments, gate = store / "environments", store / name / "gate"
    for folder in (environments, gate):
        folder.mkdir(parents=True, exist_ok=True)
    if not (gate / "environments").exists():
        (gate / "environments").symlink_to(environments.resolve())
    return store / name


def _rounded(value: Any) -> Any:
    return [float(f"{one:.{DIGITS}g}") for one in value] if isinstance(value, list) else value


# ---- the table --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trace:
    """One run, read back."""

    subject: str
    kind: str
    pairs: Sequence[dict[str, Any]]
    judgement: Judgement

    @classmethod
    def read(cls, path: Path) -> Trace:
        """From its file."""
        found = json.loads(gzip.decompress(path.read_bytes()))
        return cls(found["subject"], found["kind"], found["pairs"], Judgement.model_validate(found["judgement"]))

    def blocks(self, side: str, name: str, num_processes: int) -> np.ndarray | None:
        """(processes · 7,) seconds of the first processes; None where there are not so many."""
        found = [
            pair[side][name][:BLOCKS] for pair in self.pairs[:num_processes] if isinstance(pair[side].get(name), list)
        ]
        return np.concatenate(found) if len(found) == num_processes else None


def table(traces: Sequence[Trace]) -> Iterator[str]:
    """Ours and the others', as Markdown."""
    yield "| what | code | rule | runs | decisions | REGRESSION | 95 %, over runs | PASS | undecided | pairs | spread |"
    yield "|---|---|---|---:|---:|---:|---|---:|---:|---:|---:|"
    for subject, kind in sorted({(trace.subject, trace.kind) for trace in traces}):
        group = [trace for trace in traces if (trace.subject, trace.kind) == (subject, kind)]
        code = "identical" if kind == "same" else "+5 % of work"
        yield f"| {subject} | {code} | **aigc-bench** | {_ours(group, math.inf)} |"
        yield f"| {subject} | {code} | **aigc-bench**, where pairs spread by 5 % at most | {_ours(group, 0.05)} |"
        rules = {**peer_rules.OF_ONE_PROCESS, **peer_rules.OF_TWO_PROCESSES}
        for name, rule in rules.items():
            num = 2 if name in peer_rules.OF_TWO_PROCESSES else 1
            yield f"| {subject} | {code} | {name} | {_theirs(group, group, rule, num)} | | | | |"
            if len(group) > 1:
                elsewhere = _theirs(group, [*group[1:], group[0]], rule, num)
                yield f"| {subject} | {code} | {name}, head of another run | {elsewhere} | | | | |"


def _ours(group: Sequence[Trace], widest: float) -> str:
    """Of decisions on pairs that spread no wider; what failed has no spread, and is counted where all are."""
    runs = [
        [one for one in trace.judgement.decisions if (one.spread if one.spread is not None else math.inf) <= widest]
        for trace in group
    ]
    found = [one for run in runs for one in run]
    if not found:
        return f"{len(group)} | 0 | | | | | | "
    count = Counter(one.verdict for one in found)
    spreads = [one.spread for one in found if one.spread is not None]
    hits = [sum(one.verdict == "REGRESSION" for one in run) for run in runs]
    rest = f"{count['PASS']} | {count['INCONCLUSIVE'] + count[None]} | {np.mean([one.num_units for one in found]):.1f}"
    return f"{_share(hits, [len(run) for run in runs])} | {rest} | {np.median(spreads):.3f}"


def _theirs(bases: Sequence[Trace], heads: Sequence[Trace], rule: Callable[..., np.ndarray], num: int) -> str:
    hits, trials = [], []
    for old, new in zip(bases, heads, strict=True):
        names = [one.subject for one in old.judgement.decisions]
        found = [(old.blocks("base", name, num), new.blocks("head", name, num)) for name in names]
        both = [(base, head) for base, head in found if base is not None and head is not None]
        hits.append(sum(int(rule(base[None], head[None])[0]) for base, head in both))
        trials.append(len(both))
    return _share(hits, trials)


def _share(hits: Sequence[int], trials: Sequence[int]) -> str:
    clustered = sum(num > 0 for num in trials) > 1
    share = binomial.clustered(hits, trials) if clustered else binomial.exact(sum(hits), sum(trials))
    text = f"{len(trials)} | {sum(trials)} | {sum(hits)} ({share.value:.1%})"
    return f"{text} | {share.low:.1%} to {share.high:.1%}"


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2, help="on identical code")
    parser.add_argument("--slower-runs", type=int, default=0, help="with 5 %% more work; of the toy alone")
    parser.add_argument("--which", choices=["toy", "own", "both"], default="toy")
    parser.add_argument("--repository", type=Path, default=Path(__file__).parents[1], help="of this project")
    parser.add_argument("--store", type=Path, default=Path("runs/gate-reality"))
    parser.add_argument("--budget", type=float, help="seconds for each run")
    parser.add_argument("--apart", action="store_true", help="the toy's processes one after the other, not in turns")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    options = parser.parse_args()
    if not options.table:
        options.store.mkdir(parents=True, exist_ok=True)
        subjects = [toy(options.store.resolve(), apart=options.apart)] if options.which != "own" else []
        subjects += [own(options.repository.resolve())] if options.which != "toy" else []
        for number in range(max(options.runs, options.slower_runs)):
            for subject in subjects:
                if number < options.runs:
                    measure(subject, "same", number, options.store, options.budget)
                if number < options.slower_runs and subject.slower:
                    measure(subject, "slower", number, options.store, options.budget)
    for line in table([Trace.read(path) for path in sorted(TRACES.glob("*.json.gz"))]):
        print(line)


if __name__ == "__main__":
    main()

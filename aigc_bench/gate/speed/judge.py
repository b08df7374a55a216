"""`gate speed`: pairs of fresh processes, tested by a group-sequential test while they come in => a judgement."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from aigc_bench.core import OnEvent
from aigc_bench.core.wording import listed, percent
from aigc_bench.gate.sides import repository
from aigc_bench.gate.sides.sides import Asked, Runnable, opened
from aigc_bench.gate.speed.journal import journal
from aigc_bench.gate.speed.measure import PytestFiles, Shared
from aigc_bench.gate.speed.pilot import Sorted, sorted_out
from aigc_bench.gate.speed.planning import Schedule, planned
from aigc_bench.gate.speed.preflight import Preflight, as_measured, machine_identity, preflight, unlike
from aigc_bench.gate.speed.readings import Pair
from aigc_bench.gate.speed.session import Request, Session
from aigc_bench.gate.speed.statements import error_rates, how_measured, spread_so_far
from aigc_bench.gate.speed.trials import Trial, run_pairs
from aigc_bench.gate.verdicts import Decision, Judgement
from aigc_bench.stats.looks import PAIRS

JOURNAL_VERSION = 2


def gate_speed(asked: Asked, request: Request, on_event: OnEvent = lambda event: None) -> Judgement:
    """Build or find both sides, measure them in pairs of processes, and judge.

    Raises:
        ConfigurationError: no such ref or interpreter, or options that make no sense together.
        BenchmarkFailedError: a side does not build. What fails later is a decision without a verdict.
        StoreError: the disk is full, or the journal is damaged or in use.
    """
    clock = time.perf_counter()
    with opened(asked, request.store, on_event) as (base, head):
        shared = request.benchmarks.shared(base, head) if isinstance(request.benchmarks, PytestFiles) else None
        found = gate_pair(base, head, request, on_event, clock)
        return found if shared is None else _with_own_files(found, shared, (base, head), request, on_event)


def _with_own_files(
    found: Judgement, shared: Shared, sides: tuple[Runnable, Runnable], request: Request, on_event: OnEvent
) -> Judgement:
    """The judgement, with what one side cannot run of the other's files compared by each side's own."""
    assert isinstance(request.benchmarks, PytestFiles)
    found = found.model_copy(
        update={"statements": (shared.statement, *found.statements), "removed": (*found.removed, *shared.gone)}
    )
    role = "base" if shared.changed is sides[0] else "head"
    failed = [d.subject for d in found.decisions if d.verdict is None and d.reason.startswith(f"{role} failed")]
    if not failed:
        return found
    repository.restore(shared.changed.cwd)
    has = request.benchmarks.tests(shared.changed)
    # A whole file stands for its tests, which then seem to be the other side's alone.
    absent = tuple(name for name in failed if "::" in name and name.partition("[")[0] not in has)
    paths = tuple(dict.fromkeys(name for name in failed if name not in absent))
    new = tuple(name for name in found.new if name.partition("::")[0] not in paths)
    if not paths:
        return _without(found, failed).model_copy(update={"new": (*new, *absent)})
    own = replace(request, benchmarks=replace(request.benchmarks, paths=paths, files_of="own"))
    other = gate_pair(*sides, own, on_event)
    names = [name for name in failed if "::" in name] or failed
    text = (
        f"{role} cannot run {len(names)} of these benchmarks as {request.benchmarks.files_of} has them: of these each "
        f"side ran its own ({listed(names)})."
    )
    return found.model_copy(
        update={
            "decisions": (*_without(found, failed).decisions, *other.decisions),
            "new": (*new, *absent, *other.new),
            "removed": tuple(dict.fromkeys((*found.removed, *other.removed))),
            "statements": (*found.statements, text),
        }
    )


def _without(found: Judgement, subjects: Sequence[str]) -> Judgement:
    return found.model_copy(update={"decisions": tuple(d for d in found.decisions if d.subject not in subjects)})


def gate_pair(
    base: Runnable,
    head: Runnable,
    request: Request,
    on_event: OnEvent = lambda event: None,
    clock: float | None = None,
) -> Judgement:
    """Measure two sides that can be run, and judge; `clock` is `time.perf_counter` when the gate began.

    Raises:
        BenchmarkFailedError: an interpreter cannot report its versions.
        StoreError: the disk is full, or the journal is damaged or in use.
    """
    clock = time.perf_counter() if clock is None else clock
    checked = preflight(base, head, request.benchmarks)
    if checked.refusal:
        refused = Decision(request.benchmarks.label, "speed", "INCOMPARABLE", checked.refusal)
        return _judgement(request, checked, Sorted((), (refused,), (), ()), (), clock)
    inputs = {
        "version": JOURNAL_VERSION,
        "base": (base.identity, base.argv, request.benchmarks.sources(base)),
        "head": (head.identity, head.argv, request.benchmarks.sources(head)),
        "benchmarks": request.benchmarks.inputs,
        "policy": (request.policy.tolerance, request.policy.detect, request.policy.budget_s, request.policy.seed),
        "apart": request.policy.apart,
        "machine": machine_identity(),
        "environments": [side.model_dump(mode="json")["environment"] for side in (checked.base, checked.head)],
    }
    with journal(request.store / "gate" / "journals", inputs, fresh=request.policy.fresh) as kept:
        session = Session(base, head, request, kept, on_event)
        return judged_speed(request, session, checked, clock)


def judged_speed(request: Request, session: Session, checked: Preflight, clock: float) -> Judgement:
    """Run the pilot, choose the looks, measure the pairs and judge; `clock` is `time.perf_counter` at the start."""
    pilot = session.pilot()
    session.longest_s = pilot.pair_s
    checked = replace(
        checked,
        base=as_measured(checked.base, pilot.base.process),
        head=as_measured(checked.head, pilot.head.process),
    )
    refusal = unlike(checked.base.environment, checked.head.environment)
    if refusal:
        refused = Decision(request.benchmarks.label, "speed", "INCOMPARABLE", refusal)
        return _judgement(request, checked, Sorted((), (refused,), (), ()), (), clock)
    benchmarks = sorted_out(pilot, checked, request.benchmarks.label)
    if not benchmarks.common:
        return _judgement(request, checked, benchmarks, _why_nothing(benchmarks), clock)
    schedule = planned(request.policy, pilot.pair_s, len(benchmarks.common))
    session.on_event({"event": "note", "text": schedule.statement})
    decisions, statements = _decided(session, benchmarks.common, schedule, pilot.seed)
    benchmarks = replace(benchmarks, decisions=(*decisions, *benchmarks.decisions))
    return _judgement(request, checked, benchmarks, statements, clock)


def _why_nothing(benchmarks: Sorted) -> tuple[str, ...]:
    if benchmarks.new or benchmarks.removed:
        only_head, only_base = len(benchmarks.new), len(benchmarks.removed)
        return (f"Nothing in common: {only_head} benchmarks only in head, {only_base} only in base.",)
    if benchmarks.decisions:
        return ()
    return ("No benchmark was found: the files hold no test that takes `benchmark`.",)


def _decided(
    session: Session, names: Sequence[str], schedule: Schedule, seed: int
) -> tuple[list[Decision], tuple[str, ...]]:
    """(a decision on each benchmark, statements on all of them), after measuring as many pairs as it takes."""
    if schedule.looks is None:
        reason = "the budget is too small for the first interim analysis"
        return [Decision(name, "speed", "INCONCLUSIVE", reason) for name in names], (schedule.statement,)
    looks = schedule.looks
    trials = [Trial.of(name, looks, schedule.confirming) for name in names]
    are_in_turns: list[bool] = []

    def measure(number: int, names: Sequence[str]) -> Pair | None:
        if number == PAIRS[0] and (text := spread_so_far(trials, looks)):
            session.on_event({"event": "note", "text": text})
        if pair := session.pair(number, names, seed):
            are_in_turns.append(pair.in_turns)
        return pair

    run_pairs(trials, measure, session.on_event)
    statements = [
        schedule.statement,
        *error_rates(trials, looks, confirmed=schedule.confirming is not None),
        how_measured(are_in_turns, seed),
    ]
    num_replayed = max(session.kept.num_read - 1, 0)
    if num_replayed:
        statements.append(
            f"{num_replayed} of the pairs were measured by an earlier run of this gate; --fresh forgets them."
        )
    return [trial.decision(session.stopped) for trial in trials], tuple(statements)


def _judgement(
    request: Request, checked: Preflight, benchmarks: Sorted, statements: Sequence[str], clock: float
) -> Judgement:
    policy = request.policy
    return Judgement(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        wall_s=time.perf_counter() - clock,
        command=request.command,
        suite=request.benchmarks.label,
        kind="speed",
        claim=f"head is not slower than base by more than the tolerance of {percent(policy.tolerance)}, measured in "
        f"pairs of fresh processes; PASS means credibly less than {percent(policy.detect)} slower",
        base=checked.base,
        head=checked.head,
        decisions=benchmarks.decisions,
        new=benchmarks.new,
        removed=benchmarks.removed,
        statements=(*statements, *checked.statements),
    )

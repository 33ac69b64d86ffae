"""The parent: one process per peer, of which one at a time measures, in alternating rounds."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

from .case import Case, difference
from .process import Worker
from .results import OURS, Row, Time

SLOW = 1.0  # seconds that a peer has measured, after which it has no more turns


class Limits(NamedTuple):
    """Bytes per second of a copy, read and written, and multiply-adds per second of a product of
    matrices."""

    copy: float
    product: float


def compare(
    case: Case, workers: dict[str, Worker], rounds: int, turn: float, limits: Limits
) -> Iterator[Row]:
    """Build a case everywhere, check that all compute the same, and time its passes."""
    gaps, passes = {}, {}
    for peer, worker in workers.items():
        answer = worker.ask("build", kind=case.kind, spec=case.spec)
        passes[peer] = answer.get("passes", [])
        gaps |= {peer: answer["gap"]} if "gap" in answer else {}
    endless: dict[str, Time] = {}  # peers ended in one pass are not tried in the next
    for name in case.passes:
        left = {peer: workers[peer] for peer in workers if not {peer} & {*gaps, *endless}}
        absent = {peer: "not offered" for peer in left if name not in passes[peer]}
        digests, slices = {}, {}
        for peer in [peer for peer in left if peer not in absent]:
            answer = left[peer].ask("check", case.limit, name=name, calls=case.calls)
            if "digest" in answer:
                digests[peer], seconds = answer["digest"], answer["seconds"]
                long = seconds > SLOW and peer != OURS
                slices[peer] = [{"best": seconds, "mean": seconds}] if long else []
            elif "at_least" in answer and peer != OURS:
                endless[peer] = Time(answer["at_least"], answer["at_least"], True)
            else:
                absent[peer] = answer["gap"]
        absent |= _differing(digests, case.tolerance)
        able = {peer: left[peer] for peer in left if peer in digests and peer not in absent}
        calls = _alternate(name, able, slices, absent, rounds, turn)
        times = {p: Time(*(_short(t / case.unit) for t in call[:2])) for p, call in calls.items()}
        facts = {peer: found for peer in able if (found := _facts(case, name, peer))}
        share = _share(case, name, calls, limits)
        place = case.suite, case.group, case.name, name
        yield Row(*place, times | endless, gaps | absent, facts, share, case.size)


def limits(worker: Worker, seconds: float) -> Limits:
    """Of this machine, just now: the best of as many seconds, for each of the two."""
    side, megabytes = 1536, 32
    worker.ask("build", kind="limits", spec={"side": side, "megabytes": megabytes})
    copy, product = (
        worker.ask("run", name=name, seconds=seconds)["best"] for name in ("copy", "product")
    )
    return Limits(2e6 * megabytes / copy, side**3 / product)


def _share(case: Case, name: str, times: dict[str, Time], limits: Limits) -> float | None:
    """The least time that the machine needs for the bytes or the products, against ours."""
    if name not in case.work or OURS not in times:
        return None
    moved, products = case.work[name]
    return _short(max(moved / limits.copy, products / limits.product) / times[OURS].median)


def _short(value: float) -> float:
    """No more digits than mean something."""
    return float(f"{value:.4g}")


def _facts(case: Case, name: str, peer: str) -> dict[str, Any]:
    """Peak memory and what else is asked, each in a fresh process."""
    facts: dict[str, Any] = {}
    if peer in case.memory:
        with Worker(peer) as worker:
            worker.ask("build", kind=case.kind, spec=case.spec)
            facts |= worker.ask("memory", name=name, calls=case.memory_calls)
    for question in case.questions:
        with Worker(peer) as worker:
            answer = worker.ask("ask_peer", question=question, name=name, **case.spec)
            facts |= {question: answer[question]} if question in answer else {}
    return facts


def _differing(digests: dict[str, Any], tolerance: float) -> dict[str, str]:
    """The peers that computed something else than the first, with what differs."""
    if not digests:
        return {}
    reference = digests[OURS] if OURS in digests else next(iter(digests.values()))
    found = {peer: difference(reference, theirs, tolerance) for peer, theirs in digests.items()}
    return {peer: f"computes something else: {wrong}" for peer, wrong in found.items() if wrong}


def _alternate(
    name: str,
    workers: dict[str, Worker],
    slices: dict[str, list[dict[str, float]]],
    gaps: dict[str, str],
    rounds: int,
    seconds: float,
) -> dict[str, Time]:
    """Add turns of the peers to their slices of time; what they come to."""
    for _ in range(rounds):
        for peer, worker in workers.items():
            if peer in gaps or sum(done["mean"] for done in slices[peer]) > SLOW:
                continue
            answer = worker.ask("run", name=name, seconds=seconds)
            if "gap" in answer:
                gaps[peer] = answer["gap"]
            else:
                slices[peer].append(answer)
    return {
        peer: Time(min(s["best"] for s in done), statistics.median(s["mean"] for s in done))
        for peer, done in slices.items()
        if done and peer in workers and peer not in gaps
    }


def run(cases: Iterable[Case], peers: Iterable[str], rounds: int, seconds: float) -> Iterator[Row]:
    """The rows of the cases, each as soon as it is measured."""
    with ExitStack() as stack:
        workers = {peer: stack.enter_context(Worker(peer)) for peer in (OURS, *peers)}
        reached = limits(workers[OURS], 10 * seconds)
        for case in cases:
            yield from compare(case, workers, rounds, seconds, reached)

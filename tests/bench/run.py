"""The parent: one process per peer, of which one at a time measures, in alternating rounds."""

from __future__ import annotations

import json
import os
import select
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .case import Case, difference

ROOT = Path(__file__).resolve().parents[2]
OURS = "lucid"
SLOW = 2.0  # seconds of a call that is measured once


class Time(NamedTuple):
    """Seconds of a call: best of all, and median of the rounds' means. At least so many, where it
    was given up."""

    best: float
    median: float
    at_least: bool = False


class Row(NamedTuple):
    """What was measured of one pass of a case; `gaps` says why a peer has no time."""

    case: Case
    name: str
    times: dict[str, Time]
    gaps: dict[str, str]

    def ratio(self, peer: str) -> float | None:
        """How many times as long as ours the peer takes."""
        if peer not in self.times or OURS not in self.times:
            return None
        return self.times[peer].median / self.times[OURS].median


class Worker:
    """The process of one peer, started when it is first asked, and again if it has died."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, do: str, patience: float = 100, **request: Any) -> dict[str, Any]:
        """Its answer; a gap if it dies, or is ended after `patience` seconds."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps({"do": do, **request}).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return {"gap": self._ended()}
        if not select.select([process.stdout], [], [], patience)[0]:
            self.close()
            return {"gap": f"no end after {patience:.0f} s", "at_least": patience}
        line = process.stdout.readline()
        return json.loads(line) if line else {"gap": self._ended()}

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.worker", self.peer],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if os.environ.get("LUCID_BENCH_STDERR") else subprocess.DEVNULL,
            )
        return self._process

    def _ended(self) -> str:
        assert self._process is not None
        code = self._process.wait()
        self.close()
        return f"the process ended with {code}"


def compare(case: Case, workers: dict[str, Worker], rounds: int, seconds: float) -> Iterator[Row]:
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
        digests = {}
        for peer in [peer for peer in left if peer not in absent]:
            answer = left[peer].ask("check", case.limit, name=name, calls=case.calls)
            if "digest" in answer:
                digests[peer] = answer["digest"]
            elif "at_least" in answer and peer != OURS:
                endless[peer] = Time(answer["at_least"], answer["at_least"], True)
            else:
                absent[peer] = answer["gap"]
        absent |= _differing(digests, case.tolerance)
        able = {peer: left[peer] for peer in left if peer in digests and peer not in absent}
        times = _alternate(name, able, absent, rounds, seconds)
        yield Row(case, name, times | endless, gaps | absent)


def _differing(digests: dict[str, Any], tolerance: float) -> dict[str, str]:
    """The peers that computed something else than the first, with what differs."""
    if not digests:
        return {}
    reference = digests[OURS] if OURS in digests else next(iter(digests.values()))
    found = {peer: difference(reference, theirs, tolerance) for peer, theirs in digests.items()}
    return {peer: f"computes something else: {wrong}" for peer, wrong in found.items() if wrong}


def _alternate(
    name: str, workers: dict[str, Worker], gaps: dict[str, str], rounds: int, seconds: float
) -> dict[str, Time]:
    slices: dict[str, list[dict[str, float]]] = {peer: [] for peer in workers}
    for _ in range(rounds):
        for peer, worker in workers.items():
            if peer in gaps or (slices[peer] and slices[peer][0]["mean"] > SLOW):
                continue
            answer = worker.ask("run", name=name, seconds=seconds)
            if "gap" in answer:
                gaps[peer] = answer["gap"]
            else:
                slices[peer].append(answer)
    return {
        peer: Time(min(s["best"] for s in done), statistics.median(s["mean"] for s in done))
        for peer, done in slices.items()
        if done and peer not in gaps
    }


def run(
    cases: Iterable[Case],
    peers: Iterable[str],
    rounds: int,
    seconds: float,
    show: Callable[[Row], None],
) -> list[Row]:
    """All rows of the cases, each shown as soon as it is measured."""
    workers = {peer: Worker(peer) for peer in (OURS, *peers)}
    rows = []
    try:
        for case in cases:
            for row in compare(case, workers, rounds, seconds):
                show(row)
                rows.append(row)
    finally:
        for worker in workers.values():
            worker.close()
    return rows

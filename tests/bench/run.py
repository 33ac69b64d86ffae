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
    """Seconds of a call: best of all, and median of the rounds' means."""

    best: float
    median: float


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

    def __init__(self, peer: str, patience: float = 120) -> None:
        self.peer, self.patience = peer, patience
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Its answer; a gap if it dies or takes longer than `patience` seconds."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps({"do": do, **request}).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return {"gap": self._ended()}
        if not select.select([process.stdout], [], [], self.patience)[0]:
            self.close()
            return {"gap": f"no answer in {self.patience:.0f} s"}
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
    """Build a case everywhere, check that all computed the same, and time its passes."""
    answers = {
        peer: worker.ask("build", kind=case.kind, spec=case.spec, calls=case.calls)
        for peer, worker in workers.items()
    }
    for name in case.passes:
        found = {
            peer: answer if "gap" in answer else answer["passes"].get(name, {"gap": "not offered"})
            for peer, answer in answers.items()
        }
        gaps = {peer: answer["gap"] for peer, answer in found.items() if "gap" in answer}
        digests = {peer: answer["digest"] for peer, answer in found.items() if peer not in gaps}
        for peer, theirs in digests.items():
            wrong = difference(next(iter(digests.values())), theirs, case.tolerance)
            gaps |= {peer: f"computes something else: {wrong}"} if wrong else {}
        able = {peer: worker for peer, worker in workers.items() if peer not in gaps}
        times = _alternate(name, able, gaps, rounds, seconds)
        yield Row(case, name, {p: times[p] for p in able if p in times}, gaps)


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

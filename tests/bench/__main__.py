"""Speed and memory beside PyTorch, plain MLX and JAX. `tests/bench/RESULTS.md` is what it wrote."""

from __future__ import annotations

import argparse
import re
import shlex
import signal
import sys
import time
from collections.abc import Iterator

import lucid  # noqa: F401  before mlx: it loads the BLAS

# isort: split
from . import data, ops, overhead, report, results, scaling, steps
from .case import Case
from .machine import describe
from .results import OURS, Row
from .run import run
from .worker import PEERS

SUITES = {"ops": ops, "steps": steps, "overhead": overhead, "scaling": scaling, "data": data}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"of {', '.join(SUITES)}")
    parser.add_argument("--rows", default="", help="those in whose 'group: name' this is found")
    parser.add_argument("--peers", nargs="*", default=[p for p in PEERS if p != OURS])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.07, help="of a peer's turn in a round")
    parser.add_argument("--write", action="store_true", help="keep the rows, write RESULTS.md")
    chosen = parser.parse_args()
    unknown = {*chosen.suites} - {*SUITES} | {*chosen.peers} - {*PEERS}
    if unknown:
        parser.error(
            f"unknown: {', '.join(sorted(unknown))}; suites are {', '.join(SUITES)}; "
            f"peers are {', '.join(PEERS)}"
        )
    return chosen


def selected(suites: list[str], pattern: str) -> Iterator[Case]:
    found = re.compile(pattern, re.IGNORECASE).search
    cases = (case for name in suites or SUITES for case in SUITES[name].cases())
    return (case for case in cases if found(f"{case.group}: {case.name}"))


def write(rows: list[Row]) -> None:
    command = shlex.join(["python", "-m", "tests.bench", *sys.argv[1:]])
    run = {"machine": describe(), "command": command, "date": time.strftime("%Y-%m-%d")}
    results.save({row.suite: run for row in rows}, rows)
    report.PATH.write_text(report.document(*results.load()))
    print(f"wrote {report.PATH}")


if __name__ == "__main__":
    chosen = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was measured is written still
    rows: list[Row] = []
    try:
        for row in run(
            selected(chosen.suites, chosen.rows), chosen.peers, chosen.rounds, chosen.seconds
        ):
            print(report.line(row), flush=True)
            rows.append(row)
    finally:  # also of a run that is ended early
        print(report.summary(rows))
        if chosen.write:
            write(rows)

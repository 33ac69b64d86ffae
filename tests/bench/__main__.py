"""The command line of the benchmark: `python -m tests.bench --help`."""

from __future__ import annotations

import argparse
import re
from statistics import geometric_mean

import lucid  # noqa: F401  before mlx: it loads the BLAS

# isort: split
from . import ops, steps
from .case import Case
from .run import OURS, Row, run
from .worker import PEERS

SUITES = {"ops": ops.cases, "steps": steps.cases}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"of {', '.join(SUITES)}")
    parser.add_argument("--rows", default="", help="only rows in whose 'group: name' this is found")
    parser.add_argument("--peers", nargs="*", default=[p for p in PEERS if p != OURS])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.07, help="of a peer's turn in a round")
    chosen = parser.parse_args()
    unknown = [s for s in chosen.suites if s not in SUITES] + [
        p for p in chosen.peers if p not in PEERS
    ]
    if unknown:
        parser.error(
            f"unknown: {', '.join(unknown)}; suites: {', '.join(SUITES)}; peers: {', '.join(PEERS)}"
        )
    return chosen


def selected(suites: list[str], pattern: str) -> list[Case]:
    found = re.compile(pattern, re.IGNORECASE).search
    return [case for name in suites or SUITES for case in SUITES[name]() if found(case.label)]


def show(row: Row) -> None:
    """A row as it is measured: our milliseconds, then each peer's and the ratio to ours."""
    cells = []
    for peer, time in row.times.items():
        ratio = row.ratio(peer)
        text = f"{peer} {time.median * 1e3:9.3f} ms"
        cells.append(text if peer == OURS or ratio is None else f"{text} {ratio:6.2f}x")
    cells += [f"{peer}: {reason}" for peer, reason in row.gaps.items()]
    print(f"{row.case.label[:60]:60} {row.name:8} {'  '.join(cells)}", flush=True)


def means(rows: list[Row]) -> None:
    """The geometric mean of the ratios of each group and pass."""
    groups = dict.fromkeys((row.case.group, row.name) for row in rows)
    for group, name in groups:
        members = [row for row in rows if (row.case.group, row.name) == (group, name)]
        for peer in dict.fromkeys(peer for row in members for peer in row.times if peer != OURS):
            ratios = [r for row in members if (r := row.ratio(peer)) is not None]
            if ratios:
                print(
                    f"{group:22} {name:8} {peer:12} mean {geometric_mean(ratios):6.2f}x  least "
                    f"{min(ratios):6.2f}x  of {len(ratios)}"
                )


if __name__ == "__main__":
    chosen = arguments()
    rows = run(
        selected(chosen.suites, chosen.rows), chosen.peers, chosen.rounds, chosen.seconds, show
    )
    means(rows)

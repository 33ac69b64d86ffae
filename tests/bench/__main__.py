"""The command line of the benchmark: `python -m tests.bench --help`."""

from __future__ import annotations

import argparse
import re

import lucid  # noqa: F401  before mlx: it loads the BLAS

# isort: split
from . import ops, overhead, scaling, steps
from .case import Case
from .results import OURS, Row, mean, ratios
from .run import run
from .worker import PEERS

SUITES = {
    "ops": ops.cases,
    "steps": steps.cases,
    "overhead": overhead.cases,
    "scaling": scaling.cases,
}


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


def duration(seconds: float) -> str:
    """With the unit that suits it."""
    for factor, unit in ((1e6, "us"), (1e3, "ms")):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


def show(row: Row) -> None:
    """A row as it is measured: our time, then each peer's and the ratio to ours."""
    cells = []
    for peer, time in row.times.items():
        ratio = row.ratio(peer)
        text = f"{peer} {'>' if time.at_least else ''}{duration(time.median)}"
        text += f" ({ratio:.2f}x)" if ratio is not None and peer != OURS else ""
        cells.append(f"{text:24}")
    cells += [f"{peer}: {reason}" for peer, reason in row.gaps.items()]
    cells += [f"{peer}: {facts}" for peer, facts in row.facts.items()]
    cells += [] if row.share is None else [f"share {row.share:.2f}"]
    print(f"{row.group}: {row.name}"[:60].ljust(60), f"{row.variant:9}", *cells, flush=True)


def summary(rows: list[Row]) -> None:
    """The geometric mean of the ratios of each group and variant."""
    for group, variant in dict.fromkeys((row.group, row.variant) for row in rows):
        members = [row for row in rows if (row.group, row.variant) == (group, variant)]
        for peer in dict.fromkeys(peer for row in members for peer in row.times if peer != OURS):
            found = ratios(members, peer)
            if found:
                text = f"mean {mean(members, peer):.2f}x, least {min(found):.2f}x"
                print(f"{group:22} {variant:9} {peer:12} {text} of {len(found)}")


if __name__ == "__main__":
    chosen = arguments()
    cases = selected(chosen.suites, chosen.rows)
    summary(run(cases, chosen.peers, chosen.rounds, chosen.seconds, show))

"""Rows of results, and the file that keeps the latest of each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from statistics import geometric_mean
from typing import Any, NamedTuple

OURS = "lucid"
PATH = Path(__file__).with_name("results.json")


class Time(NamedTuple):
    """Seconds of one thing: the best of all, and the median of the rounds' means. At least so
    many, where it was given up."""

    best: float
    median: float
    at_least: bool = False


class Row(NamedTuple):
    """What was measured of one pass of a case; `gaps` says why a peer has no time."""

    suite: str
    group: str
    name: str
    variant: str
    times: dict[str, Time]
    gaps: dict[str, str]
    facts: dict[str, dict[str, Any]]  # by peer: answers that are not times
    share: float | None  # of the limit of the machine that we reach
    size: float | None  # that times and memory are to grow with

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.suite, self.group, self.name, self.variant

    def ratio(self, peer: str) -> float | None:
        """How many times as long as ours the peer takes, by medians."""
        if peer not in self.times or OURS not in self.times:
            return None
        return self.times[peer].median / self.times[OURS].median


def ratios(rows: Iterable[Row], peer: str) -> list[float]:
    return [ratio for row in rows if (ratio := row.ratio(peer)) is not None]


def mean(rows: Iterable[Row], peer: str) -> float | None:
    """The geometric mean of the ratios to a peer."""
    found = ratios(rows, peer)
    return geometric_mean(found) if found else None


def load(path: Path = PATH) -> tuple[dict[str, Any], list[Row]]:
    """By suite, on what machine and by which command it last ran; and all rows."""
    if not path.exists():
        return {}, []
    kept = json.loads(path.read_text())
    return kept["runs"], [_row(entry) for entry in kept["rows"]]


def _row(entry: dict[str, Any]) -> Row:
    times = {peer: Time(*time) for peer, time in entry.pop("times").items()}
    return Row(times=times, **entry)


def save(runs: dict[str, Any], rows: Iterable[Row], path: Path = PATH) -> None:
    """Suites and rows that were measured anew take the place of older ones; the others stay."""
    before, older = load(path)
    merged = {row.key: row for row in (*older, *rows)}
    entries = [json.dumps(row._asdict()) for row in merged.values()]
    text = json.dumps(before | runs, indent=1)
    path.write_text('{"runs": %s,\n"rows": [\n%s\n]}\n' % (text, ",\n".join(entries)))  # noqa: UP031

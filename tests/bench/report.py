"""The results as text: a line for a row as it is measured, and RESULTS.md from all that is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .goals import goals, slopes
from .results import OURS, Row, mean, ratios

PATH = Path(__file__).with_name("RESULTS.md")

HEAD = """# Benchmark

Made by `python -m tests.bench --write`; see `python -m tests.bench --help` for less at a time.
[CAUSES.md](CAUSES.md) says what was measured of each goal that is missed.

Each peer runs in a process of its own, and one at a time measures, in alternating rounds. A cell
of a peer is its time over ours: **above 1 we are faster**. The first figure compares medians of the
rounds, the one in brackets the best calls of all. All peers start at the same numbers, and what
they compute is compared before it is timed.

- `torch`: PyTorch on the CPU, eager, with all its threads. It stands in the rows of compiled steps,
  too, as it is.
- `mlx`: plain MLX as pip installs it, in its own layout (N, L, C): `mlx.nn`, `mx.value_and_grad`,
  `mx.compile` where a row says compiled. On Linux that is with the wheel's slow reference BLAS.
- `mlx-openblas`: the same with the OpenBLAS that lucid loads, with all its threads, but without
  lucid's settings of the allocator and of evaluation. A goal that names plain MLX counts as met
  only if it holds here, too.
- `jax`: JAX on the CPU, under `jax.jit`. Compilation is not timed.
- Share: of the limit of the machine, which is the time of a copy of the bytes that have to move, or
  of a matrix product with as many multiply-adds, whichever is longer; both measured just before.
- Times of `overhead` are per operation, times of `data` per recording.
- Primitives of MLX are counted in the graph of a step. On a Metal GPU those that are no views are
  launches, and the graph is another: our shaders and MLX's fused norms are one primitive each. That
  graph is built here, with stand-ins that compute zeros. Nothing ran on Metal.
- Memory: growth of the resident peak in a fresh process whose model and data are there.
"""


def duration(seconds: float) -> str:
    """With the unit that suits it."""
    for factor, unit in ((1e6, "us"), (1e3, "ms")):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


def line(row: Row) -> str:
    """Our time, then each peer's and the ratio to ours."""
    cells = [f"{row.group}: {row.name}"[:60].ljust(60), f"{row.variant:9}"]
    for peer, time in row.times.items():
        ratio = row.ratio(peer)
        text = f"{peer} {'>' if time.at_least else ''}{duration(time.median)}"
        text += f" ({ratio:.2f}x)" if ratio is not None and peer != OURS else ""
        cells.append(f"{text:24}")
    cells += [f"{peer}: {reason}" for peer, reason in row.gaps.items()]
    cells += [f"{peer}: {facts}" for peer, facts in row.facts.items()]
    cells += [] if row.share is None else [f"share {row.share:.2f}"]
    return " ".join(cells)


def summary(rows: Sequence[Row]) -> str:
    """The geometric mean of the ratios of each group and variant."""
    body = []
    for group, variant in dict.fromkeys((row.group, row.variant) for row in rows):
        members = [row for row in rows if (row.group, row.variant) == (group, variant)]
        cells = [group, variant, str(len(members))]
        for peer in _peers(rows):
            found, average = ratios(members, peer), mean(members, peer)
            cells.append(f"{average:.2f} (least {min(found):.2f})" if average is not None else "")
        body.append(cells)
    return _table(["group", "variant", "rows", *_peers(rows)], body)


def document(runs: dict[str, Any], rows: Sequence[Row]) -> str:
    """RESULTS.md. The machine is described once for all suites that ran on it."""
    parts, machine = [HEAD], None
    for suite, run in runs.items():
        if run["machine"] != machine:
            machine = run["machine"]
            facts = "".join(f"- {name}: {value}\n" for name, value in machine.items())
            parts.append(f"The machine of what follows:\n\n{facts}")
        members = [row for row in rows if row.suite == suite]
        parts.append(f"## {suite}\n\n`{run['command']}`, {run['date']}\n")
        parts += [part for part in _sections(suite, members) if part]
    return "\n".join(parts)


def _sections(suite: str, rows: Sequence[Row]) -> Iterable[str]:
    reached = goals(suite, rows)
    if reached:
        yield _table(
            ["goal", "found", ""],
            [[g.text, g.found, "met" if g.met else "missed"] for g in reached],
        )
    yield summary(rows)
    yield _times(rows)
    yield _facts(rows, "memory", "MB after the first steps, after all", _pair)
    yield _facts(rows, "primitives", "primitives of MLX in a step (without views)", _count)
    yield _facts(rows, "launches", "the same as on a Metal GPU (see above)", _count)
    yield _facts(rows, "cpu", "CPU seconds of all threads", lambda seconds: f"{seconds:.2f}")
    yield _slopes(rows)
    gaps = {
        f"- {row.name}, {row.variant}, {peer}: {reason}"
        for row in rows
        for peer, reason in row.gaps.items()
        if reason not in EXPECTED
    }
    if gaps:
        yield "Not measured:\n\n" + "\n".join(sorted(gaps)) + "\n"


EXPECTED = ("not offered", "no op", "no stack", "no loader")  # by peers for whom a suite is not


def _times(rows: Sequence[Row]) -> str:
    peers, shares = _peers(rows), any(row.share is not None for row in rows)
    body = []
    for row in rows:
        cells = [f"{row.group}: {row.name}", row.variant]
        ours = row.times.get(OURS)
        cells.append(f"{duration(ours.median)} ({duration(ours.best)})" if ours else "")
        cells += [_ratio(row, peer) for peer in peers]
        cells += [f"{row.share:.2f}" if row.share is not None else ""] if shares else []
        body.append(cells)
    return _table(["row", "variant", "lucid", *peers, *(["share"] if shares else [])], body)


def _ratio(row: Row, peer: str) -> str:
    ratio = row.ratio(peer)
    if ratio is None:
        return duration(row.times[peer].median) if peer in row.times else ""
    if row.times[peer].at_least:
        return f"over {ratio:.0f}"
    return f"{ratio:.2f} ({row.times[peer].best / row.times[OURS].best:.2f})"


def _pair(peaks: Sequence[float]) -> str:
    return f"{peaks[0]:.0f}, {peaks[1]:.0f}"


def _count(counts: dict[str, int]) -> str:
    return f"{counts['primitives']} ({counts['computing']})"


def _facts(rows: Sequence[Row], name: str, title: str, text: Any) -> str:
    """A table of one kind of answers; nothing where there are none."""
    chosen = [row for row in rows if any(name in facts for facts in row.facts.values())]
    peers = list(dict.fromkeys(p for row in chosen for p in row.facts if name in row.facts[p]))
    body = [
        [f"{row.group}: {row.name}", row.variant]
        + [text(row.facts[p][name]) if name in row.facts.get(p, {}) else "" for p in peers]
        for row in chosen
    ]
    return f"{title}:\n\n" + _table(["row", "variant", *peers], body) if chosen else ""


def _slopes(rows: Sequence[Row]) -> str:
    found = {peer: slopes(rows, peer) for peer in (OURS, *_peers(rows))}
    body = [
        [f"{what} {group}", *(_number(found[peer][group][what]) for peer in found)]
        for group in found[OURS]
        for what in found[OURS][group]
    ]
    return "Slopes of the logarithms, upper half:\n\n" + _table(["", *found], body) if body else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _peers(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(peer for row in rows for peer in row.times if peer != OURS))


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)

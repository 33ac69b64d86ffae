"""What the benchmark is to show, and whether the rows show it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from .models import TINY
from .results import OURS, Row, mean, ratios

MLX = ("mlx", "mlx-openblas")  # a goal that names plain MLX has to hold against both
RECURRENT = "LSTM tagger"
LEAK = 1.1  # later peak over earlier peak; allocators round


class Goal(NamedTuple):
    text: str
    found: str
    met: bool


def goals(suite: str, rows: Sequence[Row]) -> list[Goal]:
    """Those that the rows of a suite decide."""
    return list(SUITES[suite](rows)) if suite in SUITES and rows else []


def _at_least(text: str, least: float, values: Iterable[float | None]) -> Iterator[Goal]:
    """Nothing where nothing was measured."""
    known = [value for value in values if value is not None]
    if known:
        yield Goal(text, ", ".join(f"{value:.2f}" for value in known), min(known) >= least)


def _ops(rows: Sequence[Row]) -> Iterator[Goal]:
    def of(variant: str, *groups: str) -> list[Row]:
        return [row for row in rows if row.variant == variant and row.group in groups]

    sparse = ("depthwise", "transposed", "transposed depthwise")
    for variant, name in (("forward", "forward"), ("both", "forward + backward")):
        chosen = of(variant, *sparse)
        text = f"depthwise and transposed rows, {name}, geometric mean over PyTorch: 1.5"
        yield from _at_least(text, 1.5, [mean(chosen, "torch")])
        text = f"depthwise and transposed rows, {name}, least row over PyTorch: 0.9"
        yield from _at_least(text, 0.9, [min(ratios(chosen, "torch"), default=None)])
        text = f"dense rows, {name}, geometric mean over PyTorch: 1.0"
        yield from _at_least(text, 1.0, [mean(of(variant, "dense"), "torch")])
        chosen = of(variant, *sparse[1:])
        text = f"transposed rows, {name}, geometric mean over plain MLX, and with OpenBLAS: 20"
        yield from _at_least(text, 20, [mean(chosen, peer) for peer in MLX])


def _steps(rows: Sequence[Row]) -> Iterator[Goal]:
    for mode in ("eager", "compiled"):
        chosen = [row for row in rows if row.variant == mode]
        text = f"{mode}, least network over mlx.nn {mode}, and with OpenBLAS: 1.0"
        yield from _at_least(text, 1.0, [min(ratios(chosen, peer), default=None) for peer in MLX])
        convolutional = [row for row in chosen if row.name != RECURRENT]
        text = f"{mode}, least convolutional network over PyTorch eager: 1.0"
        yield from _at_least(text, 1.0, [min(ratios(convolutional, "torch"), default=None)])
        yield from _memory(chosen, mode)
        yield from _launches(chosen, mode)


def _memory(rows: Sequence[Row], mode: str) -> Iterator[Goal]:
    peaks = [
        {peer: facts["memory"] for peer, facts in row.facts.items() if "memory" in facts}
        for row in rows
    ]
    text = f"{mode}, PyTorch's peak memory over ours, least network: 1.0"
    both = [peak for peak in peaks if {OURS, "torch"} <= peak.keys()]
    yield from _at_least(text, 1.0, [min((p["torch"][1] / p[OURS][1] for p in both), default=None)])
    text = (
        f"{mode}, peak memory after few steps over that after many, least network: {1 / LEAK:.2f}"
    )
    few = [peak[OURS][0] / peak[OURS][1] for peak in peaks if OURS in peak]
    yield from _at_least(text, 1 / LEAK, [min(few, default=None)])


def _launches(rows: Sequence[Row], mode: str) -> Iterator[Goal]:
    found = [
        row.facts[peer]["launches"]["computing"] / row.facts[OURS]["launches"]["computing"]
        for row in rows
        for peer in MLX
        if all("launches" in row.facts.get(name, {}) for name in (OURS, peer))
    ]
    text = f"{mode}, launches on Metal of mlx.nn's step over those of ours, least network: 1.0"
    yield from _at_least(text, 1.0, [min(found, default=None)])


def _overhead(rows: Sequence[Row]) -> Iterator[Goal]:
    operations = [row for row in rows if row.group.startswith("operations")]
    for variant in ("built", "no grad", "grad"):
        extra = [
            1e6 * (row.times[OURS].median - row.times["mlx"].median)
            for row in operations
            if row.variant == variant and {OURS, "mlx"} <= row.times.keys()
        ]
        if extra:
            text = f"{variant}, most microseconds per operation over raw MLX: 2"
            yield Goal(text, f"{max(extra):.1f}", max(extra) <= 2)
    for variant in ("grad", "backward"):
        chosen = [row for row in operations if row.variant == variant]
        text = f"{variant}, least operation over PyTorch: 1.0"
        yield from _at_least(text, 1.0, [min(ratios(chosen, "torch"), default=None)])
    tiny = [row for row in rows if row.name == TINY]
    text = f"step of {TINY}, eager and compiled, over PyTorch eager: 1.5"
    found = [row.ratio("torch") for row in tiny]
    known = [ratio for ratio in found if ratio is not None]
    if known:  # the better of the two is what a user can have
        yield Goal(text, ", ".join(f"{r:.2f}" for r in known), max(known) >= 1.5)


def slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Of the logarithms, by least squares over the upper half, where constant costs are small."""
    upper = sorted(points)[len(points) // 2 :]
    if len(upper) < 2:
        return None
    x, y = ([math.log(values[axis]) for values in upper] for axis in (0, 1))
    middle = sum(x) / len(x)
    weights = [a - middle for a in x]
    return sum(w * b for w, b in zip(weights, y, strict=True)) / sum(w * w for w in weights)


def slopes(rows: Sequence[Row], peer: str) -> dict[str, dict[str, float | None]]:
    """By group: of time and of peak memory against the size."""
    found = {}
    for group in dict.fromkeys(row.group for row in rows if row.size is not None):
        members = [row for row in rows if row.group == group and row.size is not None]
        times = [(row.size, row.times[peer].median) for row in members if peer in row.times]
        memory = [
            (row.size, row.facts[peer]["memory"][0])
            for row in members
            if "memory" in row.facts.get(peer, {})
        ]
        found[group] = {"time": slope(times), "memory": slope(memory)}
    return found


def _scaling(rows: Sequence[Row]) -> Iterator[Goal]:
    for group, found in slopes(rows, OURS).items():
        for what, value in found.items():
            if value is not None:
                text = f"{what} {group}, slope of the logarithms: 1.0, within 0.1"
                yield Goal(text, f"{value:.2f}", abs(value - 1) <= 0.1)


SUITES: dict[str, Callable[[Sequence[Row]], Iterator[Goal]]] = {
    "ops": _ops,
    "steps": _steps,
    "overhead": _overhead,
    "scaling": _scaling,
}

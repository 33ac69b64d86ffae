"""What parent and peers share: a case, its random numbers, and a digest of what it computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

SAMPLES = 64  # values of each result that are compared


@dataclass(frozen=True)
class Case:
    """Something that every peer does. `kind` names the method of the peer that builds it from
    `spec`; `passes` are the variants that are timed."""

    suite: str
    group: str
    name: str
    kind: str
    spec: dict[str, Any]
    passes: tuple[str, ...]
    tolerance: float = 1e-3  # of the largest value; float32 sums in another order
    calls: int = 1  # of each pass, whose results are compared
    limit: float = 100  # seconds that these may take, compilation included
    unit: int = 1  # things done in a call, each of which the times are of
    size: float | None = None  # that time and memory are to grow with
    memory: tuple[str, ...] = ()  # the peers whose peak memory is measured
    memory_calls: tuple[int, int] = (5, 12)  # after which: a leak shows as a difference
    questions: tuple[str, ...] = ()  # that are put to the peers' methods of these names
    work: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By pass: bytes to move, multiply-adds to do."""


class Built(NamedTuple):
    """A case as a peer built it: functions by pass, and how a result becomes NumPy arrays in
    PyTorch's layout."""

    passes: dict[str, Callable[[], Any]]
    numpy: Callable[[Any], Sequence[np.ndarray]]


def draw(seed: int, *shape: int) -> np.ndarray:
    """The same numbers between -1 and 1 in every process."""
    values = np.asarray(np.random.default_rng([seed, *shape]).random(shape, dtype=np.float32))
    values *= 2
    values -= 1
    return values


def digest(arrays: Sequence[np.ndarray]) -> list[dict[str, Any]]:
    """The shape and a few values of each array, fit for JSON."""
    parts = []
    for array in arrays:
        flat = np.asarray(array).reshape(-1)
        places = np.linspace(0, flat.size - 1, min(SAMPLES, flat.size)).astype(int)
        values = flat[places].astype(float).tolist()
        parts.append({"shape": list(np.shape(array)), "values": values})
    return parts


def difference(ours: list[dict[str, Any]], theirs: list[dict[str, Any]], tolerance: float) -> str:
    """Where two digests differ, in words; nothing where they agree."""
    if len(ours) != len(theirs):
        return f"{len(theirs)} results instead of {len(ours)}"
    for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if a["shape"] != b["shape"]:
            return f"result {number} has shape {b['shape']} instead of {a['shape']}"
        x, y = np.array(a["values"]), np.array(b["values"])
        scale = np.abs(x).max(initial=0.0)
        error = np.abs(x - y).max(initial=0.0)
        if not error <= tolerance * scale + 1e-12:
            return f"result {number} differs by {error:.2g} of {scale:.2g}"
    return ""

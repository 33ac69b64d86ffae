"""Suite `scaling`: time and memory of a training step against the length and the batch."""

from __future__ import annotations

from collections.abc import Iterator

from .case import Case

LENGTHS = tuple(2**power for power in range(12, 23, 2))
BATCHES = (1, 4, 16, 64)
PAIR = ("lucid", "torch")


def cases() -> Iterator[Case]:
    for length in LENGTHS:
        yield stack("with the length", f"length {length}", length, batch=1, length=length, count=3)
    for batch in BATCHES:
        yield stack("with the batch", f"batch {batch}", batch, batch=batch, length=2**14, count=3)
    for segments in (1, 3, 6):
        name = f"{segments} segments" if segments > 1 else "without"
        spec = {"batch": 4, "length": 2**15, "count": 12, "segments": segments}
        yield stack("checkpoints", name, None, **spec)


def stack(group: str, name: str, size: float | None, **spec: int) -> Case:
    """`count` residual blocks, in `segments` of which backward computes again what is inside."""
    return Case(
        "scaling",
        group,
        name,
        "stack",
        spec,
        ("step",),
        memory=PAIR,
        memory_calls=(1, 3),
        size=size,
    )

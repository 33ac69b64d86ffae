"""Suite `scaling`: time and memory of a training step against the length and the batch."""

from __future__ import annotations

from collections.abc import Iterator

from .case import Case

LENGTHS = tuple(2**power for power in range(12, 23, 2))
SMALL = {"channels": 4, "count": 3}  # 4 GB at the greatest length
BATCHES = (1, 4, 16, 64)


def cases() -> Iterator[Case]:
    for length in LENGTHS:
        yield stack("with the length", f"length {length}", length, batch=1, length=length, **SMALL)
    for batch in BATCHES:
        yield stack("with the batch", f"batch {batch}", batch, batch=batch, length=2**14, **SMALL)
    for segments in (1, 4, 12):
        name = f"{segments} segments" if segments > 1 else "without"
        spec = {"batch": 4, "channels": 32, "length": 4000, "count": 24}
        yield stack("checkpoints", name, None, segments=segments, **spec)


def stack(group: str, name: str, size: float | None, **spec: int) -> Case:
    """`count` residual blocks, in `segments` of which backward computes again what is inside."""
    return Case(
        "scaling",
        group,
        name,
        "stack",
        spec,
        ("step",),
        memory=("lucid", "torch"),
        memory_calls=(1, 3),
        size=size,
    )

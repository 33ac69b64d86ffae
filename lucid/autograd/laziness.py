"""Keep MLX's laziness out of sight: a pending graph never grows without bound.

MLX computes nothing until somebody asks. A loop such as `total = total + loss(model(x), y)` would
therefore hold every batch until `total` is read. So each tensor knows when the oldest pending
operation behind it was issued; once that is more than `HORIZON` operations ago, the tensor is
evaluated in the background. Nobody has to call `eval()`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mlx.core as mx

HORIZON = 256

_clock = 0
_tracing = 0


def tick() -> int:
    """The serial number of the next operation."""
    global _clock
    _clock += 1
    return _clock


def watch(tensors: Sequence[Any], born: int, now: int) -> None:
    """Note the age of what is behind new tensors; start computing where it is too old."""
    if now - born > HORIZON and not _tracing:
        mx.async_eval([t.array for t in tensors])
    else:
        for t in tensors:
            t._born = born


def settle(tensors: Sequence[Any]) -> None:
    """Start computing `tensors` now, and let go of the graph behind them."""
    if _tracing or not tensors:
        return
    mx.async_eval([t.array for t in tensors])
    for t in tensors:
        t._born = None


def is_tracing() -> bool:
    """True while MLX traces a function: values cannot be read."""
    return _tracing > 0


@contextmanager
def tracing() -> Iterator[None]:
    """While MLX traces a function (compile, vmap, grad) nothing may be evaluated."""
    global _tracing
    _tracing += 1
    try:
        yield
    finally:
        _tracing -= 1

"""Random keys: one stream for the whole process, and a key of its own for every draw.

MLX's own random state is kept per thread, and a process may abort at exit after another thread
has drawn from it (MLX 0.32.4). With an explicit key nothing is kept there.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import mlx.core as mx

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_lock = threading.Lock()
_state = int.from_bytes(os.urandom(8), "little")
_branch: ContextVar[list[int] | None] = ContextVar("branch", default=None)


def get_state() -> int:
    """Where the stream stands: 64 bits."""
    return _state


def set_state(state: int) -> None:
    """Go on with the stream from `state`."""
    global _state
    with _lock:
        _state = state & _MASK


def next_key() -> mx.array:
    """A new key: the next output of SplitMix64 (Steele, Lea and Flood, 2014)."""
    global _state
    branch = _branch.get()
    if branch is None:
        with _lock:
            z = _state = (_state + _STEP) & _MASK
    else:
        z = branch[0] = (branch[0] + _STEP) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    z ^= z >> 31
    return mx.array([z >> 32, z & 0xFFFFFFFF], mx.uint32)


@contextmanager
def branch(state: int) -> Iterator[None]:
    """Let this thread draw from a stream of its own, begun at `state`; the other one stands still.

    So what is drawn inside does not depend on what other threads draw at the same time.
    """
    token = _branch.set([state & _MASK])
    try:
        yield
    finally:
        _branch.reset(token)

"""What Python computes in every call of a function compiled by `lucid.compile`.

A compiled function runs its Python once. What has to be computed anew each time, such as the next
random key or this step's bias correction, is an action: it changes the Python state that it
belongs to, and returns arrays and the way back. Outside of `lucid.compile` it simply runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import mlx.core as mx

Undo = Callable[[], Any]
Action = Callable[[], tuple[list[mx.array], Undo]]


class Changed(Exception):
    """An action found something else than when it was recorded: the function is traced again."""


class _Local(threading.local):
    watcher: Any = None  # while a function is being compiled: sees every action


_local = _Local()


def watcher() -> Any:
    """What watches this thread, or None."""
    return _local.watcher


def watch(new: Any) -> Any:
    """Let `new` see the actions of this thread; returns what did so before."""
    before, _local.watcher = _local.watcher, new
    return before


def arrays(action: Action, undo: list[Undo]) -> list[mx.array]:
    """Run an action and return its arrays; its way back is appended to `undo`."""
    watching = _local.watcher
    if watching is not None:
        return watching.act(action, undo)
    found, back = action()
    undo.append(back)
    return found

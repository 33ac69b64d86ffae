"""Whether operations are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`.

The mode is a `ContextVar`, so every thread and every asyncio task has its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

recording: ContextVar[bool] = ContextVar("recording", default=True)


def is_grad_enabled() -> bool:
    """True where operations are recorded for `backward`.

    >>> import lucid
    >>> with lucid.no_grad():
    ...     lucid.is_grad_enabled()
    False
    """
    return recording.get()


class set_grad_enabled:
    """Switch recording on or off, as a context manager or a decorator.

    >>> import lucid
    >>> x = lucid.ones(2, requires_grad=True)
    >>> with lucid.set_grad_enabled(False):
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self._outer: list[bool] = []  # a stack: the same object may be entered again inside itself

    def __enter__(self) -> None:
        self._outer.append(recording.get())
        recording.set(self.mode)

    def __exit__(self, *exception: object) -> None:
        recording.set(self._outer.pop())

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with set_grad_enabled(self.mode):
                return function(*args, **kwargs)

        return wrapped


class no_grad(set_grad_enabled):
    """Do not record: results do not require grad, and keep nothing alive.

    >>> import lucid
    >>> x = lucid.ones(2, requires_grad=True)
    >>> with lucid.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(set_grad_enabled):
    """Record again inside a `no_grad` block.

    >>> import lucid
    >>> x = lucid.ones(2, requires_grad=True)
    >>> with lucid.no_grad(), lucid.enable_grad():
    ...     (x * 2).requires_grad
    True
    """

    def __init__(self) -> None:
        super().__init__(True)

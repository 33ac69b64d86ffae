"""Whether operations are recorded: `no_grad`, `enable_grad`, `inference_mode`, `set_grad_enabled`.

The mode is a `ContextVar`, so every thread and every asyncio task has its own.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any

recording: ContextVar[bool] = ContextVar("recording", default=True)
_inference: ContextVar[bool] = ContextVar("inference", default=False)


def is_grad_enabled() -> bool:
    """True where operations are recorded for `backward`.

    >>> import lucid
    >>> with lucid.no_grad():
    ...     lucid.is_grad_enabled()
    False
    """
    return recording.get()


def is_inference_mode_enabled() -> bool:
    """True inside `inference_mode`.

    >>> lucid.is_inference_mode_enabled()
    False
    """
    return _inference.get()


class _Switch:
    """A mode as a context manager and as a decorator, also of generators."""

    mode: bool

    def __init__(self) -> None:
        self._outer: list[Any] = []  # a stack: the same object may be entered again inside itself

    def __enter__(self) -> None:
        self._outer.append(recording.get())
        recording.set(self.mode)

    def __exit__(self, *exception: object) -> None:
        recording.set(self._outer.pop())

    def __call__(self, function: Callable) -> Callable:
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generated(*args: Any, **kwargs: Any) -> Any:
                return _inside(self, function(*args, **kwargs))

            return generated

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return wrapped


def _inside(mode: _Switch, generator: Generator) -> Generator:
    """The generator, which runs in the mode; between its values the caller's own holds."""
    step: Callable[[], Any] = functools.partial(next, generator)
    try:
        while True:
            try:
                with mode:
                    value = step()
            except StopIteration as stop:
                return stop.value
            try:
                sent = yield value
            except GeneratorExit:
                raise
            except BaseException as error:
                step = functools.partial(generator.throw, error)
            else:
                step = functools.partial(generator.send, sent)
    finally:
        with mode:
            generator.close()


class set_grad_enabled(_Switch):
    """Switch recording on or off: for good, as a context manager, or as a decorator.

    >>> import lucid
    >>> x = lucid.ones(2, requires_grad=True)
    >>> with lucid.set_grad_enabled(False):
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.mode = bool(mode)
        self._before: bool | None = recording.get()  # what `with` and a decorator go back to
        recording.set(self.mode)

    def __enter__(self) -> None:
        if self._before is not None:
            recording.set(self._before)
            self._before = None
        super().__enter__()

    def __call__(self, function: Callable) -> Callable:
        if self._before is not None:
            recording.set(self._before)
            self._before = None
        return super().__call__(function)


class _Plain(_Switch):
    """A mode without arguments, which decorates with and without parentheses."""

    def __new__(cls, function: Callable | None = None) -> Any:
        return super().__new__(cls) if function is None else cls()(function)

    def __init__(self, function: Callable | None = None) -> None:
        super().__init__()


class no_grad(_Plain):
    """Do not record: results do not require grad, and keep nothing alive.

    >>> import lucid
    >>> x = lucid.ones(2, requires_grad=True)
    >>> with lucid.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    mode = False


class enable_grad(_Plain):
    """Record again inside a `no_grad` block.

    >>> import lucid
    >>> x = lucid.ones(2, requires_grad=True)
    >>> with lucid.no_grad(), lucid.enable_grad():
    ...     (x * 2).requires_grad
    True
    """

    mode = True


class inference_mode(_Switch):
    """`no_grad` under another name. In torch its results may never meet autograd again; here they
    are constants like any other.

    >>> import lucid
    >>> with lucid.inference_mode():
    ...     lucid.is_inference_mode_enabled(), lucid.is_grad_enabled()
    (True, False)
    """

    def __new__(cls, mode: Any = True) -> Any:
        return cls()(mode) if callable(mode) else super().__new__(cls)

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self.mode = not mode

    def __enter__(self) -> None:
        self._outer.append(_inference.get())
        _inference.set(not self.mode)
        super().__enter__()

    def __exit__(self, *exception: object) -> None:
        super().__exit__()
        _inference.set(self._outer.pop())

"""Anomaly mode: which line of the forward pass it was whose gradient is NaN."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import mlx.core as mx

from lucid.autograd import laziness

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

on = False  # nodes note where they were recorded
checks = True  # every gradient of the walk is looked at


def is_anomaly_enabled() -> bool:
    """True in anomaly mode."""
    return on


def is_anomaly_check_nan_enabled() -> bool:
    """True where anomaly mode, if it is on, looks for NaN."""
    return checks


class set_detect_anomaly:
    """Switch anomaly mode on or off, for good or as a context manager.

    In it, every operation notes the line of your program that called it, and a backward that
    meets a NaN raises a RuntimeError with that line. Every gradient is computed and looked at as
    soon as it is there, and `vmap` calls its function sample by sample, so this is slow: it is for
    finding a fault. Out of it nothing is noted.

    Args:
        mode: on or off.
        check_nan: False only notes the lines.

    >>> import lucid
    >>> x = lucid.tensor(0.0, requires_grad=True)
    >>> with lucid.autograd.set_detect_anomaly(True):
    ...     y = 0 * lucid.sqrt(x)
    ...     y.backward()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    RuntimeError: the backward of 'sqrt' gave NaN as gradient of its input 0 of shape (). ...
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        global on, checks
        self._outer = on, checks
        on, checks = bool(mode), bool(check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        global on, checks
        on, checks = self._outer


class detect_anomaly:
    """Anomaly mode inside a `with` block; see `set_detect_anomaly`.

    >>> import lucid
    >>> with lucid.autograd.detect_anomaly():
    ...     lucid.autograd.is_anomaly_enabled()
    True
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

        self._inside: list[set_detect_anomaly] = []  # it may be entered again inside itself

    def __enter__(self) -> None:
        self._inside.append(set_detect_anomaly(True, self.check_nan))

    def __exit__(self, *exception: object) -> None:
        self._inside.pop().__exit__()


_stepping: ContextVar[Any] = ContextVar("stepping", default=None)


@contextmanager
def stepping(node: Any) -> Iterator[None]:
    """What is recorded inside belongs to the backward of `node`."""
    token = _stepping.set(node)
    try:
        yield
    finally:
        _stepping.reset(token)


def origin() -> str:
    """Where the operation that runs now was called, and whose backward it is part of."""
    node = _stepping.get()
    if node is None:
        return caller()
    before = getattr(node, "origin", "  an unknown line: anomaly mode was off")
    return f"{caller()}\nas part of the backward of {node.name!r}, recorded at\n{before}"


def caller() -> str:
    """The innermost line that runs now outside of this package, as in a traceback."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    path, line, name = frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name
    text = linecache.getline(path, line, frame.f_globals).strip()
    return f'  File "{path}", line {line}, in {name}' + (f"\n    {text}" if text else "")


def check(node: Any, gradients: Any) -> None:
    """Raise where a gradient that `node` handed on is NaN."""
    if not checks or laziness.is_tracing():
        return
    for position, gradient in enumerate(gradients):
        if gradient is None:
            continue
        array = gradient if isinstance(gradient, mx.array) else gradient.array
        if array.size and mx.any(mx.isnan(array)).item():
            origin = getattr(node, "origin", None)
            raise RuntimeError(
                f"the backward of {node.name!r} gave NaN as gradient of its input {position} of "
                f"shape {array.shape}. "
                + (
                    f"The operation was recorded at\n{origin}"
                    if origin
                    else "Where it was recorded is not known: the forward pass has to run in "
                    "anomaly mode too"
                )
            )

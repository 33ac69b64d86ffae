"""Two halves of a convolution at the same time.

A CPU stream of MLX is one thread, and the matmuls of a depthwise convolution are too small for the
threads of a BLAS, so a second stream is what keeps a second core busy. Measured on 2 cores: passes
over memory of up to 16 MB take half the time, and a change of streams 1 us.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import mlx.core as mx

T = TypeVar("T")
LEAST = 1 << 17  # elements of a signal; below, starting the second thread costs what it saves

_threads = threading.local()  # a stream belongs to the thread that made it


def _other_stream() -> mx.Stream:
    if not hasattr(_threads, "stream"):
        _threads.stream = mx.new_stream(mx.cpu)
    return _threads.stream


def at_once(first: Callable[[], T], second: Callable[[], T]) -> tuple[T, T]:
    """The results of both; on the CPU each is computed by a thread of its own."""
    if mx.default_device() != mx.cpu:
        return first(), second()
    with mx.stream(_other_stream()):
        one = first()
    return one, second()


def _cuts(x: mx.array, groups: int) -> int:
    """The axis of x (N, C, L) along which to halve it: samples, else groups, or -1: not at all."""
    if x.size < LEAST:
        return -1
    return 0 if x.shape[0] > 1 else 1 if groups > 1 else -1


def halved(form: Callable[..., mx.array]) -> Callable[..., mx.array]:
    """A convolution form(x, w, length, ...) by halves of the samples, or of the groups."""

    @wraps(form)
    def both(x: mx.array, w: mx.array, length: int, *, groups: int, **place: int) -> mx.array:
        axis = _cuts(x, groups)
        if axis < 0:
            return form(x, w, length, groups=groups, **place)
        if axis == 0:
            half = x.shape[0] // 2
            xs, ws, sizes = (x[:half], x[half:]), (w, w), (groups, groups)
        else:
            half = groups // 2
            at, row = half * (x.shape[1] // groups), half * (w.shape[0] // groups)
            xs, ws, sizes = (x[:, :at], x[:, at:]), (w[:row], w[row:]), (half, groups - half)
        parts = at_once(
            *(
                lambda x=x, w=w, n=n: form(x, w, length, groups=n, **place)
                for x, w, n in zip(xs, ws, sizes, strict=True)
            )
        )
        return mx.concatenate(parts, axis)

    return both


def halved_weight_grad(form: Callable[..., mx.array]) -> Callable[..., mx.array]:
    """A weight gradient form(x, g, K, ...) likewise."""

    @wraps(form)
    def both(x: mx.array, g: mx.array, K: int, *, groups: int, **place: int) -> mx.array:
        axis = _cuts(x, groups)
        if axis < 0:
            return form(x, g, K, groups=groups, **place)
        if axis == 0:
            half = x.shape[0] // 2
            first, second = at_once(
                lambda: form(x[:half], g[:half], K, groups=groups, **place),
                lambda: form(x[half:], g[half:], K, groups=groups, **place),
            )
            return first + second
        half = groups // 2
        i, o = half * (x.shape[1] // groups), half * (g.shape[1] // groups)
        parts = at_once(
            lambda: form(x[:, :i], g[:, :o], K, groups=half, **place),
            lambda: form(x[:, i:], g[:, o:], K, groups=groups - half, **place),
        )
        return mx.concatenate(parts)

    return both

"""Two halves of a computation at the same time.

A CPU stream of MLX is one thread, and the matmuls of a depthwise convolution are too small for the
threads of a BLAS, so a second stream is what keeps a second core busy. Measured on 2 cores: passes
over memory of up to 16 MB take half the time, and a change of streams 1 us.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import TypeVar

import mlx.core as mx

from lucid import _shards
from lucid._device import on_cpu
from lucid._sums import divided

Form = Callable[..., mx.array]
T = TypeVar("T")  # arrays
LEAST = 1 << 17  # elements of a signal; below, starting the second thread costs what it saves


def at_once(first: Callable[[], T], second: Callable[[], T]) -> list[T]:
    """The results of both; on the CPU each is computed by a thread of its own."""
    return _shards.each([first, second]) if on_cpu() else [first(), second()]


def halved(form: Form, times: int = 1) -> Form:
    """form(x, w, length, ...) by halves of the samples or, of a single one, of the groups, where a
    signal has `times` LEAST elements."""

    @wraps(form)
    def both(x: mx.array, w: mx.array, length: int, *, groups: int, **place: int) -> mx.array:
        if not _worthwhile(x, groups, times):
            return form(x, w, length, groups=groups, **place)
        halves = _halves(partial(form, **place), x, w, length, groups, of_samples=False)
        return mx.concatenate(halves, 0 if x.shape[0] > 1 else 1)

    return both


def halved_weight_grad(form: Form) -> Form:
    """form(x, g, K, ...) likewise; the weight gradients of two halves of the samples add up."""

    @wraps(form)
    def both(x: mx.array, g: mx.array, K: int, *, groups: int, **place: int) -> mx.array:
        if not _worthwhile(x, groups):
            return form(x, g, K, groups=groups, **place)
        halves = _halves(partial(form, **place), x, g, K, groups, of_samples=True)
        return halves[0] + halves[1] if x.shape[0] > 1 else mx.concatenate(halves)

    return both


def _halves(
    form: Form, x: mx.array, other: mx.array, size: int, groups: int, *, of_samples: bool
) -> list[mx.array]:
    """form(x, other, size, groups=...) of each half; `of_samples`: the other array has samples."""
    N = x.shape[0]
    counts = [groups, groups] if N > 1 else [groups // 2, groups - groups // 2]
    if N > 1:
        xs = divided(x, 0, N // 2)
        others = divided(other, 0, N // 2) if of_samples else (other, other)
    else:
        xs, others = _cut(x, 1, groups), _cut(other, int(of_samples), groups)
    parts = zip(xs, others, counts, strict=True)
    return at_once(*[partial(form, x, other, size, groups=n) for x, other, n in parts])


def _worthwhile(x: mx.array, groups: int, times: int = 1) -> bool:
    return (
        on_cpu()
        and not _shards.is_inside()
        and x.size >= times * LEAST
        and (x.shape[0] > 1 or groups > 1)
    )


def _cut(a: mx.array, axis: int, groups: int) -> tuple[mx.array, mx.array]:
    """The part of the first half of the groups, and that of the others."""
    return divided(a, axis, a.shape[axis] // groups * (groups // 2))
